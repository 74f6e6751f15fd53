/**
 * Agents that end: after the idle time, while a message arrives; killed in the middle of a turn. The whole daemon in
 * this process with real agents; only its clock is stepped.
 */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type App, createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { silentLogger } from '../../src/log.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

const IDLE_MS = 60_000;

let api: BotApi;
let home: TestHome;
let clock: FakeClock;
let app: App;
let chat: number;

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process', IDLE_TIMEOUT: String(IDLE_MS) });
  chat = api.group('Family');
  home.registerAll([{ chatJid: String(chat), name: 'Family', folder: 'family', requiresTrigger: false }]);
  clock = createFakeClock();
  app = createApp(loadConfig(home.environment({})), silentLogger(), { clock });
  await app.start();
});
afterEach(async () => {
  await app.stop();
  await home.dispose();
  await api.close();
});

const until = (look: () => unknown) => vi.waitUntil(look, { timeout: 10_000, interval: 5 });
const agents = () => app.status().agents;
const ended = () => home.rows('SELECT name FROM containers WHERE ended_at IS NOT NULL').length;
const pid = () =>
  Number(
    home.row<{ engine_id: string }>('SELECT engine_id FROM containers ORDER BY started_at DESC')?.engine_id,
  );

it('an idle agent ends after IDLE_TIMEOUT and not before', async () => {
  await api.ask(chat, 'ping');
  await until(() => agents()[0]?.state === 'idle');
  await clock.advance(IDLE_MS - 1000);
  expect(agents()).toMatchObject([{ group: 'family', state: 'idle' }]);
  await clock.advance(1000);
  await until(() => agents().length === 0 && ended() === 1);
});

it('a message that arrives while its agent closes is answered by the next one, once', async () => {
  await api.ask(chat, 'ping');
  await until(() => agents()[0]?.state === 'idle');
  // Said before the time is over, taken after it: the poll's answer comes with the next look at the network.
  api.sim.say({ chat, from: 'you', text: 'still there?' });
  void clock.advance(IDLE_MS);
  await api.until(() => api.answers(chat).length > 1, 'the answer');
  await clock.advance(2000);
  expect(await api.ask(chat, 'ping')).toBe('pong');
  expect(api.answers(chat)).toEqual(['pong', expect.stringContaining('still there?'), 'pong']);
});

it('an agent that is killed in the middle of a turn: the next one takes the turn after 5 s', async () => {
  api.sim.say({ chat, from: 'you', text: 'slow 0.5' });
  await until(() => home.row("SELECT 1 FROM turns WHERE state = 'running'"));
  process.kill(pid(), 'SIGKILL');
  await until(() => app.status().queue.backingOff.length === 1);
  expect(home.rows('SELECT state, error_code FROM turns')).toEqual([
    { state: 'retried', error_code: 'crash' },
  ]);
  expect(api.answers(chat)).toEqual([]);
  await clock.advance(5000);
  await api.until(() => api.answers(chat).length > 0, 'the answer');
  expect(api.answers(chat)).toEqual(['That took 0.5 seconds.']);
  expect(home.rows('SELECT name FROM containers')).toHaveLength(2);
});

it('an agent that is killed while it is idle is not given the next turn', async () => {
  await api.ask(chat, 'ping');
  await until(() => agents()[0]?.state === 'idle');
  process.kill(pid(), 'SIGKILL');
  await until(() => ended() === 1 && agents().length === 0);
  await clock.advance(2000);
  expect(await api.ask(chat, 'ping')).toBe('pong');
  expect(home.rows("SELECT state FROM turns WHERE state <> 'done'")).toEqual([]);
});
