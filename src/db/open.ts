/**
 * Opens the database file: pragmas set and read back, schema brought up to date, an instance id given.
 * Never overwrites a file that is not ours or is newer than this program.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { messageOf, NanoClawError } from '../errors.ts';
import type { Reach } from '../lib/failpoint.ts';
import { lockHome } from '../lib/home-lock.ts';
import { iso } from '../types.ts';
import type { Migration } from './migrations/migration.ts';
import { MIGRATIONS } from './migrations.ts';
import { copyBeforeUpgrade, type Upgrade } from './upgrade.ts';

export type Sqlite = Database.Database;

export const BUSY_TIMEOUT_MS = 5000;
/** What the write-ahead log is cut down to when it begins anew. */
export const WAL_LIMIT_BYTES = 16 * 1024 * 1024;

/** Where the database lies under a home. */
export const databaseFile = (home: string): string => path.join(home, 'data', 'nanoclaw.db');

export interface OpenOptions {
  reach?: Reach | undefined;
  /** The caller holds the home's lock. Without it the lock is taken for as long as an upgrade lasts. */
  holdsLock?: boolean;
  /** The schema of a database that was there already has been brought up to date. */
  onUpgrade?: (upgrade: Upgrade) => void;
  /** Changes nothing, makes nothing, and works where only reading is allowed. */
  readonly?: boolean;
}

/**
 * Throws DATABASE_CORRUPT, DATABASE_BUSY, SCHEMA_NEWER or HOME_UNWRITABLE; where the schema has to be changed also
 * BACKUP_FAILED, and HOME_LOCKED when another process's daemon works with the older one. With `readonly` DATABASE_MISSING
 * and SCHEMA_OLDER instead.
 */
export function openDatabase(
  file: string,
  migrations: readonly Migration[] = MIGRATIONS,
  options: OpenOptions = {},
): Sqlite {
  let db: Sqlite | undefined;
  try {
    if (options.readonly) {
      if (!existsSync(file)) throw missing(file);
      db = new Database(file, { timeout: BUSY_TIMEOUT_MS, readonly: true });
      compareSchema(db, migrations, file);
      return db;
    }
    if (file !== ':memory:') mkdirSync(path.dirname(file), { recursive: true });
    db = new Database(file, { timeout: BUSY_TIMEOUT_MS });
    configure(db);
    migrate(db, migrations, options);
    return db;
  } catch (error) {
    db?.close();
    throw explainStorage(error, file);
  }
}

/** What a program of another version would read may mean something else. */
function compareSchema(db: Sqlite, migrations: readonly Migration[], file: string): void {
  const newest = migrations.at(-1)?.id ?? 0;
  const isOurs = db
    .prepare<[], number>("SELECT count(*) FROM sqlite_master WHERE name = 'migrations'")
    .pluck()
    .get();
  const seen = isOurs ? schemaVersion(db) : 0;
  if (seen === 0) throw missing(file);
  if (seen > newest) throw newer(seen, newest);
  if (seen === newest) return;
  throw new NanoClawError(
    'SCHEMA_OLDER',
    `The database has schema ${seen}; this program works with ${newest}.`,
    { fix: 'Start or restart the daemon with this version: it brings the database up to date.' },
  );
}

const missing = (file: string) =>
  new NanoClawError('DATABASE_MISSING', `There is no database of NanoClaw in ${path.dirname(file)}.`, {
    fix: 'Start NanoClaw once (npm start), or set NANOCLAW_HOME to where it runs.',
  });

const newer = (seen: number, newest: number) =>
  new NanoClawError('SCHEMA_NEWER', `The database has schema ${seen}; this program knows up to ${newest}.`, {
    fix: 'Start the newer version of NanoClaw again, or go back to what this one left in data/backups (docs/operations.md).',
  });

function configure(db: Sqlite): void {
  db.pragma('journal_mode = WAL');
  // WAL silently lowers this to NORMAL on first use, and NORMAL can lose commits that Telegram was told about.
  db.pragma('synchronous = FULL');
  db.pragma('foreign_keys = ON');
  db.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  db.pragma(`journal_size_limit = ${WAL_LIMIT_BYTES}`);
  db.pragma('mmap_size = 0');
  // SQLite's own copy of pages that the system holds, too: 4 MB instead of 16, for the same time a message.
  db.pragma('cache_size = -4000');
  // What was deleted is not to be read out of the file: /forget promises it.
  db.pragma('secure_delete = ON');
  db.exec(
    'CREATE TABLE IF NOT EXISTS migrations (id INTEGER PRIMARY KEY, name TEXT NOT NULL, at TEXT NOT NULL) STRICT',
  );
  db.pragma('synchronous = FULL');
  const level = db.pragma('synchronous', { simple: true });
  if (level !== 2) throw new Error(`synchronous is ${String(level)}, expected 2 (FULL)`);
}

