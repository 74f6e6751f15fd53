/**
 * /forget with a real daemon: what was said is gone from every file of the home, as one who looks with `strings` would find it; the
 * receipt is true; nobody has anything of others forgotten, but for main.
 */
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SimEvents } from '../../src/simulator/simulator.ts';
import { runCli } from '../support/cli.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';

let api: BotApi;
let home: TestHome;
let family: number;
let main: number;
let told: SimEvents['callback-answered'][];

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({
    ...api.settings,
    CONTAINER_RUNTIME: 'process',
    AGENT_PROVIDER: 'offline',
    LOG_LEVEL: 'trace',
  });
  main = api.group('Main', 'you');
  family = api.group('Family', 'you', 'anna', 'ben');
  home.registerAll([
    { chatJid: String(main), name: 'Main', folder: 'main', isMain: true },
    { chatJid: String(family), name: 'Family', folder: 'family' },
  ]);
  told = [];
  api.sim.on('callback-answered', (event) => told.push(event));
  await home.start();
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

/** Files of the home that hold these bytes. */
function holding(text: string, from = home.dir): string[] {
  const needle = Buffer.from(text);
  return readdirSync(from, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(from, entry.name);
    if (entry.isDirectory()) return holding(text, file);
    if (!entry.isFile()) return [];
    return readFileSync(file).includes(needle) || entry.name.includes(text)
      ? [path.relative(home.dir, file)]
      : [];
  });
}
const gone = (text: string) =>
  home.until(() => holding(text).length === 0, `no file with "${text}", not ${holding(text)}`);
const says = async (chat: number, text: string | RegExp) => {
  const isIt = (said: string) => (typeof text === 'string' ? said.includes(text) : text.test(said));
  try {
    return await api.until(() => api.answers(chat).find(isIt), `${text}`);
  } catch {
    throw new Error(`expected "${text}" among ${JSON.stringify(api.answers(chat))}`);
  }
};
const stored = (content: string) =>
  home.until(() => home.row('SELECT 1 FROM messages WHERE content = ?', content), `"${content}" stored`);
const press = async (chat: number, label: string, from: string) => {
  const id = api.press(chat, label, from);
  await api.until(() => told.some((each) => each.id === id), `the answer to the press of "${label}"`);
  return told.find((each) => each.id === id)?.text;
};
const indexed = (words: string) =>
  home.until(
    () => home.row("SELECT 1 FROM search_words WHERE words LIKE '%' || ? || '%'", words),
    `"${words}" in the index`,
    30_000,
  );

