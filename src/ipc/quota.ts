/**
 * How much of a group's mailbox is taken, and how fast. What is above the pace waits; what is above what may wait is
 * refused with an answer that names the limit; what is no burst any more but a flood is set aside as a whole.
 * Per group, so that one group's flood costs the others nothing but their share of the daemon's time. docs/ipc.md
 * lists these numbers.
 */
import type { Clock } from '../lib/clock.ts';

export const QUOTA = {
  /** Commands a minute, and at once after a minute's rest. */
  commandsPerMinute: 120,
  /** One that keeps the daemon busy for longer counts as several: as many as it has taken times so long, ms. */
  commandMs: 100,
  /** Bytes of commands a minute, and at once. */
  bytesPerMinute: 8 * 1024 * 1024,
  /** Commands above the pace that may wait: half a minute's worth, while the agent waits a minute for its answer. */
  commandsWaiting: 60,
  /** Events a minute, and how many at once: so many are written in hours while no daemon runs. */
  eventsPerMinute: 3000,
  eventsAtOnce: 5000,
  /** Entries of one directory. With more, it is taken away as a whole. */
  entries: 10_000,
  /** Files taken in one go, and the time after which others have their turn, ms. */
  filesAtOnce: 100,
  sliceMs: 15,
  /** Answers that are kept for the agent to read. */
  results: 500,
  /** Lines in the log a minute about what was set aside; the rest is counted. */
  logLines: 20,
} as const;

/** Fills at an even pace up to `capacity`. */
export interface Bucket {
  /** True when there is something left, whatever its size: then `use` may be called. */
  ready(): boolean;
  use(amount: number): void;
  /** Until ready(), ms. */
  waitMs(): number;
}

export function createBucket(clock: Clock, capacity: number, perMinute: number): Bucket {
  let level = capacity;
  let at = clock.monotonic();
  const fill = () => {
    const now = clock.monotonic();
    level = Math.min(capacity, level + ((now - at) * perMinute) / 60_000);
    at = now;
  };
  return {
    ready() {
      fill();
      return level >= 1;
    },
    use(amount) {
      fill();
      level -= amount; // below zero after a big one: it is paid for before the next
    },
    waitMs() {
      fill();
      return level >= 1 ? 0 : Math.ceil(((1 - level) * 60_000) / perMinute);
    },
  };
}

/**
 * How many lines of one kind the log gets in a minute. Null: leave this one out; else what belongs into the line, the
 * number of those left out before.
 */
export function createLineLimit(clock: Clock, perMinute: number): () => { left_out?: number } | null {
  let minute = -1;
  let written = 0;
  let left = 0;
  return () => {
    const now = Math.floor(clock.monotonic() / 60_000);
    if (now !== minute) {
      minute = now;
      written = 0;
    }
    if (written >= perMinute) {
      left += 1;
      return null;
    }
    written += 1;
    const before = left;
    left = 0;
    return before > 0 ? { left_out: before } : {};
  };
}

/** What whoever asked beyond it is told. */
export const overQuota = () =>
  `the limit is ${QUOTA.commandsPerMinute} commands and ${QUOTA.bytesPerMinute} bytes a minute, and ${QUOTA.commandsWaiting} more that wait; this one was not done`;
