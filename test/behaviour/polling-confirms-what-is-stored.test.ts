import { describe, expect, it } from 'vitest';
import { NetworkError, TelegramError } from '../../src/telegram/api.ts';
import { createPoller } from '../../src/telegram/poller.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createScriptedPolling } from '../support/scripted-telegram.ts';
import { BOT, createTestLog, messageUpdate } from '../support/world.ts';

function createHarness() {
  const clock = createFakeClock();
  const scripted = createScriptedPolling();
  const { log, lines, events } = createTestLog();
  const committed = { offset: 0, updates: [] as number[], fails: false };
  const poller = createPoller({
    telegram: scripted.telegram as Parameters<typeof createPoller>[0]['telegram'],
    clock,
    log,
    pollTimeoutS: 50,
    offset: () => committed.offset,
    store(_, updates, next) {
      if (committed.fails) throw new Error('database is full');
      committed.updates.push(...updates.map((u) => u.update_id));
      committed.offset = next;
    },
  });
  const last = () => {
    const poll = scripted.polls.at(-1);
    if (!poll) throw new Error('nobody polls');
    return poll;
  };
  return {
    ...scripted,
    clock,
    poller,
    committed,
    lines,
    warnings: () => events('poll_failed').filter((line) => line.level >= 40),
    async start() {
      poller.start();
      await clock.settle();
    },
    async answer(...ids: number[]) {
      last().answer(ids.map((id) => messageUpdate(id, { text: 'x' })));
      await clock.settle();
    },
    async fail(error: Error) {
      last().fail(error);
      await clock.settle();
    },
    offsets: () => scripted.polls.map((poll) => poll.offset),
  };
}

