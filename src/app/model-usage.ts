/** Counts what groups use of the model, and writes the counts together every two seconds while there are any. */
import type { ModelUsage } from '../db/usage.ts';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Logger } from '../log.ts';
import { iso } from '../types.ts';

const WRITE_AFTER_MS = 2000;

export interface UsageCounter {
  add(folder: string, use: ModelUsage): void;
  /** Writes what is not written yet. Never throws. */
  flush(): void;
}

export function createUsageCounter(options: { db: Db; clock: Clock; log: Logger }): UsageCounter {
  const { db, clock, log } = options;
  let timer: Timer | null = null;

  function flush(): void {
    timer?.cancel();
    timer = null;
    if (db.usage.isWritten() || !db.sqlite.open) return;
    try {
      db.usage.write();
    } catch (error) {
      // A full disk: they are counted on, and written later.
      log.warn({ event: 'usage_not_written' }, messageOf(error));
    }
  }

  return {
    add(folder, one) {
      db.usage.note(folder, iso(clock.now()).slice(0, 10), one);
      timer ??= clock.after(WRITE_AFTER_MS, flush);
    },
    flush,
  };
}
