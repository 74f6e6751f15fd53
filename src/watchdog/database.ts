/**
 * A watchdog on the database: can it still be written, and is the file still the one we have open?
 *
 *   a full disk, or another process that holds the lock → waits, however long: a new process would find the same;
 *       the poller confirms nothing that is not stored, and main hears of it (problems.ts)
 *   read-only, an input/output error, damage → what a new process may cure, or refuse with a clear error: ends it
 *       after the limit
 *   the file was removed or replaced → everything written from now on would be lost with this process: ends it at the
 *       second look
 */
import { statfsSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Logger } from '../log.ts';
import type { Problems } from '../problems.ts';
import { iso } from '../types.ts';

export interface DatabaseWatchdogOptions {
  clock: Clock;
  log: Logger;
  db: Db;
  file: string;
  limitMs: number;
  problems: Pick<Problems, 'report' | 'solved'>;
  giveUp: (reason: string) => void;
  /** Free space of a folder's file system; see freeBytes(). */
  freeBytes: (directory: string) => number;
}

/** Twice within the limit; each look is one small commit. */
const LOOKS = 2;
/** Below this much free space a failed write is the disk's fault, whatever SQLite calls it. */
const FULL_BYTES = 1024 * 1024;

export function createDatabaseWatchdog(options: DatabaseWatchdogOptions): { start(): void; stop(): void } {
  const { clock, log, db, file, limitMs, problems } = options;
  const identity = identityOf(file);
  let timer: Timer | undefined;
  let failingSince: number | null = null;
  let strange = 0;
  let said = '';

  function look(): void {
    arm();
    strange = identityOf(file) === identity ? 0 : strange + 1;
    if (strange >= 2) return options.giveUp(`${file} was removed or replaced while it was in use`);
    const freeMb = Math.floor(options.freeBytes(path.dirname(file)) / FULL_BYTES);
    // SQLite may find room in files it has already, and a message not any more.
    const failure = write() ?? (freeMb < 1 ? new Error('less than 1 MiB is left on the disk') : null);
    if (failure === null) {
      failingSince = null;
      said = '';
      problems.solved('disk');
      return;
    }
    const now = clock.monotonic();
    failingSince ??= now;
    const detail = messageOf(failure);
    if (detail !== said) log.error({ event: 'database_not_writable', err: failure }, detail);
    said = detail;
    problems.report('disk', detail);
    if (!passes(failure) && now - failingSince >= limitMs)
      options.giveUp(
        `the database has not been writable for ${Math.round((now - failingSince) / 1000)} s: ${detail}`,
      );
  }

  function write(): unknown {
    try {
      db.inbox.setMeta('last_write', iso(clock.now()));
      return null;
    } catch (error) {
      return error;
    }
  }

  function passes(error: unknown): boolean {
    const code = (error as { code?: string }).code ?? '';
    return /^SQLITE_(FULL|BUSY|LOCKED)/.test(code) || options.freeBytes(path.dirname(file)) < FULL_BYTES;
  }

  function arm(): void {
    timer = clock.after(limitMs / LOOKS, look);
  }

  return { start: arm, stop: () => timer?.cancel() };
}

function identityOf(file: string): string {
  try {
    const { dev, ino } = statSync(file);
    return `${dev}:${ino}`;
  } catch {
    return 'none';
  }
}

/** Unlimited where it cannot be told. */
export function freeBytes(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