describe('as a reply to a message of one’s own', () => {
  it('it is gone with its answer, its file, quotes of it, its edits and archived lines, from every file', async () => {
    api.sim.say({ chat: family, from: 'ben', text: 'The weather is fine' });
    const said = api.sim.say({
      chat: family,
      from: 'anna',
      caption: '@Nina note this: marzipanquelle hides below the stairs',
      file: {
        kind: 'document',
        name: 'plan.txt',
        mime: 'text/plain',
        bytes: Buffer.from('dig at the marzipanquelle'),
      },
    });
    await says(family, /You said: .*marzipanquelle/);
    api.sim.edit({
      chat: family,
      messageId: said.message_id,
      text: '@Nina note this: MARZIPANQUELLE hides in the cellar',
    });
    api.sim.say({ chat: family, from: 'ben', text: 'Is that so?', replyTo: said.message_id });
    await stored('Is that so?');
    mkdirSync(home.file('groups/family/conversations'), { recursive: true });
    writeFileSync(
      home.file('groups/family/conversations/a.md'),
      '# Monday\n**Anna**: @Nina note this: marzipanquelle hides below the stairs [attachments/plan.txt]\n**Ben**: The weather is fine\n**Ben**: (to Anna: “@Nina note this: marzipanquelle hides”) No\n',
    );
    await indexed('marzipanquelle');
    expect(holding('marzipanquelle')).toEqual(
      expect.arrayContaining(
        ['data/nanoclaw.db', 'groups/family/attachments/plan.txt', 'groups/family/conversations/a.md'].map(
          (name) => expect.stringContaining(path.basename(name)),
        ),
      ),
    );

    api.sim.say({ chat: family, from: 'anna', text: '/forget', replyTo: said.message_id });
    expect(await says(family, 'Forgotten')).toMatch(
      /^Forgotten: 1 message, 1 answer of mine to them, \d+ entr(y|ies) of the search index, 1 file, 2 lines of archives and notes, 1 conversation with the model: the next message begins a fresh one\.\nWhat I cannot remove/,
    );
    await gone('marzipanquelle');
    await gone('MARZIPANQUELLE');
    await gone('below the stairs');
    expect(readFileSync(home.file('groups/family/conversations/a.md'), 'utf8')).toBe(
      '# Monday\n**Ben**: The weather is fine\n',
    );
    expect(home.row('SELECT 1 FROM messages WHERE content = ?', 'The weather is fine')).toBeDefined();
    expect(home.row('SELECT 1 FROM messages WHERE content = ?', 'Is that so?')).toBeDefined();
    expect(await api.ask(family, '@Nina find stairs')).not.toContain('marzipan');
    expect(home.row("SELECT actor, detail FROM audit_log WHERE action = 'forget'")).toEqual({
      actor: expect.stringContaining('telegram:'),
      detail: '1 messages, 1 answers, 1 files, 2 lines, 1 conversations',
    });
  }, 60_000);

  it('nobody has another’s message forgotten; main may', async () => {
    const his = api.sim.say({ chat: family, from: 'ben', text: 'said by Ben' });
    await stored('said by Ben');
    api.sim.say({ chat: family, from: 'anna', text: '/forget', replyTo: his.message_id });
    await says(family, 'That is not a message of yours');
    api.sim.say({ chat: family, from: 'anna', text: '/forget' });
    await says(family, 'Send /forget as a reply to a message of yours');
    expect(home.row('SELECT 1 FROM messages WHERE content = ?', 'said by Ben')).toBeDefined();
    const mine = api.sim.say({ chat: main, from: 'you', text: 'said in main' });
    await says(main, 'You said');
    api.sim.say({ chat: main, from: 'you', text: '/forget', replyTo: mine.message_id });
    await says(main, 'Forgotten: 1 message');
    await gone('said in main');
  });
});

describe('of all one’s messages', () => {
  it('it asks with a button that nobody else may press; others’ messages stay', async () => {
    for (let i = 0; i < 30; i += 1) {
      api.sim.say({ chat: family, from: 'anna', text: `anna tells number ${i} kirschwasser` });
      api.sim.say({ chat: family, from: 'ben', text: `ben tells number ${i} pflaumenmus` });
    }
    api.sim.say({ chat: family, from: 'anna', text: '/forget mine today' });
    await says(family, /^Forget 30 messages of yours here since .*This cannot be undone\.$/);
    expect(await press(family, 'Forget them', 'ben')).toBe('You may not decide this.');
    expect(holding('kirschwasser')).not.toEqual([]);
    expect(await press(family, 'Forget them', 'anna')).toBe('');
    await says(family, /^Forgotten: 30 messages, 0 answers/);
    await gone('kirschwasser');
    expect(home.rows("SELECT 1 FROM messages WHERE content LIKE '%pflaumenmus'")).toHaveLength(30);
    api.sim.say({ chat: family, from: 'ben', text: '/forget mine 0s' });
    await says(family, 'There is nothing to forget');
    api.sim.say({ chat: family, from: 'ben', text: '/forget mine yesterday' });
    await says(family, 'expected all, today, a day like 2026-11-02');
  });
});

