/**
 * Counts what groups use of the model. Kept in memory for a moment and written together: a commit per request would cost
 * each of them a disk's time. A crash loses the counts of at most that moment.
 */
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
  /** By day and folder. */
  const waiting = new Map<string, { day: string; folder: string; use: ModelUsage }>();
  let timer: Timer | null = null;

  function flush(): void {
    timer?.cancel();
    timer = null;
    if (waiting.size === 0 || !db.sqlite.open) return;
    try {
      db.transaction(() => {
        for (const { day, folder, use } of waiting.values()) db.usage.add(folder, day, use);
      });
      waiting.clear();
    } catch (error) {
      // A full disk: they are counted on, and written later.
      log.warn({ event: 'usage_not_written' }, messageOf(error));
    }
  }

  return {
    add(folder, one) {
      const day = iso(clock.now()).slice(0, 10);
      const key = `${day} ${folder}`;
      const { use } = waiting.get(key) ?? {
        use: { requests: 0, failures: 0, inputTokens: 0, outputTokens: 0 },
      };
      use.requests += one.requests;
      use.failures += one.failures;
      use.inputTokens += one.inputTokens;
      use.outputTokens += one.outputTokens;
      waiting.set(key, { day, folder, use });
      timer ??= clock.after(WRITE_AFTER_MS, flush);
    },
    flush,
  };
}
