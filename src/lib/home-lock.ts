/**
 * One daemon per home. The lock is a kernel lock that SQLite holds on data/daemon.lock: it is atomic, and it goes
 * with the process, however that ends, so there is no stale lock to clean up.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { z } from 'zod';
import { messageOf, NanoClawError } from '../errors.ts';
import { writeFileAtomic } from './atomic-file.ts';

/** data/daemon.json: what the daemon tells other processes about itself while it runs. */
const daemonInfoSchema = z.object({
  pid: z.number().int(),
  started_at: z.string(),
  /** Where its HTTP server listens, e.g. http://127.0.0.1:7420. Null until it does. */
  url: z.string().nullable(),
  /** The built-in simulator runs there, too. */
  simulator: z.boolean(),
});
export type DaemonInfo = z.infer<typeof daemonInfoSchema>;

export interface HomeLock {
  /** Replaces data/daemon.json. */
  publish(info: DaemonInfo): void;
  release(): void;
}

const lockFile = (home: string) => path.join(home, 'data', 'daemon.lock');
const infoFile = (home: string) => path.join(home, 'data', 'daemon.json');

/** Those of this process: a lock that nobody refers to any more would be collected, and be open. */
const held = new Set<Database.Database>();

/** Held until it is released or the process ends. Throws HOME_LOCKED, naming the other daemon, or HOME_UNWRITABLE. */
export function lockHome(home: string): HomeLock {
  const lock = tryLock(home);
  if (!lock) {
    const other = readDaemonInfo(home);
    const who = other
      ? `process ${other.pid}, since ${other.started_at}${other.url ? `, at ${other.url}` : ''}`
      : 'another process';
    throw new NanoClawError('HOME_LOCKED', `NanoClaw runs already on ${home}: ${who}.`, {
      fix: 'Stop that one first, or give this one another NANOCLAW_HOME.',
    });
  }
  held.add(lock);
  return {
    publish: (info) => writeFileAtomic(infoFile(home), `${JSON.stringify(info, null, 2)}\n`, { sync: false }),
    release() {
      rmSync(infoFile(home), { force: true });
      held.delete(lock);
      lock.close();
    },
  };
}

/** The process that published data/daemon.json still exists. False also when nobody did. */
export function ownerLives(home: string): boolean {
  const info = readDaemonInfo(home);
  if (!info) return false;
  try {
    process.kill(info.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The daemon that runs on this home now, or null. */
export function findDaemon(home: string): DaemonInfo | null {
  const info = readDaemonInfo(home);
  if (!info) return null;
  const lock = tryLock(home);
  if (!lock) return info;
  lock.close(); // its daemon ended without cleaning up
  return null;
}

/** As findDaemon, for somebody who may not touch the lock: whether the process that published itself exists. */
export function findDaemonByProcess(home: string): DaemonInfo | null {
  return ownerLives(home) ? readDaemonInfo(home) : null;
}

/** What a daemon that has ended without clearing up left in data/daemon.json, or null. */
export function leftInfo(home: string): DaemonInfo | null {
  return findDaemon(home) === null ? readDaemonInfo(home) : null;
}

/** For one whose daemon has ended: see leftInfo(). */
export function removeInfo(home: string): void {
  const lock = tryLock(home);
  if (!lock) return; // one has started meanwhile, and it is its own
  rmSync(infoFile(home), { force: true });
  lock.close();
}

/** Some process holds the lock now. False where there is no lock file; makes none. */
export function isHomeLocked(home: string): boolean {
  if (!existsSync(lockFile(home))) return false;
  const lock = tryLock(home);
  lock?.close();
  return lock === null;
}

function tryLock(home: string): Database.Database | null {
  let db: Database.Database | undefined;
  try {
    mkdirSync(path.dirname(lockFile(home)), { recursive: true });
    db = new Database(lockFile(home), { timeout: 0 });
    db.pragma('journal_mode = MEMORY');
    db.exec('BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db?.close();
    if ((error as { code?: string }).code === 'SQLITE_BUSY') return null;
    throw new NanoClawError(
      'HOME_UNWRITABLE',
      `${path.dirname(lockFile(home))} cannot be written: ${messageOf(error)}.`,
      {
        fix: 'Give the user that runs NanoClaw write access to it, and see that its disk has room.',
        cause: error,
      },
    );
  }
}

function readDaemonInfo(home: string): DaemonInfo | null {
  try {
    return daemonInfoSchema.parse(JSON.parse(readFileSync(infoFile(home), 'utf8')));
  } catch {
    return null;
  }
}
