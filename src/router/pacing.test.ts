import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPacing, TELEGRAM_LIMITS } from './pacing.ts';

/** The most that fell into any window of so many ms. */
const mostWithin = (times: readonly number[], windowMs: number): number =>
  Math.max(0, ...times.map((from) => times.filter((t) => t >= from && t < from + windowMs).length));

describe('pacing', () => {
  it('keeps all of Telegram’s limits, whatever is to be sent when', () => {
    const wish = fc.record({
      chat: fc.integer({ min: -12, max: 12 }),
      afterMs: fc.constantFrom(0, 0, 0, 5, 700),
    });
    fc.assert(
      fc.property(fc.array(wish, { maxLength: 150 }), (wishes) => {
        const pacing = createPacing();
        const sent: { chat: number; at: number }[] = [];
        let now = 0;
        for (const { chat, afterMs } of wishes) {
          now += afterMs;
          for (let wait = pacing.delay(String(chat), now); wait > 0; wait = pacing.delay(String(chat), now))
            now += wait;
          pacing.sent(String(chat), now)(now);
          sent.push({ chat, at: now });
        }
        const times = sent.map(({ at }) => at);
        expect(mostWithin(times, 1000)).toBeLessThanOrEqual(TELEGRAM_LIMITS.overallPerSecond);
        for (const chat of new Set(sent.map((s) => s.chat))) {
          const own = sent.filter((s) => s.chat === chat).map(({ at }) => at);
          expect(mostWithin(own, TELEGRAM_LIMITS.perChatMs)).toBe(1);
          if (chat < 0) expect(mostWithin(own, 60_000)).toBeLessThanOrEqual(TELEGRAM_LIMITS.groupPerMinute);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('makes nobody wait who need not', () => {
    const pacing = createPacing();
    for (let chat = 1; chat <= 30; chat += 1) {
      expect(pacing.delay(String(chat), 0)).toBe(0);
      pacing.sent(String(chat), 0)(0);
    }
    expect(pacing.delay('31', 0)).toBe(1000);
    expect(pacing.delay('31', 1000)).toBe(0);
  });

  it('lets a short answer pass before bulk that waited longer, and bulk take turns', () => {
    const pacing = createPacing({ perChatMs: 0, groupPerMinute: 1000, overallPerSecond: 4 });
    for (const chat of ['1', '1', '2', '2', '1', '2']) pacing.sent(chat, 0)(0);
    expect(['1', '2', '3'].map((chat) => pacing.delay(chat, 10))).toEqual([990, 990, 990]);
    for (let n = 0; n < 3; n += 1) pacing.sent('4', 500)(500);
    // One is free at 1000: it is for the chat where nothing was said yet.
    expect(['1', '2', '3'].map((chat) => pacing.delay(chat, 1000))).toEqual([500, 500, 0]);
    pacing.sent('3', 1000)(1000);
    expect(['2', '1'].map((chat) => pacing.delay(chat, 1500))).toEqual([0, 0]);
    pacing.sent('1', 1500)(1500);
    expect(pacing.delay('2', 1500)).toBe(0);
  });

  it('counts a request from its answer', () => {
    const pacing = createPacing({ perChatMs: 0, groupPerMinute: 1000, overallPerSecond: 1 });
    const answered = pacing.sent('1', 0);
    expect(pacing.delay('2', 1500)).toBe(1000);
    answered(1600);
    expect(pacing.delay('2', 1700)).toBe(900);
    expect(pacing.delay('2', 2600)).toBe(0);
  });

  it('blocks only the chat that a 429 was about, and for its time', () => {
    const pacing = createPacing();
    pacing.block('-1', 30_000);
    pacing.block('-1', 10_000);
    expect(pacing.delay('-1', 0)).toBe(30_000);
    expect(pacing.delay('-2', 0)).toBe(0);
    expect(pacing.delay('-1', 30_000)).toBe(0);
  });

  it('asides make no message of their chat wait, and leave a group most of its minute', () => {
    const pacing = createPacing();
    pacing.aside('-1', 0)?.(0);
    expect(pacing.delay('-1', 0)).toBe(0);
    pacing.sent('-1', 0)(0);
    expect(pacing.delay('-1', 500)).toBe(500);
    expect(pacing.aside('-1', 999)).toBeNull(); // never two of its own within a second
    let asides = 1;
    for (let at = 2000; at < 50_000; at += 1000) {
      const answered = pacing.aside('-1', at);
      if (answered === null) continue;
      answered(at);
      asides += 1;
    }
    expect(asides).toBe(7);
    for (let at = 50_000; at < 62_000; at += 1000) {
      expect(pacing.delay('-1', at)).toBe(0);
      pacing.sent('-1', at)(at);
    }
  });

  it('asides come only while nobody waits and a third of the bot’s limit is free', () => {
    const pacing = createPacing();
    for (let chat = 1; chat <= 19; chat += 1) pacing.sent(String(chat), 0)(0);
    pacing.aside('100', 0)?.(0);
    expect(pacing.aside('101', 0)).toBeNull();
    expect(pacing.aside('101', 1000)).not.toBeNull();
    pacing.sent('1', 1000)(1000);
    expect(pacing.delay('1', 1000)).toBe(1000);
    expect(pacing.aside('102', 1999)).not.toBeNull();
    expect(pacing.aside('103', 2000)).toBeNull(); // chat 1 may send now, and comes first
    pacing.block('104', 9000);
    expect(pacing.aside('104', 8999)).toBeNull();
  });

  it('forgets no block when it forgets old chats', () => {
    const pacing = createPacing();
    pacing.block('-1', 10_000_000);
    for (let chat = 1; chat <= 6000; chat += 1) pacing.sent(String(chat), chat * 1000)(chat * 1000);
    expect(pacing.delay('-1', 7_000_000)).toBe(3_000_000);
  });
});
