/**
 * Everything a Bot API server and the way there can do to a daemon: refusals, resets, garbage, answers that are cut off, a
 * link that is half open. What was said is answered, what is repeated bears the mark.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import type { SimFault } from '../../src/simulator/types.ts';
import { createTelegram } from '../../src/telegram/grammy-api.ts';
import { type HalfOpenProxy, startHalfOpenProxy } from '../support/half-open-proxy.ts';
import { Load } from '../support/load.ts';
import { createTestLog } from '../support/world.ts';

const LONG = process.env.NANOCLAW_FAULTS === 'long';

let load: Load;
afterEach(async () => {
  await load.dispose();
});

function sayRound(): void {
  for (const group of load.groups) load.say('echo', group);
}

describe('a Bot API server in trouble', () => {
  const TROUBLE: Record<string, SimFault> = {
    'says 409 (somebody else polls)': { status: 409 },
    'says 429 with retry_after': { status: 429, retryAfter: 2 },
    'says 500': { status: 500 },
    'says 502': { status: 502 },
    'answers garbage': 'garbage',
    'resets connections': 'reset',
    'accepts and cuts its answer off': 'drop-response-after-accepting',
  };

  it('answers in each chat all the same, and repeats only where nobody knows', async () => {
    const troubles = Object.values(TROUBLE);
    load = await Load.create({ groups: troubles.length, settings: { MAX_CONCURRENT_CONTAINERS: '7' } });
    const { faults } = load.api.sim;
    const daemon = await load.home.start();
    sayRound();
    await load.settled();
    load.groups.forEach(({ chat }, n) => {
      faults.failNext('sendMessage', troubles[n] ?? 'reset', { chatId: chat });
    });
    for (const fault of LONG ? troubles : troubles.slice(0, 1)) faults.failNext('getUpdates', fault);
    for (const fault of ['garbage', 'drop-response-after-accepting'] as const)
      faults.failNext('getUpdates', fault);
    sayRound();
    await load.settled(120_000);
    expect(faults.pending).toBe(0);
    const { problems, figures } = load.account();
    expect(problems).toEqual([]);
    expect(figures.told).toBe(0);
    // A refusal is no reason for a mark: it had no effect.
    const unknown = troubles.filter((fault) => typeof fault !== 'object').length;
    expect(figures.repeats).toBe(unknown);
    expect(daemon.log().filter(({ level }) => level === 'error')).toEqual([]);
  }, 180_000);
});

it('429 in one chat holds up no other; when it ends, that chat has all its answers, in order and unmarked', async () => {
  load = await Load.create({ groups: 6 });
  const { api, home } = load;
  const [first, ...others] = load.groups;
  if (!first) throw new Error('no group');
  await home.start();
  api.sim.faults.failNext(
    '*',
    { status: 429, retryAfter: 1 },
    { chatId: first.chat, times: Number.POSITIVE_INFINITY },
  );
  sayRound();
  sayRound();
  const said = (chat: number) => api.answers(chat).length;
  await api.until(
    () => others.every(({ chat }) => said(chat) >= 1),
    'the answers in the other chats',
    60_000,
  );
  const refused = () =>
    api.sim.ledger.filter(({ chatId, outcome }) => chatId === String(first.chat) && !outcome.ok);
  await api.until(() => refused().length > 1, 'the second refusal', 60_000);
  expect(said(first.chat)).toBe(0);
  api.sim.faults.clear();
  await load.settled(120_000);
  const { problems, figures } = load.account();
  expect(problems).toEqual([]);
  expect([figures.repeats, figures.told]).toEqual([0, 0]);
}, 180_000);

describe('a link that is half open', () => {
  let proxy: HalfOpenProxy;
  let stop: () => Promise<void>;
  const { log, events } = createTestLog();

  beforeEach(async () => {
    load = await Load.create({ groups: 3 });
    proxy = await startHalfOpenProxy(load.api.url);
    const config = loadConfig({ ...load.home.environment({}), TELEGRAM_API_ROOT: proxy.url });
    // Seconds where people wait for a minute: what happens then is the same.
    const telegram = createTelegram(load.api.sim.token, proxy.url, 1, { sendS: 2, pollGraceS: 1 });
    const app = createApp(config, log, { telegram, pollTimeoutS: 1 });
    await app.start();
    stop = () => app.stop();
  });
  afterEach(async () => {
    await stop();
    await proxy.close();
  });

  it.each([
    ['dead: nothing passes', 'dead'],
    ['deaf: what is sent arrives, and no answer comes back', 'deaf'],
  ] as const)('and %s: noticed by both sides of the daemon, and made good', async (_, state) => {
    sayRound();
    await load.settled();
    const failures = events('poll_failed').length;
    const unknown = events('send_unknown').length;
    const [group] = load.groups;
    load.api.sim.say({ chat: group?.chat ?? 0, from: 'you', text: '@Nina slow 1' });
    await load.home.until(
      () => load.home.row("SELECT 1 FROM turns WHERE state = 'running'"),
      'the turn to run',
    );
    proxy.set(state);
    sayRound();
    await load.home.until(
      () => events('poll_failed').length > failures && events('send_unknown').length > unknown,
      'both to notice',
      30_000,
    );
    proxy.set('open');
    await load.settled();
    expect(load.account().problems).toEqual([]);
    const slow = load.api.answers(group?.chat ?? 0).filter((text) => text.includes('That took'));
    expect(slow.at(-1)).toMatch(/^↻ That took 1 seconds\./);
    // What arrived before its answer was lost is there twice, the second time marked.
    expect(slow).toHaveLength(state === 'deaf' ? 2 : 1);
  });
});
