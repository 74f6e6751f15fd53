/**
 * Keeps the write-ahead log small. SQLite checkpoints by itself at every 1,000 pages and cuts the file down to
 * journal_size_limit when it begins it anew; neither can happen while somebody reads an old state (a sqlite3 left open in
 * the middle of a query). Once that reader is gone, this brings everything into the database and empties the file.
 */
import { statSync } from 'node:fs';
import type { Logger } from '../log.ts';
import { BUSY_TIMEOUT_MS, type Sqlite, WAL_LIMIT_BYTES } from './open.ts';

const HELD_WARNING_BYTES = 4 * WAL_LIMIT_BYTES;

/** Returns the size of the WAL in bytes afterwards. Waits for nobody. Does nothing while it is small. */
export function keepWalSmall(db: Sqlite, log: Logger): number {
  if (!db.open || db.memory || db.inTransaction) return 0;
  const size = walBytes(db);
  if (size < WAL_LIMIT_BYTES) return size;
  db.pragma('busy_timeout = 0');
  try {
    db.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    db.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  }
  const after = walBytes(db);
  if (after >= HELD_WARNING_BYTES)
    log.warn(
      { event: 'wal_held', bytes: after },
      'the database’s WAL cannot be emptied: some other program has been reading for long; end its query',
    );
  return after;
}

/** Rewritten in about half a second, in which nobody else is served. */
const SMALL_BYTES = 32 * 1024 * 1024;

/**
 * Writes a small database anew: deleted content is overwritten as it is deleted, but where pages were rearranged before, copies of
 * it may lie in their unused parts. False: it is too large for that. Throws what SQLite says when somebody else writes just now.
 */
export function rewriteSmall(db: Sqlite): boolean {
  if (!db.memory && statSync(db.name).size > SMALL_BYTES) return false;
  db.pragma('busy_timeout = 0');
  try {
    db.exec('VACUUM');
    return true;
  } finally {
    db.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  }
}

/** Brings everything into the database and empties the WAL, whatever its size. False: somebody is reading, or the disk is full. */
export function emptyWal(db: Sqlite): boolean {
  if (!db.open || db.memory || db.inTransaction) return false;
  db.pragma('busy_timeout = 0');
  try {
    const [result] = db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
    return result?.busy === 0;
  } finally {
    db.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  }
}

const walBytes = (db: Sqlite): number => statSync(`${db.name}-wal`, { throwIfNoEntry: false })?.size ?? 0;
