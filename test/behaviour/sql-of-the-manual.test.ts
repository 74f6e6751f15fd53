/**
 * Every SQL block of the manual, taken from its pages and run as it stands, read-only, while a daemon works with the database:
 * each finds what it is for. And the columns that docs/sql.md promises are there.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseFile } from '../../src/db/open.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';

const DOCS = path.resolve(import.meta.dirname, '../../docs');
const noSqlite = spawnSync('sqlite3', ['--version']).error ? 'sqlite3 is not installed' : null;

const queries = readdirSync(DOCS)
  .filter((page) => page.endsWith('.md'))
  .flatMap((page) =>
    [
      ...readFileSync(path.join(DOCS, page), 'utf8').matchAll(
        /(?:^#+ ([^\n]+)\n(?:(?!^#|^```)[\s\S])*)?^```sql\n([\s\S]*?)^```/gm,
      ),
    ].map(([, title = '', sql = '']) => ({ page, title, sql: sql.trim() })),
  );

let api: BotApi;
let home: TestHome;
let chat: number;

beforeAll(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  chat = api.group('Family');
  const busy = api.group('Busy');
  home.registerAll([
    { chatJid: String(chat), name: 'Family', folder: 'family' },
    { chatJid: String(busy), name: 'Busy', folder: 'busy' },
  ]);
  // What a turn that failed at last leaves; and the offline agent asks no model.
  const at = new Date(Date.now() - 3_600_000).toISOString();
  home.write(
    `INSERT INTO turns (id, chat_jid, group_folder, kind, state, attempt, chain, queued_at, started_at, finished_at, error_code, error)
     VALUES ('t', '${chat}', 'family', 'messages', 'failed', 3, 't', '${at}', '${at}', '${at}', 'AGENT_FAILED', 'it fell')`,
  );
  const day = new Date().toISOString().slice(0, 10);
  home.write(
    `INSERT INTO model_usage (group_folder, day, requests, failures, input_tokens, output_tokens) VALUES ('family', '${day}', 3, 1, 1200, 340)`,
  );
  await home.start();
  await api.ask(chat, '@Nina ping');
  const { code } = await home.nanoclaw(
    'tasks',
    'add',
    'water',
    '--group',
    'family',
    '--schedule',
    '0 9 * * *',
  );
  expect(code).toBe(0);
  // Refused: not main's.
  await api.ask(chat, '/register 1 x');
  // One answer cannot be sent, and one is being worked at.
  api.sim.faults.failNext('sendMessage', { status: 429, retryAfter: 600 }, { times: 1000 });
  api.sim.say({ chat, from: 'you', text: '@Nina what did I say before' });
  api.sim.say({ chat: busy, from: 'you', text: '@Nina slow 300' });
  // Refused once: before that it may be the answer to /register, whose success is not noted yet.
  const refused = "SELECT 1 FROM outbox WHERE state = 'pending' AND attempts > 0 AND not_before IS NOT NULL";
  await home.until(() => home.row(refused), 'a reply that waits');
  await home.until(
    () => home.row(`SELECT 1 FROM turns WHERE state = 'running' AND chat_jid = '${busy}'`),
    'a turn that goes on',
  );
});
afterAll(async () => {
  await home.dispose();
  await api.close();
});

it('there are ten at least', () => {
  expect(queries.filter(({ page }) => page === 'sql.md').length).toBeGreaterThanOrEqual(10);
});

describe.each(queries)('$page, $title', ({ sql }) => {
  const asked = () => sql.replaceAll('123456789', String(chat));

  it('finds something, beside the daemon', () => {
    const [first] = home.rows(asked());
    expect(first).toBeDefined();
    expect(Object.values(first ?? {}).some((value) => value !== null)).toBe(true);
  });

  it.skipIf(noSqlite)(`the same with sqlite3 -readonly${noSqlite ? ` (skipped: ${noSqlite})` : ''}`, () => {
    const shell = () =>
      spawnSync('sqlite3', ['-readonly', databaseFile(home.dir), asked()], { encoding: 'utf8' });
    const lines = (text: string) => text.trim().split('\n').length;
    const { status, stdout, stderr } = shell();
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    // The daemon works on: what it wrote between the two is no difference of theirs, and then the next look is the same.
    for (let tries = 0, shown = stdout; lines(shown) !== home.rows(asked()).length; shown = shell().stdout)
      expect(tries++).toBeLessThan(20);
  });
});

const promised = [
  ...readFileSync(path.join(DOCS, 'sql.md'), 'utf8').matchAll(/^\| `(\w+)` \|[^|]*\| (.*) \|$/gm),
];

it('the page promises every table of its list', () => {
  expect(promised.map(([, table]) => table)).toContain('messages');
  expect(promised.length).toBeGreaterThanOrEqual(12);
});

it.each(promised.map(([, table = '', columns = '']) => ({ table, columns })))(
  '$table has the columns it promises',
  ({ table, columns }) => {
    const names = [...columns.replaceAll(/\([^)]*\)/g, '').matchAll(/`(\w+)`/g)].map(
      ([, name]) => `"${name}"`,
    );
    expect(names.length).toBeGreaterThan(1);
    const there = home
      .rows<{ name: string }>(`SELECT name FROM pragma_table_info('${table}')`)
      .map(({ name }) => `"${name}"`);
    expect(there).toEqual(expect.arrayContaining(names));
  },
);