describe('main', () => {
  it('has a person’s messages, or all of a group, forgotten', async () => {
    for (const from of ['anna', 'ben', 'you'])
      api.sim.say({ chat: family, from, text: `zwetschgendatschi of ${from}` });
    await stored('zwetschgendatschi of you');
    expect(await api.ask(main, '/forget garden')).toContain('That did not work');
    expect(await api.ask(main, '/forget family Berta')).toContain('nobody in “Family” is called “Berta”');
    expect(await api.ask(main, '/forget family ANNA 1h')).toMatch(
      /^Forget 1 message of Anna in “Family” since /,
    );
    await press(main, 'Forget them', 'you');
    await says(main, 'Forgotten: 1 message');
    await gone('zwetschgendatschi of anna');
    expect(holding('zwetschgendatschi of ben')).not.toEqual([]);
    expect(await api.ask(main, '/forget family')).toMatch(
      /^Forget 2 messages, everybody’s, in “Family”, with/,
    );
    await press(main, 'Never mind', 'you');
    expect(holding('zwetschgendatschi of ben')).not.toEqual([]);
    await api.ask(main, '/forget family');
    await press(main, 'Forget them', 'you');
    await gone('zwetschgendatschi');
  });
});

describe('nanoclaw forget', () => {
  it('says how many are meant, and has the daemon forget them', async () => {
    api.sim.say({ chat: family, from: 'anna', text: 'apfelstrudel' });
    await stored('apfelstrudel');
    expect((await runCli(home, {}, 'forget', 'family')).stdout).toMatch(
      /^1 are meant\. Say it again with --yes/,
    );
    expect(holding('apfelstrudel')).not.toEqual([]);
    const { stdout } = await runCli(home, {}, 'forget', 'family', '--yes', '--json');
    expect(JSON.parse(stdout)).toEqual({ meant: 1, state: 'begun' });
    await gone('apfelstrudel');
  });

  it('forgets them itself while none runs', async () => {
    for (const from of ['anna', 'ben']) api.sim.say({ chat: family, from, text: `apfelstrudel of ${from}` });
    await stored('apfelstrudel of ben');
    await home.killAll();
    const anna =
      home.row<{ sender: string }>("SELECT sender FROM messages WHERE sender_name = 'Anna'")?.sender ?? '';
    const { stdout } = await runCli(home, {}, 'forget', 'family', '--person', anna, '--since', '1h', '--yes');
    expect(stdout).toContain('Forgotten: 1 message, ');
    expect(holding('apfelstrudel of anna')).toEqual([]);
    expect(holding('apfelstrudel of ben')).not.toEqual([]);
    const wrong = await runCli(home, {}, 'forget', 'family', '--message', '99999', '--yes');
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('There is no message "99999"') });
  });
});

it('where an agent has taken the daemon’s right to write away, the rest is forgotten, and the receipt says so', async () => {
  for (const from of ['anna', 'ben']) api.sim.say({ chat: family, from, text: `apfelstrudel of ${from}` });
  await stored('apfelstrudel of ben');
  await home.killAll();
  const team = home.file('groups/family/conversations/team');
  mkdirSync(team, { recursive: true });
  for (const file of ['../a.md', 'b.md']) writeFileSync(path.join(team, file), 'apfelstrudel of anna\n');
  // Root may write everywhere.
  if (process.getuid?.() === 0) {
    home.uid = 65_534;
    for (const each of ['.', ...readdirSync(home.dir, { recursive: true, encoding: 'utf8' })])
      lchownSync(home.file(each), home.uid, home.uid);
  }
  chmodSync(team, 0o555);
  try {
    const { stdout, stderr } = await home.nanoclaw('forget', 'family', '--yes');
    expect(stderr).toBe('');
    expect(stdout).toContain('Forgotten: 2 messages, ');
    expect(stdout).toContain('Not removed: 1 file or archive in the group’s folder');
  } finally {
    chmodSync(team, 0o755);
  }
  expect(holding('apfelstrudel')).toEqual(['groups/family/conversations/team/b.md']);
});

