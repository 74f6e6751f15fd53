/**
 * A backup is taken while messages come in and agents work, checked, and restored to another home: the daemon there
 * goes on, everything said before is answered, nothing is repeated unmarked. And what a restore refuses, it leaves as it was.
 */
import {
  copyFileSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listBackups } from '../../src/backup/keep.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';

const CANARY = 'sk-ant-canary-0123456789abcdef';

let api: BotApi;
let home: TestHome;
let other: TestHome;

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  other = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
});
afterEach(async () => {
  await home.dispose();
  await other.dispose();
  await api.close();
});

const instance = (of: TestHome) =>
  of.row<{ value: string }>("SELECT value FROM meta WHERE key = 'instance_id'")?.value;

interface Made {
  file: string;
  tables: Record<string, number>;
  skipped: string[];
}

async function backup(...args: string[]): Promise<Made> {
  const { code, stdout, stderr } = await home.nanoclaw('backup', '--json', ...args);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return JSON.parse(stdout) as Made;
}

it('under load: the restored daemon answers what was waiting, once, and goes on', async () => {
  const chats = Array.from({ length: 6 }, (_, n) => api.group(`Group ${n}`));
  home.registerAll(
    chats.map((chat, n) => ({ chatJid: String(chat), name: `Group ${n}`, folder: `group-${n}` })),
  );
  const daemon = await home.start({ MAX_CONCURRENT_CONTAINERS: '2' });
  for (const chat of chats) api.sim.say({ chat, from: 'you', text: '@Nina remember that I like tea' });
  for (let n = 0; n < 40; n += 1)
    api.sim.say({ chat: chats[n % chats.length] ?? 0, from: 'anna', text: `@Nina say word-${n}` });
  await home.until(() => home.row("SELECT 1 FROM messages WHERE disposition = 'answered'"), 'a first answer');
  const { file } = await backup('--to', home.file('mine.tar.gz'));
  // The disaster: nothing that happens later survives, and Telegram has seen whatever was sent until here.
  await daemon.kill('SIGKILL');

  const { code, stderr, stdout } = await other.nanoclaw('restore', file);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('no tokens or keys');
  await other.start();
  const stored =
    other.row<{ n: number }>('SELECT count(*) AS n FROM messages WHERE is_bot_message = 0')?.n ?? 0;
  expect(stored).toBeGreaterThan(0);
  await other.until(
    () =>
      !other.row(
        "SELECT 1 FROM messages WHERE disposition IS NULL UNION ALL SELECT 1 FROM outbox WHERE state NOT IN ('sent', 'failed')",
      ),
    'everything to be settled',
  );
  expect(
    other.rows("SELECT disposition FROM messages WHERE is_bot_message = 0 AND disposition <> 'answered'"),
  ).toEqual([]);
  expect(await api.ask(chats[0] ?? 0, '@Nina ping')).toBe('pong');
  expect(other.rows('SELECT folder FROM registered_groups')).toHaveLength(chats.length);
  // Each question stands in one turn that was done, and no other.
  expect(
    other.rows(
      "SELECT 1 FROM messages m JOIN turns t ON t.id = m.turn_id WHERE m.is_bot_message = 0 AND t.state <> 'done'",
    ),
  ).toEqual([]);
});

it('under load, to the word: nothing said before is lost, and nothing is said twice without ↻', async () => {
  const chats = Array.from({ length: 4 }, (_, n) => api.group(`Group ${n}`));
  home.registerAll(
    chats.map((chat, n) => ({ chatJid: String(chat), name: `Group ${n}`, folder: `group-${n}` })),
  );
  const daemon = await home.start();
  const words = Array.from({ length: 40 }, (_, n) => `word-${n}-end`);
  const chatOf = (n: number) => chats[n % chats.length] ?? 0;
  words.forEach((word, n) => void api.sim.say({ chat: chatOf(n), from: 'anna', text: `@Nina say ${word}` }));
  await home.until(
    () => (home.row<{ n: number }>("SELECT count(*) AS n FROM outbox WHERE state = 'sent'")?.n ?? 0) >= 5,
    'some to be answered',
  );
  for (const chat of chats) api.sim.say({ chat, from: 'anna', text: '@Nina slow 3' });
  await home.until(
    () => home.row("SELECT 1 FROM messages WHERE content LIKE '%slow 3' AND disposition IS NULL"),
    'one that takes a while',
  );
  // It does nothing more after this moment, of which the backup is, and dies with sends and turns in flight.
  process.kill(daemon.pid, 'SIGSTOP');
  const { file } = await backup('--to', home.file('mine.tar.gz'));
  await daemon.kill('SIGKILL');
  expect(home.row('SELECT 1 FROM messages WHERE disposition IS NULL')).toBeDefined();

  expect((await other.nanoclaw('restore', file)).code).toBe(0);
  await other.start();
  const said = (n: number) => api.answers(chatOf(n)).filter((text) => text.includes(words[n] ?? '?'));
  await api.until(() => words.every((_, n) => said(n).length > 0), 'every word');
  await other.until(
    () =>
      !other.row(
        "SELECT 1 FROM messages WHERE disposition IS NULL UNION ALL SELECT 1 FROM outbox WHERE state NOT IN ('sent', 'failed')",
      ),
    'everything to be settled',
  );
  for (const [n, word] of words.entries()) {
    const plain = said(n).filter((text) => !text.startsWith('↻'));
    expect({ word, plain: plain.length }).toEqual({ word, plain: 1 });
    expect(said(n).length).toBeLessThanOrEqual(2);
  }
  expect(await api.ask(chatOf(0), '@Nina ping')).toBe('pong');
});

