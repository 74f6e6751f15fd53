/** nanoclaw messages, turns and logs: for people and for scripts, with the daemon running or stopped. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import type { ListedMessage, ListedTurn } from '../../src/db/reports.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';

let api: BotApi;
let home: TestHome;
let chat: number;

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  chat = api.group('Family');
  home.registerAll([{ chatJid: String(chat), name: 'Family', folder: 'family' }]);
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

async function list<T>(...args: string[]): Promise<T[]> {
  const { code, stdout, stderr } = await home.nanoclaw(...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as T[];
}

/** A command that goes on; its lines as they come. */
function following(...args: string[]): AsyncIterator<string> {
  const root = path.resolve(import.meta.dirname, '../..');
  const child = spawn(process.execPath, [path.join(root, 'dist/cli.js'), ...args], {
    cwd: home.dir,
    env: home.environment({}),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
}

it('messages and turns are listed, filtered, and cannot steer the terminal', async () => {
  const daemon = await home.start();
  await api.ask(chat, '@Nina ping');
  api.sim.say({ chat, from: 'anna', text: 'look: \u001b[31mred\u202e and\na new line' });
  await home.until(() => home.row("SELECT 1 FROM messages WHERE disposition = 'not_for_nina'"), 'the second');
  await home.until(() => home.row('SELECT 1 FROM messages WHERE is_bot_message = 1'), 'the answer');

  const all = await list<ListedMessage>('messages', 'family');
  expect(all.map(({ disposition }) => disposition).sort()).toEqual(['answered', 'not_for_nina', 'own']);
  expect(await list('messages', String(chat), '--disposition', 'not_for_nina')).toHaveLength(1);
  expect(await list('messages', 'family', '--limit', '1')).toEqual([all.at(-1)]);
  const [turn] = await list<ListedTurn>('turns', '--group', 'family', '--state', 'done');
  expect(turn).toMatchObject({ kind: 'messages', state: 'done', attempt: 1, error_code: null });
  expect(await list('turns', '--state', 'failed')).toEqual([]);

  const { stdout } = await home.nanoclaw('messages', 'family');
  expect(stdout).toContain('look: [31mred and a new line');
  for (const steering of ['\u001b', '\u202e']) expect(stdout).not.toContain(steering);
  await daemon.kill('SIGTERM');
  expect(await list('messages', 'family')).toHaveLength(3);
});

it('--follow goes on with what is new', async () => {
  await home.start();
  await api.ask(chat, '@Nina ping');
  const lines = following('messages', 'family', '--follow', '--json', '--disposition', 'answered');
  const next = async () => JSON.parse((await lines.next()).value as string) as ListedMessage;
  expect((await next()).content).toBe('@Nina ping');
  await api.ask(chat, '@Nina hello again');
  expect((await next()).content).toBe('@Nina hello again');
});

it('the audit log is followed, one line each, of one group', async () => {
  await home.start();
  const lines = following('audit', '--follow', '--json', '--group', 'family', '--limit', '1');
  const next = async () => JSON.parse((await lines.next()).value as string) as { action: string };
  expect((await next()).action).toBe('register_group');
  await home.addGroup(-77, 'another');
  expect(await api.ask(chat, '/unregister family')).toBe('/unregister works in the main group only.');
  expect(await next()).toMatchObject({ action: 'chat_command', outcome: 'refused', group_folder: 'family' });
});

it('logs are filtered, and followed over a rotation', async () => {
  const line = (event: string, level = 'info') =>
    `${JSON.stringify({ level, time: '2026-11-02T08:00:00.000Z', component: 'x', event, msg: `this is ${event}` })}\n`;
  const file = home.file('nanoclaw.log');
  writeFileSync(file, line('one') + line('two', 'error') + line('three', 'debug'));
  const { stdout } = await home.nanoclaw('logs');
  expect(stdout.trimEnd().split('\n')).toEqual([
    '08:00:00 info x: this is one',
    '08:00:00 error x: this is two',
  ]);
  expect((await home.nanoclaw('logs', '--level', 'error', '--json')).stdout).toBe(line('two', 'error'));

  const lines = following('logs', '--follow', '--lines', '1', '--level', 'debug');
  const next = async () => ((await lines.next()).value as string).split('this is ')[1];
  expect(await next()).toBe('three');
  renameSync(file, `${file}.1`);
  writeFileSync(file, line('four'));
  expect(await next()).toBe('four');
});

it.each([
  [['messages', 'nobody'], 1, /No registered group .*\n→/],
  [['messages', 'family', '--limit', '0'], 2, /--limit is "0"; expected a number/],
  [['turns', '--state', 'odd'], 2, /expected one of: queued/],
  [['messages', 'family', '--disposition', 'odd'], 2, /expected one of: not_for_nina, .*, open/],
  [['turns', '--group', 'famly'], 1, /No registered group .*"famly"/],
  [['audit', '--group', 'famly'], 1, /No registered group .*"famly"/],
  [['groups', 'set', 'family'], 2, /Nothing was said to be changed\.\n→/],
  [['groups', 'set', 'family', '--json'], 2, /^$/],
  [['logs', '--level', 'loud'], 2, /expected one of: trace/],
  [['logs'], 1, /There is no .*nanoclaw\.log\.\n→/],
])('%j ends with %i and says what was expected', async (args, code, reason) => {
  const ended = await home.nanoclaw(...args);
  expect(ended.code).toBe(code);
  expect(ended.stderr).toMatch(reason);
});
