/**
 * Backups by the daemon (BACKUP_EVERY): when the next one is due follows from the last that succeeded, whoever made it, so
 * that neither a restart nor a machine that slept skips one or makes two.
 * Invariants: one at a time, in a process of its own; what fails is tried again after an hour and told to main once; only
 * the newest BACKUP_KEEP are left. It never holds up the event loop, and a stop does not wait for it.
 */
import path from 'node:path';
import { listBackups, pruneBackups } from './backup/keep.ts';
import { backupName, backupTime } from './backup/layout.ts';
import type { Db } from './db.ts';
import { messageOf } from './errors.ts';
import type { Clock, Timer } from './lib/clock.ts';
import type { Logger } from './log.ts';
import { nextRun } from './next-run.ts';
import type { Problems } from './problems.ts';
import { iso } from './types.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Timers stand still while a machine sleeps: it is looked at least this often. */
const LOOK_MS = 5 * MINUTE_MS;
/** Messages that waited for the start come first. */
const AFTER_START_MS = MINUTE_MS;
const RETRY_MS = HOUR_MS;
/** In `meta`: when the last one was made, and since when they are wanted. */
const LAST = 'backup_last';
const SINCE = 'backup_since';

export interface BackupPlan {
  everyMs: number;
  /** HH:MM; for intervals of whole days. */
  at: string;
  timezone: string;
  /** 0: all. */
  keep: number;
}

export interface BackupScheduleOptions {
  plan: BackupPlan;
  home: string;
  db: Pick<Db, 'inbox'>;
  clock: Clock;
  log: Logger;
  problems: Pick<Problems, 'report' | 'solved'>;
  /** Makes one at `target`; rejects with the reason. Aborted: leaves nothing. */
  make: (home: string, target: string, signal: AbortSignal) => Promise<{ bytes: number }>;
}

/**
 * When the one after `last` is due. Whole days: at that time of day, the first that comes more than half a day before the
 * interval has passed, so that one made late brings the next back to its time. Else the interval after it.
 */
export function nextBackup({ everyMs, at, timezone }: BackupPlan, last: number): number {
  if (everyMs % DAY_MS !== 0) return last + everyMs;
  const [hour, minute] = at.split(':').map(Number);
  const daily = { type: 'cron', value: `${minute} ${hour} * * *`, timezone, anchor: 0 } as const;
  return nextRun(daily, last + everyMs - DAY_MS / 2) ?? last + everyMs;
}

export function createBackupSchedule(options: BackupScheduleOptions): { start(): void; stop(): void } {
  const { plan, home, db, clock, log, problems } = options;
  const folder = path.join(home, 'data', 'backups');
  const abort = new AbortController();
  let timer: Timer | undefined;
  let failedAt: number | null = null;

  /** The newest of what is known, and not in the future: a clock may have been ahead. */
  function last(now: number): number {
    const known = [db.inbox.meta(LAST), db.inbox.meta(SINCE)].map((text) => Date.parse(text ?? ''));
    const newest = listBackups(folder)[0];
    if (newest !== undefined) known.push(backupTime(path.basename(newest)));
    const past = known.filter((at) => at <= now);
    if (past.length > 0) return Math.max(...past);
    db.inbox.setMeta(SINCE, iso(now));
    return now;
  }

  function look(): void {
    const now = clock.now();
    const resting = failedAt === null ? 0 : RETRY_MS - (clock.monotonic() - failedAt);
    const wait = Math.max(nextBackup(plan, last(now)) - now, resting);
    if (wait > 0) arm(Math.min(wait, LOOK_MS));
    else void run(now).finally(() => arm(LOOK_MS));
  }

  async function run(now: number): Promise<void> {
    const target = path.join(folder, backupName(new Date(now)));
    const beganAt = clock.monotonic();
    log.info({ event: 'backup_begins' }, 'a backup is being made');
    try {
      const { bytes } = await options.make(home, target, abort.signal);
      if (abort.signal.aborted) return;
      failedAt = null;
      db.inbox.setMeta(LAST, iso(now));
      const removed = plan.keep === 0 ? [] : pruneBackups(folder, plan.keep);
      const ms = Math.round(clock.monotonic() - beganAt);
      log.info(
        { event: 'backup_made', file: target, bytes, ms, removed: removed.length },
        'a backup was made',
      );
      problems.solved('backup');
    } catch (error) {
      if (abort.signal.aborted) return;
      failedAt = clock.monotonic();
      const newest = listBackups(folder)[0];
      const good =
        newest === undefined ? 'There is none yet.' : `The last good one is ${path.basename(newest)}.`;
      log.error({ event: 'backup_failed', err: error }, messageOf(error));
      problems.report('backup', `${messageOf(error)} ${good}`);
    }
  }

  /** A disk that is full makes even a look fail; the next one may not. */
  function guarded(): void {
    try {
      look();
    } catch (error) {
      log.warn({ event: 'backup_not_looked_at', err: error }, messageOf(error));
      arm(LOOK_MS);
    }
  }

  function arm(ms: number): void {
    if (!abort.signal.aborted) timer = clock.after(ms, guarded);
  }

  return {
    start: () => arm(AFTER_START_MS),
    stop() {
      abort.abort();
      timer?.cancel();
    },
  };
}
