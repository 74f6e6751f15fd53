/**
 * Time, passed in. Real code uses `systemClock`; tests and simulations pass a stepped one,
 * so that nothing in the program reads the time or sets a timer by itself.
 */
export interface Timer {
  /** Idempotent; after it returns the callback will not run. */
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch. May jump in either direction. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. For durations and deadlines. */
  monotonic(): number;
  /** Runs `callback` once after at least `delayMs` (0 to 2^31-1; larger is capped, the caller re-arms). */
  after(delayMs: number, callback: () => void): Timer;
}

const LONGEST_TIMER_MS = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const handle = setTimeout(callback, Math.min(Math.max(0, delayMs), LONGEST_TIMER_MS));
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves after `delayMs`, or at once when `signal` is aborted. Never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    };
    const timer = clock.after(delayMs, finish);
    const abort = () => {
      timer.cancel();
      finish();
    };
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** Resolves when `signal` is aborted, at once when it was. Never rejects. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
