/**
 * Brings a backup back: read and checked beside the home first, then what is there is moved aside, then what was read is
 * moved in. Dying in between loses nothing: the old is aside, and the restore can be run again.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { MIGRATIONS } from '../db/migrations.ts';
import { databaseFile } from '../db/open.ts';
import { NanoClawError } from '../errors.ts';
import { syncDirectory } from '../lib/atomic-file.ts';
import { lockHome } from '../lib/home-lock.ts';
import { DATABASE, DOTENV, FOLDERS, type Manifest, SIMULATOR } from './layout.ts';
import { readBackup } from './read.ts';
import { describeSnapshot, giveNewInstance } from './snapshot.ts';

export interface RestoreOptions {
  home: string;
  file: string;
  /** Without it a home that has a database is left as it is (RESTORE_REFUSED). */
  replace: boolean;
  now: Date;
}

export interface Restored {
  manifest: Manifest;
  /** Where the old files are now; null when there were none. */
  aside: string | null;
  /** The home has a .env of its own, which was kept; the backup's was not used. */
  keptSettings: boolean;
}

/** What belongs to the state that is replaced, as paths below the home. Mailboxes and logs are the old state's. */
const OLD = [
  DATABASE,
  `${DATABASE}-wal`,
  `${DATABASE}-shm`,
  'data/registered_groups.json',
  'data/ipc',
  'data/logs',
  SIMULATOR,
  ...FOLDERS,
];

/** Throws HOME_LOCKED while a daemon runs, RESTORE_REFUSED, BACKUP_INVALID or SCHEMA_NEWER: then nothing was changed. */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { home, file, now } = options;
  const lock = lockHome(home);
  const stamp = now.toISOString().replace(/[-:.]/g, '');
  const staging = path.join(home, 'data', `restore-${stamp}.tmp`);
  try {
    if (existsSync(databaseFile(home)) && !options.replace) {
      throw new NanoClawError('RESTORE_REFUSED', `${home} has a database already.`, {
        fix: 'Restore into another NANOCLAW_HOME, or add --replace: the old files are then kept aside.',
      });
    }
    const manifest = await readBackup(file, staging);
    const newest = MIGRATIONS.at(-1)?.id ?? 0;
    if (manifest.schema > newest) {
      throw new NanoClawError(
        'SCHEMA_NEWER',
        `The backup has schema ${manifest.schema}; this program knows up to ${newest}.`,
        { fix: `Restore it with NanoClaw ${manifest.version} or newer.` },
      );
    }
    if (!isSameInstance(home, manifest)) giveNewInstance(path.join(staging, DATABASE));
    const aside = moveAside(home, path.join(home, 'data', 'backups', `before-restore-${stamp}`));
    const keptSettings = moveIn(home, staging);
    return { manifest, aside, keptSettings };
  } finally {
    rmSync(staging, { recursive: true, force: true });
    lock.release();
  }
}

/** The daemon whose agents are still about is the one that is being restored. */
function isSameInstance(home: string, manifest: Manifest): boolean {
  try {
    return describeSnapshot(databaseFile(home)).instance_id === manifest.instance_id;
  } catch {
    return false; // none there, or damaged
  }
}

function moveAside(home: string, aside: string): string | null {
  const present = OLD.filter((name) => existsSync(path.join(home, name)));
  for (const name of present) move(path.join(home, name), path.join(aside, name));
  return present.length > 0 ? aside : null;
}

/** The database last: as long as it is not there, there is nothing to start from. */
function moveIn(home: string, staging: string): boolean {
  for (const folder of FOLDERS) {
    const from = path.join(staging, folder);
    if (existsSync(from)) move(from, path.join(home, folder));
  }
  const simulator = path.join(staging, SIMULATOR);
  if (existsSync(simulator)) move(simulator, path.join(home, SIMULATOR));
  const settings = path.join(staging, DOTENV);
  const own = path.join(home, DOTENV);
  const kept = existsSync(own) && existsSync(settings);
  if (existsSync(settings) && !kept) move(settings, own);
  move(path.join(staging, DATABASE), path.join(home, DATABASE));
  return kept;
}

function move(from: string, to: string): void {
  mkdirSync(path.dirname(to), { recursive: true });
  renameSync(from, to);
  syncDirectory(path.dirname(to));
}