it('what is being worked on stays, and the receipt says so', async () => {
  const said = api.sim.say({ chat: family, from: 'anna', text: '@Nina slow 600' });
  await home.until(() => home.row("SELECT 1 FROM turns WHERE state = 'running'"), 'a running turn');
  api.sim.say({ chat: family, from: 'anna', text: '/forget', replyTo: said.message_id });
  expect(await says(family, 'Forgotten: 0 messages')).toContain(
    'Not yet: 1 message that I am still working on',
  );
  expect(home.row('SELECT 1 FROM messages WHERE content = ?', '@Nina slow 600')).toBeDefined();
});

it('goes on after a kill, and tells it once', async () => {
  for (let i = 0; i < 200; i += 1) api.sim.say({ chat: family, from: 'anna', text: `birnenbrot ${i}` });
  await stored('birnenbrot 199');
  api.sim.say({ chat: family, from: 'anna', text: '/forget mine' });
  await says(family, /^Forget 200 messages of yours here, with/);
  await press(family, 'Forget them', 'anna');
  await home.until(
    () =>
      (home.row<{ n: number }>("SELECT count(*) AS n FROM messages WHERE content LIKE 'birnenbrot %'")?.n ??
        0) < 200,
    'the first to be gone',
  );
  await home.killAll();
  expect(lstatSync(home.file('data/nanoclaw.db')).isFile()).toBe(true);
  await home.start();
  expect(await says(family, 'Forgotten: 200 messages')).toContain('0 answers');
  await gone('birnenbrot');
  expect(api.answers(family).filter((text) => text.startsWith('Forgotten'))).toHaveLength(1);
  expect(existsSync(home.file('data/nanoclaw.db'))).toBe(true);
});

