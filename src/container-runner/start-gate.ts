/**
 * How many agents start at once. A start is work for a processor: ten at once on two cores are all late and stay in step,
 * and the daemon waits for its core with them; two after the other are each as fast as can be. Who waits longest begins first.
 * A place is kept until its agent has begun to work, but never for longer than HOLD_MS: one that hangs holds up nobody for long.
 */
import type { Clock, Timer } from '../lib/clock.ts';

/** Longer than a start takes on a machine that has room for it. */
export const HOLD_MS = 2000;

/** Frees the place; only the first call does. */
export type Leave = () => void;

export interface StartGate {
  /** Resolves when an agent may start. */
  enter(): Promise<Leave>;
  /** Nobody enters any more: who waits, waits for ever. */
  stop(): void;
}

/** `places`: at least 1. */
export function createStartGate(clock: Clock, places: number): StartGate {
  const waiting: ((leave: Leave) => void)[] = [];
  const held = new Set<Timer>();
  let free = places;

  function take(): Leave {
    const leave = () => {
      timer.cancel();
      if (!held.delete(timer)) return;
      const next = waiting.shift();
      if (next) next(take());
      else free += 1;
    };
    const timer = clock.after(HOLD_MS, leave);
    held.add(timer);
    return leave;
  }

  return {
    enter() {
      if (free === 0) return new Promise((resolve) => waiting.push(resolve));
      free -= 1;
      return Promise.resolve(take());
    },
    stop() {
      for (const timer of held) timer.cancel();
      held.clear();
      waiting.length = 0;
      free = 0;
    },
  };
}
