/**
 * What happens before the schema of a database that is in use is changed: a checked copy of it is laid into
 * data/backups/, so that whoever has to go back to the older program can. Nothing is changed before the copy is whole.
 */
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
} from 'node:fs';
import path from 'node:path';
import type Database from 'better-sqlite3';
import { takeSnapshot } from '../backup/snapshot.ts';
import { messageOf, NanoClawError } from '../errors.ts';
import { syncDirectory } from '../lib/atomic-file.ts';

export interface Upgrade {
  from: number;
  to: number;
  /** The copy of before. */
  backup: string;
}

/** Copies of different upgrades that are kept. */
const KEEP = 3;
const SPARE_BYTES = 4 * 1024 * 1024;
const NAME = /^before-upgrade-(\d+)-(\d+)-(\w+)\.db$/;

/** The folder for the copies of a database file. */
const folderOf = (file: string): string => path.join(path.dirname(file), 'backups');

/**
 * Copies the database, reads the copy through, and returns what was done. An earlier copy for the same upgrade, which
 * then did not succeed, is replaced. Throws BACKUP_FAILED, or what SQLite says of a damaged file.
 */
export function copyBeforeUpgrade(
  db: Database.Database,
  from: number,
  to: number,
  now: Date = new Date(),
): Upgrade {
  const folder = folderOf(db.name);
  const stamp = now.toISOString().replace(/[-:.]/g, '');
  const backup = path.join(folder, `before-upgrade-${from}-${to}-${stamp}.db`);
  const temporary = path.join(folder, `.before-upgrade-${randomUUID()}.tmp`);
  try {
    mkdirSync(folder, { recursive: true });
    removeLeftovers(folder);
    requireRoom(db, folder, from, to);
    // SQLite takes an empty file, which is ours alone from the first byte on.
    closeSync(openSync(temporary, 'wx', 0o600));
    takeSnapshot(db.name, temporary);
    chmodSync(temporary, 0o600);
    sync(temporary);
    renameSync(temporary, backup);
    syncDirectory(folder);
  } catch (error) {
    if (existsSync(temporary)) rmSync(temporary);
    if (error instanceof NanoClawError) throw error;
    if (/^SQLITE_(CORRUPT|NOTADB)/.test((error as { code?: string }).code ?? '')) throw error;
    throw failed(from, to, `it could not be written to ${folder}: ${messageOf(error)}`, error);
  }
  prune(folder, from, to, path.basename(backup));
  return { from, to, backup };
}

/** The copy, and as much again for the rewriting of tables. */
function requireRoom(db: Database.Database, folder: string, from: number, to: number): void {
  const pragma = (name: string) => Number(db.pragma(name, { simple: true }));
  const needed = 2 * pragma('page_count') * pragma('page_size') + SPARE_BYTES;
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (free >= needed) return;
  throw failed(from, to, `that takes ${mib(needed)} MiB of disk, and ${mib(free)} MiB are free in ${folder}`);
}

const mib = (bytes: number): string => (bytes / 1024 ** 2).toFixed(bytes < 10 * 1024 ** 2 ? 1 : 0);

const failed = (from: number, to: number, why: string, cause?: unknown) =>
  new NanoClawError(
    'BACKUP_FAILED',
    `Before its schema goes from ${from} to ${to} the database is copied; ${why}. Nothing was changed.`,
    { fix: 'Make room there (old files in data/backups/, data/logs/), then start again.', cause },
  );

/** Of a process that was killed in the middle. Only the holder of the home's lock comes here. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder))
    if (/^\.before-upgrade-[\w-]+\.tmp(-journal)?$/.test(name)) rmSync(path.join(folder, name));
}

/** The newest of each upgrade, and of these the newest KEEP. */
function prune(folder: string, from: number, to: number, newest: string): void {
  const names = readdirSync(folder)
    .flatMap((name) => {
      const [, first, last, stamp = ''] = NAME.exec(name) ?? [];
      return first === undefined ? [] : [{ name, same: +first === from && Number(last) === to, stamp }];
    })
    .sort((a, b) => b.stamp.localeCompare(a.stamp));
  const others = names.filter(({ same }) => !same);
  const obsolete = names.filter(({ name, same }) => same && name !== newest);
  for (const { name } of [...obsolete, ...others.slice(KEEP - 1)]) rmSync(path.join(folder, name));
}

function sync(file: string): void {
  const fd = openSync(file, 'r+');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
