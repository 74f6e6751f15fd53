/**
 * A stepped clock: time stands still until a test moves it. advance() runs the timers that fall due in their order,
 * each at its own instant, and lets promises settle in between, so that what a timer starts has happened when the
 * next one runs. Nothing waits for real time.
 */
import type { Clock } from '../../src/lib/clock.ts';

export interface FakeClock extends Clock {
  /** Moves both clocks on, running what falls due. */
  advance(ms: number): Promise<void>;
  /** Moves to the next timer and runs it. False when there is none. */
  next(): Promise<boolean>;
  /** Lets everything happen that waits for nothing but promises. */
  settle(): Promise<void>;
  /** What is being done just now takes so long: nothing falls due meanwhile. */
  pass(ms: number): void;
  /** Sets the wall clock forward or back, as ntpd does; the monotonic one and the timers do not notice. */
  jump(ms: number): void;
  /** How many timers are armed. */
  timers(): number;
}

interface Armed {
  at: number;
  order: number;
  callback: () => void;
}

export function createFakeClock(startAt = '2026-11-02T08:00:00.000Z'): FakeClock {
  const armed = new Set<Armed>();
  let elapsed = 0;
  let offset = Date.parse(startAt);
  let orders = 0;

  const earliest = (): Armed | undefined => [...armed].sort((a, b) => a.at - b.at || a.order - b.order)[0];

  // A turn of the event loop runs all microtasks; a second one is for what a first one has only queued.
  async function settle(): Promise<void> {
    for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  async function run(timer: Armed): Promise<void> {
    armed.delete(timer);
    elapsed = Math.max(elapsed, timer.at);
    timer.callback();
    await settle();
  }

  return {
    now: () => offset + elapsed,
    monotonic: () => elapsed,
    after(delayMs, callback) {
      orders += 1;
      const timer: Armed = { at: elapsed + Math.max(0, delayMs), order: orders, callback };
      armed.add(timer);
      return { cancel: () => void armed.delete(timer) };
    },
    async advance(ms) {
      const end = elapsed + ms;
      await settle();
      for (let timer = earliest(); timer && timer.at <= end; timer = earliest()) await run(timer);
      elapsed = end;
    },
    async next() {
      await settle();
      const timer = earliest();
      if (timer) await run(timer);
      return timer !== undefined;
    },
    settle,
    pass(ms) {
      elapsed += ms;
    },
    jump(ms) {
      offset += ms;
    },
    timers: () => armed.size,
  };
}