it('holds groups, sessions and settings, but no secret unless asked, and follows no link', async () => {
  const chat = api.group('Family');
  await home.addGroup(chat, 'family');
  writeFileSync(
    home.file('.env'),
    `# my key is ${CANARY}\nANTHROPIC_API_KEY=${CANARY}\nTZ=Europe/Berlin\nOTHER=${CANARY}\n`,
  );
  writeFileSync(home.file('groups/family/notes.md'), 'tea');
  mkdirSync(home.file('data/sessions/family'), { recursive: true });
  writeFileSync(home.file('data/sessions/family/s.jsonl'), '{}\n');
  symlinkSync('/etc/passwd', home.file('groups/family/link'));
  mkdirSync(home.file('elsewhere'));
  writeFileSync(home.file('elsewhere/private'), CANARY);
  symlinkSync(home.file('elsewhere'), home.file('groups/family/folder'));
  const made = await backup();
  expect(made.skipped).toEqual([]);
  expect(made.file.startsWith(home.file('data/backups/nanoclaw-'))).toBe(true);

  await other.nanoclaw('restore', made.file);
  expect(other.read('groups/family/notes.md')).toBe('tea');
  expect(other.read('data/sessions/family/s.jsonl')).toBe('{}\n');
  expect(other.read('.env')).toBe(
    '#\n# ANTHROPIC_API_KEY: not in this backup\nTZ=Europe/Berlin\n# OTHER: not in this backup\n',
  );
  expect(existsSync(other.file('elsewhere'))).toBe(false);

  const whole = await backup('--with-secrets', '--to', home.file('whole.tar.gz'));
  rmSync(other.dir, { recursive: true });
  mkdirSync(other.dir);
  await other.nanoclaw('restore', whole.file);
  expect(other.read('.env')).toContain(`ANTHROPIC_API_KEY=${CANARY}`);
});

it('keeps as many as it is told, and lists them', async () => {
  await home.addGroup(api.group('Family'), 'family');
  for (let n = 0; n < 3; n += 1) await backup('--keep', '2');
  writeFileSync(home.file('data/backups/mine.tar.gz'), 'not yours');
  expect(listBackups(home.file('data/backups'))).toHaveLength(2);
  const { stdout } = await home.nanoclaw('backup', 'list', '--json');
  expect(JSON.parse(stdout)).toHaveLength(2);
  expect(existsSync(home.file('data/backups/mine.tar.gz'))).toBe(true);
});

describe('restore', () => {
  let file: string;
  beforeEach(async () => {
    await home.addGroup(api.group('Family'), 'family');
    writeFileSync(home.file('groups/family/notes.md'), 'first');
    ({ file } = await backup('--to', home.file('mine.tar.gz')));
  });

  it('refuses while a daemon runs, and over a database; with --replace the old is kept aside', async () => {
    const daemon = await home.start();
    expect(await home.nanoclaw('restore', '--replace', file)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('runs already'),
    });
    await daemon.kill('SIGTERM');
    writeFileSync(home.file('groups/family/notes.md'), 'second');
    const before = instance(home);
    expect(await home.nanoclaw('restore', file)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--replace'),
    });
    expect(home.read('groups/family/notes.md')).toBe('second');

    const { code, stdout } = await home.nanoclaw('restore', '--replace', '--json', file);
    expect(code).toBe(0);
    const { aside } = JSON.parse(stdout) as { aside: string };
    expect(home.read('groups/family/notes.md')).toBe('first');
    expect(readFileSync(path.join(aside, 'groups/family/notes.md'), 'utf8')).toBe('second');
    expect(existsSync(path.join(aside, 'data/nanoclaw.db'))).toBe(true);
    expect(instance(home)).toBe(before);
  });

  it('gives another home an instance of its own, so that the two leave each other’s containers alone', async () => {
    expect((await other.nanoclaw('restore', file)).code).toBe(0);
    expect(instance(other)).not.toBe(instance(home));
  });

  it.each<[string, (file: string) => void | Promise<void>, RegExp]>([
    ['cut off', (bad) => truncateSync(bad, readFileSync(bad).length - 200), /no whole backup/],
    ['empty', (bad) => writeFileSync(bad, ''), /no whole backup/],
    ['no archive at all', (bad) => writeFileSync(bad, 'hello'), /no whole backup/],
    ['with a path that leads out', (bad) => archive(bad, { '../evil': 'x' }), /belongs to no backup/],
    ['with an absolute path', (bad) => archive(bad, { '/etc/evil': 'x' }), /belongs to no backup/],
    [
      'with a file that its manifest does not know',
      (bad) => archive(bad, { 'groups/x/evil': 'x' }),
      /no manifest/,
    ],
  ])('refuses an archive %s, and changes nothing', async (_, spoil, reason) => {
    const bad = home.file('bad.tar.gz');
    copyFileSync(file, bad);
    await spoil(bad);
    const { code, stderr } = await home.nanoclaw('restore', '--replace', bad);
    expect(stderr).toMatch(reason);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(code).toBe(1);
    expect(home.read('groups/family/notes.md')).toBe('first');
    expect(home.rows('SELECT folder FROM registered_groups')).toEqual([{ folder: 'family' }]);
  });
});

async function archive(file: string, content: Record<string, string>): Promise<void> {
  const tar = pack();
  for (const [name, text] of Object.entries(content)) tar.entry({ name }, text);
  tar.finalize();
  await pipeline(tar, createGzip(), createWriteStream(file));
}