function migrate(db: Sqlite, migrations: readonly Migration[], options: OpenOptions): void {
  const newest = migrations.at(-1)?.id ?? 0;
  const seen = schemaVersion(db);
  if (seen > newest) throw newer(seen, newest);
  if (seen === newest) return;
  if (seen === 0) applySteps(db, migrations, options);
  else withLock(db, seen, newest, options, () => upgrade(db, migrations, options));
}

/** A daemon of an older program must not find other tables under its feet, nor start in the middle. */
function withLock(db: Sqlite, seen: number, newest: number, options: OpenOptions, work: () => void): void {
  if (options.holdsLock) return work();
  let lock: ReturnType<typeof lockHome>;
  try {
    lock = lockHome(path.dirname(path.dirname(db.name)));
  } catch (cause) {
    if (!(cause instanceof NanoClawError) || cause.code !== 'HOME_LOCKED') throw cause;
    throw new NanoClawError(
      'HOME_LOCKED',
      `The database has schema ${seen}, this program needs ${newest}, and an older NanoClaw still works with it. ${cause.message}`,
      {
        fix: 'Restart the daemon (nanoclaw service restart, or where it runs): it upgrades at its start.',
        cause,
      },
    );
  }
  try {
    work();
  } finally {
    lock.release();
  }
}

function upgrade(db: Sqlite, migrations: readonly Migration[], options: OpenOptions): void {
  const from = schemaVersion(db); // again: another process may have been faster
  const to = migrations.at(-1)?.id ?? 0;
  if (from >= to) return;
  const done = copyBeforeUpgrade(db, from, to);
  applySteps(db, migrations, options);
  options.onUpgrade?.(done);
}

/** Each step commits together with its record. Follows graphile/worker's migrate. */
function applySteps(db: Sqlite, migrations: readonly Migration[], { reach }: OpenOptions): void {
  const seen = schemaVersion(db);
  const record = db.prepare('INSERT INTO migrations (id, name, at) VALUES (?, ?, ?)');
  for (const step of migrations.filter((m) => m.id > seen)) {
    db.transaction(() => {
      if (schemaVersion(db) >= step.id) return; // another process was faster
      db.exec(step.sql);
      reach?.('migration.applied');
      record.run(step.id, step.name, iso(Date.now()));
      if (step.id === 1) {
        db.prepare('INSERT INTO meta (key, value) VALUES (?, ?)').run('instance_id', randomUUID());
      }
    }).immediate();
  }
}

export function schemaVersion(db: Sqlite): number {
  return db.prepare<[], number>('SELECT coalesce(max(id), 0) FROM migrations').pluck().get() ?? 0;
}

/** The disk, a lock or the file failed, not what was to be stored: the same work may succeed later. */
export function isStorageFailure(error: unknown): boolean {
  return (
    error instanceof Database.SqliteError &&
    !/^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE|ERROR)/.test(error.code)
  );
}

/**
 * Reads the whole file: every page and its order, not what the indexes hold; about a second for 100 MB. Throws
 * DATABASE_CORRUPT. Damage that is met only later would have been written beside for weeks.
 */
export function checkPages(db: Sqlite): void {
  let found: string[];
  try {
    found = db.prepare<[], string>('PRAGMA quick_check(1)').pluck().all();
  } catch (error) {
    throw corrupt(db.name, messageOf(error), error);
  }
  if (found.join() !== 'ok') throw corrupt(db.name, found.join('; '), undefined);
}

const corrupt = (file: string, why: string, cause: unknown) =>
  new NanoClawError('DATABASE_CORRUPT', `${file} is damaged or not a database: ${why}.`, {
    fix: 'Nothing was changed. Keep the file aside and bring back the newest backup from data/backups (nanoclaw restore).',
    cause,
  });

/** What SQLite refused, as an error that says what is to be done. NanoClawErrors stay as they are. */
export function explainStorage(error: unknown, file: string): unknown {
  const code = (error as { code?: string }).code ?? '';
  if (error instanceof NanoClawError) return error;
  if (code === 'SQLITE_CORRUPT' || code === 'SQLITE_NOTADB') return corrupt(file, messageOf(error), error);
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
    return new NanoClawError('DATABASE_BUSY', `${file} is held by another process: ${messageOf(error)}.`, {
      fix: 'Try again. If it stays: something else, often a sqlite3 in the middle of a transaction, has it open.',
      cause: error,
    });
  }
  return new NanoClawError('HOME_UNWRITABLE', `${file} cannot be used: ${messageOf(error)}.`, {
    fix: `Give the user that runs NanoClaw write access to ${path.dirname(file)}, and see that its disk has room.`,
    cause: error,
  });
}