describe('what lies outside of the database', () => {
  const SECRET = 'the spare key lies under the blue flowerpot';
  /** As Claude Code keeps a conversation, with what a tool has printed. */
  const transcript = (folder: string, lines: readonly unknown[]): { id: string; files: string[] } => {
    const id = randomUUID();
    const project = home.file('data/sessions', folder, '.claude/projects/-workspace-group');
    mkdirSync(path.join(project, id, 'tool-results'), { recursive: true });
    const files = [path.join(project, `${id}.jsonl`), path.join(project, id, 'tool-results/b1.txt')];
    writeFileSync(files[0] ?? '', lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    writeFileSync(files[1] ?? '', 'something else');
    return { id, files };
  };
  const said = (text: string) => ({ type: 'user', message: { role: 'user', content: text } });
  const session = (folder: string, id: string) =>
    home.write(
      `INSERT OR REPLACE INTO sessions (group_folder, thread_id, session_id, updated_at) VALUES ('${folder}', 9, '${id}', '2026-01-01T00:00:00.000Z')`,
    );

  it('conversations that hold it go and are begun anew, by the message’s id or its words; others stay, and so do main’s until main asks', async () => {
    const { message_id: id } = api.sim.say({ chat: family, from: 'anna', text: SECRET });
    await stored(SECRET);
    const long = {
      type: 'assistant',
      message: { content: [{ type: 'text', text: 'so it is. '.repeat(20_000) }] },
    };
    const byId = transcript('family', [
      said(`<messages>\n<message id="${id}" from="Anna">other words</message>`),
    ]);
    const byWords = transcript('family', [long, said(`Anna says: &quot;${SECRET}&quot; there`), long]);
    const mains = transcript('main', [said('\\'.repeat(100_000)), said(`search_history found: ${SECRET}`)]);
    const others = [
      transcript('family', [said('<message id="999999" from="Ben">the weather is fine</message>')]),
      transcript('main', [said(`<message id="${id}" from="You">hello</message>`)]),
    ];
    session('family', byWords.id);
    session('main', others[1]?.id ?? '');
    api.sim.say({ chat: family, from: 'anna', text: '/forget', replyTo: id });
    expect(await says(family, 'Forgotten')).toContain(
      '2 conversations with the model: the next message begins a fresh one.',
    );
    expect(api.answers(family).find((text) => text.startsWith('Forgotten'))).toContain(
      'what I was told of it in the main group',
    );
    expect(mains.files.every((file) => existsSync(file))).toBe(true);
    api.sim.say({ chat: family, from: 'anna', text: SECRET });
    await home.until(
      () => home.row('SELECT 1 FROM messages WHERE content = ?', SECRET),
      'it to be said again',
    );
    expect(await api.ask(main, '/forget family Anna')).toMatch(/^Forget \d messages? of Anna/);
    await press(main, 'Forget them', 'you');
    await says(main, /^Forgotten: .*1 conversation with the model/);
    await gone('flowerpot');
    expect([byId, byWords, mains].flatMap(({ files }) => files).filter((file) => existsSync(file))).toEqual(
      [],
    );
    expect(others.flatMap(({ files }) => files).filter((file) => !existsSync(file))).toEqual([]);
    expect(home.rows('SELECT group_folder FROM sessions WHERE thread_id = 9')).toEqual([
      { group_folder: 'main' },
    ]);
  });

  it('notes lose the lines that quote it; what stands in other words, or in CLAUDE.md, is named with file and line', async () => {
    const { message_id: id } = api.sim.say({ chat: family, from: 'anna', text: SECRET });
    await stored(SECRET);
    mkdirSync(home.file('groups/family/memory'), { recursive: true });
    writeFileSync(
      home.file('groups/family/MEMORY.md'),
      `# Memory\n- ${SECRET}\n- The cat is called Minka\n- Anna: key lies under the blue flowerpot\n`,
    );
    writeFileSync(home.file('groups/family/memory/2026-11-20.md'), `- 09:00 ${SECRET}\n- 10:00 rain\n`);
    writeFileSync(home.file('groups/family/CLAUDE.md'), `Be kind.\n\nRemember: ${SECRET}.\n`);
    api.sim.say({ chat: family, from: 'anna', text: '/forget', replyTo: id });
    const receipt = await says(family, 'Forgotten');
    expect(receipt).toContain('2 lines of archives and notes');
    expect(receipt).toContain('Notes that still quote it: CLAUDE.md:3, MEMORY.md:3.');
    expect(readFileSync(home.file('groups/family/MEMORY.md'), 'utf8')).toBe(
      '# Memory\n- The cat is called Minka\n- Anna: key lies under the blue flowerpot\n',
    );
    expect(readFileSync(home.file('groups/family/memory/2026-11-20.md'), 'utf8')).toBe('- 10:00 rain\n');
    expect(holding('flowerpot').sort()).toEqual(['groups/family/CLAUDE.md', 'groups/family/MEMORY.md']);
  });

  it('backups that were made since are named, with when they go; those of before are not', async () => {
    mkdirSync(home.file('data/backups'), { recursive: true });
    writeFileSync(home.file('data/backups/nanoclaw-20200101T000000000Z.tar.gz'), 'old');
    const { message_id: id } = api.sim.say({ chat: family, from: 'anna', text: SECRET });
    await stored(SECRET);
    expect((await home.nanoclaw('backup')).code).toBe(0);
    api.sim.say({ chat: family, from: 'anna', text: '/forget', replyTo: id });
    expect(await says(family, 'Forgotten')).toMatch(
      /Backups that still hold it: 1, made from .* to .*; they stay until somebody removes them\./,
    );
  });

  it('what the offline agent has noted of the conversation is gone as well, and the conversation begins afresh', async () => {
    api.sim.say({ chat: family, from: 'ben', text: '@Nina what did I say before?' });
    await says(family, 'You have said nothing');
    const asked = api.sim.say({ chat: family, from: 'anna', text: '@Nina my code is marzipanquelle' });
    await says(family, /You said: .*marzipanquelle/);
    expect(holding('marzipanquelle').some((file) => file.startsWith('data/sessions/family'))).toBe(true);
    api.sim.say({ chat: family, from: 'anna', text: '/forget', replyTo: asked.message_id });
    await says(family, 'Forgotten');
    await gone('marzipanquelle');
    api.sim.say({ chat: family, from: 'ben', text: '@Nina what did I say before?' });
    await api.until(
      () => api.answers(family).filter((text) => text.startsWith('You have said nothing')).length === 2,
      'a fresh conversation',
    );
  });
});

it('while a turn runs, its conversation is begun anew all the same, and the receipt says that it may still write', async () => {
  const daemon = new InnerDaemon();
  const group = daemon.register('garden');
  daemon.agent.answer = () => ({ text: 'first', session: 'aaaaaaaa-0000-4000-8000-000000000001' });
  await daemon.start();
  await daemon.say(group, 'the spare key lies under the blue flowerpot');
  await daemon.say(group, '@Nina one');
  await daemon.until(() => daemon.told(group).length === 1);
  const folder = path.join(daemon.home, 'data/sessions/garden/.nanoclaw-openai');
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'aaaaaaaa-0000-4000-8000-000000000001.jsonl');
  writeFileSync(
    file,
    `${JSON.stringify({ role: 'user', text: 'the spare key lies under the blue flowerpot' })}\n`,
  );
  utimesSync(file, daemon.clock.now() / 1000, daemon.clock.now() / 1000);
  daemon.agent.answer = () => 'hold';
  await daemon.say(group, '@Nina two');
  await daemon.until(() => daemon.agent.turns.length === 2);
  const { message_id: id } = daemon.db.sqlite
    .prepare("SELECT message_id FROM messages WHERE content LIKE 'the spare key%'")
    .get() as { message_id: number };
  await daemon.say(group, '/forget', undefined, { reply_to_message: { message_id: id, date: 0 } });
  await daemon.clock.advance(2000);
  await daemon.until(() => daemon.db.sessions.of(group.folder, 0) === null);
  expect(existsSync(file)).toBe(true);
  await daemon.clock.advance(20_000);
  await daemon.until(() => daemon.told(group).some((text) => text.startsWith('Forgotten')));
  expect(daemon.told(group).at(-1)).toMatch(
    /1 conversation with the model: the next message begins a fresh one\.\nA turn was running: /,
  );
  expect(existsSync(file)).toBe(false);
  daemon.agent.finish(daemon.agent.turns[1], { text: 'second' });
  await daemon.until(() => daemon.told(group).includes('second'));
  daemon.agent.answer = () => ({ text: 'third' });
  await daemon.say(group, '@Nina three');
  await daemon.until(() => daemon.agent.turns.length === 3);
  expect(daemon.agent.turns[2]?.session_id).toBeNull();
});

