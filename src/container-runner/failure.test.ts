import { describe, expect, it } from 'vitest';
import { NanoClawError } from '../errors.ts';
import {
  type FailureCode,
  failureOfExit,
  failureOfStart,
  HANDLING,
  isCounted,
  LONGEST_WAIT_MS,
  nextStep,
  noticeFor,
  RETRY_DELAYS_MS,
  sentenceFor,
} from './failure.ts';

const CODES = Object.keys(HANDLING) as FailureCode[];
const FINAL: FailureCode[] = [
  'credential',
  'context_too_long',
  'model',
  'max_turns',
  'allowance',
  'workspace',
  'out_of_memory',
];
const NOW = Date.parse('2026-11-02T08:00:00Z');
const HOUR_MS = 3_600_000;

const step = (code: FailureCode, attempt: number, more: { resumed?: boolean; resetsAt?: number } = {}) =>
  nextStep(
    { code, message: '', resetsAt: more.resetsAt },
    { attempt, resumed: more.resumed ?? false, nowMs: NOW },
  );

describe('a failed attempt', () => {
  it('is repeated after 5, 10, 20, 40 and 80 s, then no more', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7].map((attempt) => step('crash', attempt).retryInMs);
    expect(delays).toEqual([...RETRY_DELAYS_MS, null, null]);
    expect(RETRY_DELAYS_MS).toEqual([5000, 10_000, 20_000, 40_000, 80_000]);
  });

  it.each(FINAL)('is not repeated when that cannot help: %s', (code) => {
    expect(step(code, 1)).toEqual({ retryInMs: null, fresh: false });
  });

  it.each(['restart', 'engine_down', 'image'] as const)(
    'that is nobody’s fault counts for nothing: %s',
    (code) => {
      expect(isCounted(code)).toBe(false);
      expect(step(code, 99).retryInMs).toBe(step(code, 1).retryInMs);
      expect(step(code, 99).retryInMs).not.toBeNull();
    },
  );

  it('every other one counts, also one that nobody knows', () => {
    const counted = CODES.filter(isCounted);
    expect(counted).toHaveLength(CODES.length - 3);
    expect([isCounted(null), isCounted('toString')]).toEqual([true, true]);
    for (const code of counted) expect(step(code, 7).retryInMs).toBeNull();
  });

  it.each(['context_too_long', 'stale_session'] as const)('%s begins a fresh conversation, once', (code) => {
    expect(step(code, 1, { resumed: true })).toEqual({ retryInMs: 0, fresh: true });
    expect(step(code, 2).fresh).toBe(false);
  });

  it('waits longer for a model that is overloaded', () => {
    for (const attempt of [1, 2, 3, 4, 5])
      expect(step('overload', attempt).retryInMs).toBeGreaterThan(RETRY_DELAYS_MS[attempt - 1] ?? 0);
  });

  it('waits until a limit resets, but not for longer than six hours, and never less than without', () => {
    expect(step('quota', 1, { resetsAt: NOW + 2 * HOUR_MS }).retryInMs).toBe(2 * HOUR_MS);
    expect(step('quota', 1, { resetsAt: NOW + LONGEST_WAIT_MS + 1 }).retryInMs).toBeNull();
    expect(step('quota', 1, { resetsAt: NOW - HOUR_MS }).retryInMs).toBe(step('quota', 1).retryInMs);
    expect(step('crash', 1, { resetsAt: NOW + HOUR_MS }).retryInMs).toBe(5000);
  });
});

describe('the chat', () => {
  it.each(CODES)('is told %s in plain words', (code) => {
    const text = sentenceFor(code, { timeoutMs: 1_800_000, memoryMb: 2048 });
    expect(text).toMatch(/^[A-Z].*\.$/);
    expect(text.length).toBeLessThan(160);
    expect(text).not.toMatch(/undefined|null|NaN|_/);
  });

  it('is told the limit that was hit', () => {
    const limits = { timeoutMs: 1_800_000, memoryMb: 2048 };
    expect(sentenceFor('out_of_memory', limits)).toContain('2048 MB');
    expect(sentenceFor('timeout', limits)).toContain('30 minutes');
    expect(sentenceFor('timeout', { ...limits, timeoutMs: 5000 })).toContain('5 seconds');
  });

  it('is told at once of a long wait and of a fresh conversation, and of nothing else', () => {
    const at = { nowMs: NOW, timezone: 'Europe/Berlin' };
    const notice = (code: FailureCode, resumed: boolean, resetsAt?: number) => {
      const failure = { code, message: '', resetsAt };
      return noticeFor(failure, nextStep(failure, { attempt: 1, resumed, nowMs: NOW }), at);
    };
    expect(notice('quota', false, NOW + HOUR_MS)).toBe(
      'The limit of the model account is used up. Your message is kept; I try again at 2026-11-02 10:00.',
    );
    expect(notice('context_too_long', true)).toContain('fresh one');
    expect(notice('context_too_long', false)).toBeNull();
    expect(notice('overload', true)).toBeNull();
  });
});

describe('what went wrong', () => {
  it('with a start is told by the error’s code', () => {
    const of = (code: 'ENGINE_DOWN' | 'ENGINE_REFUSED' | 'IMAGE_MISSING') =>
      failureOfStart(new NanoClawError(code, 'why')).code;
    expect([of('ENGINE_DOWN'), of('ENGINE_REFUSED'), of('IMAGE_MISSING')]).toEqual([
      'engine_down',
      'engine',
      'image',
    ]);
    expect(failureOfStart(new Error('odd')).code).toBe('engine');
  });

  it('with an agent is told by its exit', () => {
    const of = (code: number | null, oomKilled = false) =>
      failureOfExit({ code, oomKilled, lastOutput: 'last words' }, 512);
    expect(of(137, true)).toMatchObject({
      code: 'out_of_memory',
      message: expect.stringContaining('512 MB'),
    });
    expect(of(70).code).toBe('workspace');
    expect(of(1)).toMatchObject({ code: 'crash', message: expect.stringContaining('last words') });
  });
});
