import { describe, expect, it } from 'vitest';
import { agentErrorCodes } from '../protocol.ts';
import { type FailureCode, RETRY_DELAYS_MS, retryDelay, sentenceFor } from './failure.ts';

const CODES: FailureCode[] = [...agentErrorCodes, 'crash', 'out_of_memory', 'timeout', 'engine', 'restart'];
const FINAL: FailureCode[] = ['credential', 'context_too_long', 'max_turns', 'workspace', 'out_of_memory'];

describe('a failed attempt', () => {
  it('is repeated after 5, 10, 20, 40 and 80 s, then no more', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7].map((attempt) => retryDelay('crash', attempt));
    expect(delays).toEqual([...RETRY_DELAYS_MS, null, null]);
    expect(RETRY_DELAYS_MS).toEqual([5000, 10_000, 20_000, 40_000, 80_000]);
  });

  it.each(FINAL)('is not repeated when that cannot help: %s', (code) => {
    expect(retryDelay(code, 1)).toBeNull();
  });

  it('that was only a restart of the daemon counts for nothing', () => {
    expect(retryDelay('restart', 99)).toBe(0);
  });

  it.each(CODES)('%s is told to the chat in plain words', (code) => {
    const text = sentenceFor(code, { timeoutMs: 1_800_000, memoryMb: 2048 });
    expect(text).toMatch(/^[A-Z].*\.$/);
    expect(text.length).toBeLessThan(160);
    expect(text).not.toMatch(/undefined|null|NaN|_/);
  });

  it('names the limit that was hit', () => {
    const limits = { timeoutMs: 1_800_000, memoryMb: 2048 };
    expect(sentenceFor('out_of_memory', limits)).toContain('2048 MB');
    expect(sentenceFor('timeout', limits)).toContain('30 minutes');
  });
});