it('what cannot be removed is told to main once, when that lasts, and goes when it can', async () => {
  const daemon = new InnerDaemon();
  const main = daemon.register('main', { isMain: true });
  const group = daemon.register('garden');
  await daemon.start();
  await daemon.say(group, 'the spare key lies under the blue flowerpot');
  daemon.db.sqlite.exec(
    "CREATE TRIGGER kept BEFORE DELETE ON messages BEGIN SELECT RAISE(ABORT, 'not to be removed'); END",
  );
  const { message_id: id } = daemon.db.sqlite
    .prepare("SELECT message_id FROM messages WHERE content LIKE 'the spare key%'")
    .get() as { message_id: number };
  await daemon.say(group, '/forget', undefined, { reply_to_message: { message_id: id, date: 0 } });
  const stuck = () => daemon.told(main).filter((text) => /cannot be removed so far: not to be/.test(text));
  await daemon.clock.advance(45_000);
  expect(stuck()).toHaveLength(0);
  await daemon.clock.advance(5 * 60_000);
  await daemon.until(() => stuck().length === 1);
  expect(daemon.app?.status().problems).toMatchObject([{ kind: 'forgetting', detail: 'not to be removed' }]);
  daemon.db.sqlite.exec('DROP TRIGGER kept');
  await daemon.clock.advance(60_000);
  await daemon.until(() => daemon.told(group).some((text) => text.startsWith('Forgotten')));
  await daemon.until(() => daemon.told(main).includes('What was to be forgotten can be removed again.'));
  expect(stuck()).toHaveLength(1);
  expect(daemon.app?.status().problems).toEqual([]);
});
