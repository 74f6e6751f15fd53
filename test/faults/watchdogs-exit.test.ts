/** Real daemons that are wedged end themselves, say why, and the next one goes on; one that only stood still does not. */
import { renameSync } from 'node:fs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';

const LIMIT_MS = 5000;

let api: BotApi;
let home: TestHome;
let chat: number;

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({
    ...api.settings,
    CONTAINER_RUNTIME: 'process',
    WATCHDOG_TIMEOUT: String(LIMIT_MS),
  });
  chat = api.group('Family');
  home.registerAll([{ chatJid: String(chat), name: 'Family', folder: 'family', requiresTrigger: false }]);
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

it('an event loop that does not turn any more ends the process, and nothing is lost by it', async () => {
  const daemon = await home.start({ FAILPOINTS: 'updates.received=wedge' });
  const wrote = performance.now();
  api.sim.say({ chat, from: 'you', text: 'ping' });
  expect(await daemon.exited).toEqual({ code: null, signal: 'SIGKILL' });
  expect(performance.now() - wrote).toBeGreaterThan(LIMIT_MS / 2);
  expect(daemon.log().at(-1)).toMatchObject({
    level: 'fatal',
    event: 'watchdog_exit',
    reason: 'the event loop has not turned for 5 s',
  });
  expect(daemon.output).toContain('watchdog_exit');

  await home.start();
  await api.until(() => api.answers(chat).length > 0, 'the answer');
  expect(api.answers(chat)).toEqual(['pong']);
});

it('a process that was stopped for longer, as a suspended machine does, goes on', async () => {
  const daemon = await home.start();
  process.kill(daemon.pid, 'SIGSTOP');
  const since = performance.now();
  await vi.waitUntil(() => performance.now() - since > 2 * LIMIT_MS, { timeout: 30_000, interval: 100 });
  process.kill(daemon.pid, 'SIGCONT');
  expect(await api.ask(chat, 'ping')).toBe('pong');
  const again = performance.now();
  await vi.waitUntil(() => performance.now() - again > LIMIT_MS, { timeout: 30_000, interval: 100 });
  expect(await api.ask(chat, 'ping')).toBe('pong');
  expect(await daemon.kill('SIGTERM')).toEqual({ code: 0, signal: null });
});

it('a database that is taken away ends the process with 75, before anything is written that nobody will find', async () => {
  const daemon = await home.start();
  renameSync(home.file('data/nanoclaw.db'), home.file('data/aside.db'));
  expect(await daemon.exited).toEqual({ code: 75, signal: null });
  expect(daemon.log().find((line) => line.event === 'watchdog_exit')).toMatchObject({
    level: 'fatal',
    reason: expect.stringContaining('nanoclaw.db was removed or replaced'),
  });
  expect(daemon.log().at(-1)).toMatchObject({ event: 'stopped' });

  renameSync(home.file('data/aside.db'), home.file('data/nanoclaw.db'));
  await home.start();
  expect(await api.ask(chat, 'ping')).toBe('pong');
});

it('status tells how much waits at Telegram, or nothing when it does not say', async () => {
  await home.start();
  const status = async () => JSON.parse((await home.nanoclaw('status', '--json')).stdout);
  expect(await status()).toMatchObject({ connected: true, pendingAtTelegram: 0 });
  expect((await home.nanoclaw('status')).stdout).toMatch(
    /connected as @\w+, last poll \d+ s ago, 0 updates wait/,
  );
  api.sim.faults.failNext('getWebhookInfo', 'hang', { times: 2 });
  await vi.waitUntil(async () => (await status()).pendingAtTelegram === null, { timeout: 30_000 });
  expect(await status()).toMatchObject({ connected: true });
});
