/**
 * An agent that fails: tried again after 5, 10, 20, 40 and 80 seconds, then the chat is told. The whole daemon in this
 * process with real agents and the real simulator; only its clock is stepped, so that nobody waits.
 */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type App, createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createTestLog } from '../support/world.ts';

let api: BotApi;
let home: TestHome;
let clock: FakeClock;
let app: App;
let chat: number;
const { log, events } = createTestLog();

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  chat = api.group('Family');
  home.registerAll([{ chatJid: String(chat), name: 'Family', folder: 'family' }]);
  clock = createFakeClock();
  app = createApp(loadConfig(home.environment({})), log, { clock });
});
afterEach(async () => {
  await app.stop();
  await home.dispose();
  await api.close();
});

const until = (look: () => unknown) => vi.waitUntil(look, { timeout: 10_000, interval: 5 });
const turns = () =>
  home.rows<{ attempt: number; state: string; error_code: string | null }>(
    'SELECT attempt, state, error_code FROM turns ORDER BY queued_at, attempt',
  );
const backsOff = () => app.status().queue.backingOff.length > 0;

it('a failing turn is tried six times with growing waits, then the chat is told, and the next message is answered', async () => {
  await app.start();
  api.sim.say({ chat, from: 'you', text: '@Nina fail' });
  for (const [n, delayMs] of [5000, 10_000, 20_000, 40_000, 80_000].entries()) {
    await until(() => turns().length === n + 1 && backsOff());
    expect(turns().at(-1)).toEqual({ attempt: n + 1, state: 'retried', error_code: 'agent' });
    expect(home.rows('SELECT disposition, turn_id FROM messages')).toEqual([
      { disposition: null, turn_id: null },
    ]);
    await clock.advance(delayMs - 1);
    expect(backsOff()).toBe(true);
    expect(turns()).toHaveLength(n + 1);
    await clock.advance(1);
  }
  await api.until(() => api.answers(chat).length > 0, 'the sentence in the chat');
  expect(api.answers(chat)).toEqual([
    'I could not answer: something went wrong several times in a row. The operator finds the reason in the log.',
  ]);
  expect(turns().at(-1)).toEqual({ attempt: 6, state: 'failed', error_code: 'agent' });
  expect(home.rows('SELECT disposition FROM messages WHERE is_bot_message = 0')).toEqual([
    { disposition: 'failed' },
  ]);
  // All by one agent: a turn that fails costs nobody a start.
  expect(home.rows('SELECT name FROM containers')).toHaveLength(1);

  await clock.advance(2000);
  expect(await api.ask(chat, '@Nina ping')).toBe('pong');
  expect(turns().at(-1)).toEqual({ attempt: 1, state: 'done', error_code: null });
});

it('another group is answered while one backs off', async () => {
  const other = api.group('Garden');
  home.registerAll([{ chatJid: String(other), name: 'Garden', folder: 'garden' }]);
  await app.start();
  api.sim.say({ chat, from: 'you', text: '@Nina fail' });
  await until(backsOff);
  expect(await api.ask(other, '@Nina ping')).toBe('pong');
  expect(backsOff()).toBe(true);
});

it('a refused token is tried again every half minute, until it is taken', async () => {
  api.sim.faults.failNext('getMe', { status: 401 }, 2);
  await app.start();
  for (const failures of [1, 2]) {
    await until(() => events('poll_failed').filter((line) => line.failures === failures).length > 0);
    expect(app.status().poller).toMatchObject({
      bot: null,
      problem: expect.stringContaining('TELEGRAM_BOT_TOKEN'),
    });
    await clock.advance(29_999);
    expect(app.status().poller.bot).toBeNull();
    await clock.advance(1);
  }
  await until(() => app.status().poller.problem === null && app.status().poller.lastSuccessAt !== null);
  expect(await api.ask(chat, '@Nina ping')).toBe('pong');
});