describe('the poller', () => {
  it('confirms with its next poll only what is stored', async () => {
    const { start, answer, committed, offsets } = createHarness();
    await start();
    await answer(7, 8);
    expect(committed.updates).toEqual([7, 8]);
    await answer(9);
    expect(offsets()).toEqual([0, 9, 10]);
  });

  it('asks for the same again when it could not be stored', async () => {
    const { start, answer, committed, offsets, clock, poller } = createHarness();
    await start();
    committed.fails = true;
    await answer(7, 8);
    expect(poller.status().problem).toMatch(/could not be stored/);
    expect(offsets()).toEqual([0]);
    await clock.advance(1000);
    expect(offsets()).toEqual([0, 0]);
    committed.fails = false;
    await answer(7, 8);
    expect(committed.updates).toEqual([7, 8]);
    expect(offsets()).toEqual([0, 0, 9]);
    expect(poller.status().problem).toBeNull();
  });

  it('follows update ids that begin anew after a quiet week', async () => {
    const { start, answer, offsets } = createHarness();
    await start();
    await answer(900_000);
    await answer(12, 11);
    expect(offsets()).toEqual([0, 900_001, 13]);
  });

  it('skips what has no id, and never confirms by guessing', async () => {
    const { start, answer, committed, offsets, clock } = createHarness();
    await start();
    await answer(Number.NaN, 5);
    expect(committed).toMatchObject({ updates: [5], offset: 6 });
    await answer(Number.NaN);
    await clock.advance(1000);
    expect(offsets()).toEqual([0, 6, 6]);
  });

  it('polls once at a time, and long once it is sure', async () => {
    const { start, answer, polls, clock } = createHarness();
    await start();
    await clock.advance(3_600_000);
    expect(polls).toHaveLength(1);
    await answer();
    await answer();
    expect(polls.at(-1)?.timeoutS).toBe(50);
  });

  it('backs off 1, 2, 4 … 30 s while Telegram cannot be reached, and says so once', async () => {
    const { start, fail, answer, polls, clock, warnings, poller } = createHarness();
    await start();
    const waits: number[] = [];
    for (let i = 0; i < 8; i += 1) {
      const before = polls.length;
      const from = clock.monotonic();
      await fail(new NetworkError('ECONNREFUSED', 'no'));
      while (polls.length === before) await clock.next();
      waits.push(clock.monotonic() - from);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    expect(warnings()).toHaveLength(1);
    expect(poller.status().problem).toMatch(/cannot be reached/);
    await answer();
    expect(poller.status().problem).toBeNull();
    await fail(new NetworkError('ECONNREFUSED', 'no'));
    await clock.advance(1000);
    expect(warnings()).toHaveLength(2);
  });

  it('says rarely that an outage lasts', async () => {
    const { start, fail, clock, warnings } = createHarness();
    await start();
    for (let i = 0; i < 100; i += 1) {
      await fail(new NetworkError('ENOTFOUND', 'no'));
      await clock.advance(30_000);
    }
    expect(warnings().length).toBeLessThanOrEqual(11);
  });

  it.each([
    [
      '409',
      new TelegramError(409, 'Conflict: terminated by other getUpdates request'),
      5000,
      /someone else polls/,
    ],
    ['401', new TelegramError(401, 'Unauthorized'), 30_000, /refuses the bot token/],
    ['429', new TelegramError(429, 'Too Many Requests', 17), 17_000, /slow down/],
    ['429 without a time', new TelegramError(429, 'Too Many Requests', 0), 1000, /slow down/],
    ['500', new TelegramError(500, 'Internal Server Error'), 1000, /answers 500/],
  ])('waits after a %s', async (_, error, waitMs, problem) => {
    const { start, fail, polls, clock, poller } = createHarness();
    await start();
    await fail(error);
    expect(poller.status().problem).toMatch(problem);
    await clock.advance(waitMs - 1);
    expect(polls).toHaveLength(1);
    await clock.advance(1);
    expect(polls).toHaveLength(2);
  });

  it('keeps trying with a refused token until it is accepted', async () => {
    const { start, clock, identity, polls, poller } = createHarness();
    identity.error = new TelegramError(401, 'Unauthorized');
    await start();
    await clock.advance(10 * 60_000);
    expect(polls).toEqual([]);
    expect(identity.asked).toBeLessThanOrEqual(21);
    expect(poller.status()).toMatchObject({ bot: null, lastSuccessAt: null });
    identity.error = null;
    await clock.advance(30_000);
    expect(polls).toHaveLength(1);
    expect(poller.status().bot).toEqual(BOT);
  });

  it('counts only a poll that succeeded as a success', async () => {
    const { start, answer, fail, clock, poller } = createHarness();
    await start();
    expect(poller.status().lastSuccessAt).toBeNull();
    await clock.advance(2000);
    await answer();
    const success = clock.now();
    expect(poller.status().lastSuccessAt).toBe(success);
    await clock.advance(7000);
    await fail(new NetworkError('reset', 'unknown'));
    await clock.advance(60_000);
    expect(poller.status().lastSuccessAt).toBe(success);
  });

  it('ends the poll in flight on stop, says nothing of it and polls no more', async () => {
    const { start, answer, clock, poller, polls, lines } = createHarness();
    await start();
    await answer();
    const said = lines.length;
    await poller.stop();
    await clock.advance(120_000);
    expect(polls).toHaveLength(2);
    expect(lines.slice(said)).toEqual([]);
    expect(clock.timers()).toBe(0);
  });

  it('ends at once on stop while it waits after an error', async () => {
    const { start, fail, clock, poller, polls } = createHarness();
    await start();
    await fail(new TelegramError(401, 'Unauthorized'));
    await poller.stop();
    await clock.advance(120_000);
    expect(polls).toHaveLength(1);
    expect(clock.timers()).toBe(0);
  });

  it('warns once when privacy mode hides what people write', async () => {
    const { start, identity, lines } = createHarness();
    identity.bot = { ...BOT, readsAllMessages: false };
    await start();
    expect(lines.filter((line) => line.event === 'privacy_mode')).toHaveLength(1);
  });
});
