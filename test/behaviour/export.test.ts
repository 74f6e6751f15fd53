/** nanoclaw export: one group's own in a readable archive, and nothing else's. */
import { createReadStream, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';

const SECRET = 'sk-ant-canary-0123456789abcdef';
const OTHER = 'words-of-the-other-group';

let api: BotApi;
let home: TestHome;
beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

interface Entry {
  content: string;
  link: string | null;
}

async function unpack(file: string): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  const tar = extract();
  createReadStream(file).pipe(createGunzip()).pipe(tar);
  for await (const entry of tar)
    entries.set(entry.header.name.replace(/\/$/, ''), {
      content: await text(entry),
      link: entry.header.linkname ?? null,
    });
  return entries;
}

it('holds what is the group’s own, while the daemon runs, and nothing of another group, no secret, nothing outside', async () => {
  const [chat, other] = [api.group('Family'), api.group('Garden')];
  home.registerAll([
    { chatJid: String(chat), name: 'Family', folder: 'family', timezone: 'Europe/Berlin' },
    { chatJid: String(other), name: 'Garden', folder: 'garden' },
  ]);
  writeFileSync(home.file('.env'), `ANTHROPIC_API_KEY=${SECRET}\nAGENT_PROVIDER=offline\n`);
  await home.start();
  await api.ask(chat, '@Nina remember that\nI like tea');
  await api.ask(other, `@Nina remember ${OTHER}`);
  for (const [folder, what] of [
    ['family', 'water the plants'],
    ['garden', OTHER],
  ] as const)
    expect(
      (await home.nanoclaw('tasks', 'add', what, '--group', folder, '--schedule', '0 9 * * *')).code,
    ).toBe(0);
  writeFileSync(home.file('groups/family/notes.md'), 'tea');
  mkdirSync(home.file('groups/family/deep'));
  const links: [string, string][] = [
    ['inside', 'notes.md'],
    ['deep/up', '../notes.md'],
    ['away', '/etc/passwd'],
    ['sideways', '../garden/CLAUDE.md'],
    ['deep/out', '../../../.env'],
    ['folder', '../garden'],
    ['deep/top', '../.'],
    ['winding', 'deep/top/../../.env'],
  ];
  for (const [name, to] of links) symlinkSync(to, home.file('groups/family', name));

  const { code, stdout, stderr } = await home.nanoclaw('export', 'family', '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const made = JSON.parse(stdout) as { file: string; messages: number; tasks: number; skipped: string[] };
  expect(made.file.startsWith(home.file('data/exports/nanoclaw-export-family-'))).toBe(true);
  expect(statSync(made.file).mode & 0o777).toBe(0o600);
  expect(made).toMatchObject({ messages: 2, tasks: 1 });
  expect(made.skipped.map((line) => line.split(':')[0]).sort()).toEqual([
    'groups/family/away',
    'groups/family/deep/out',
    'groups/family/folder',
    'groups/family/sideways',
    'groups/family/winding',
  ]);

  const entries = await unpack(made.file);
  const content = (name: string) => entries.get(name)?.content ?? `no ${name}`;
  expect(JSON.parse(content('group.json'))).toMatchObject({ chat_jid: String(chat), folder: 'family' });
  const messages = content('messages.jsonl')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(messages).toEqual([
    expect.objectContaining({ content: '@Nina remember that\nI like tea', disposition: 'answered' }),
    expect.objectContaining({ is_bot_message: 1 }),
  ]);
  expect(content('messages.md')).toMatch(
    /# Family[\s\S]*Europe\/Berlin[\s\S]*> @Nina remember that\n> I like tea/,
  );
  expect(JSON.parse(content('tasks.json'))).toMatchObject([{ prompt: 'water the plants', runs: [] }]);
  expect(JSON.parse(content('turns.jsonl'))).toMatchObject({ kind: 'messages', state: 'done' });
  expect(JSON.parse(content('usage.jsonl'))).toMatchObject({
    day: expect.stringMatching(/^\d{4}-/),
    turns: 1,
  });
  expect(content('groups/family/notes.md')).toBe('tea');
  expect(entries.get('groups/family/inside')?.link).toBe('notes.md');
  expect([...entries.keys()].some((name) => name.startsWith('data/sessions/family/'))).toBe(true);

  for (const [name, { content: held }] of entries) {
    expect(name).toMatch(
      /^(group\.json|tasks\.json|(?:turns|usage)\.jsonl|messages\.(jsonl|md)|groups\/family|data\/sessions\/family)(\/|$)/,
    );
    for (const foreign of [OTHER, SECRET, api.sim.token, String(other), 'root:x:'])
      expect({ name, held }).not.toEqual({ name, held: expect.stringContaining(foreign) });
  }
});

it('refuses an unknown group and a target that is there', async () => {
  home.registerAll([{ chatJid: '-42', name: 'Family', folder: 'family' }]);
  expect(await home.nanoclaw('export', 'garden')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('groups list'),
  });
  writeFileSync(home.file('mine.tar.gz'), 'mine');
  expect(await home.nanoclaw('export', 'family', '--to', home.file('mine.tar.gz'))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('exists already'),
  });
  expect(home.read('mine.tar.gz')).toBe('mine');
});
