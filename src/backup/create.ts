/**
 * Makes a backup while the daemon runs or not: snapshot of the database → files into a tar → manifest → synced, renamed
 * in, opened again and checked. A backup that cannot be read back is no backup and is removed.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { databaseFile } from '../db/open.ts';
import { messageOf, NanoClawError } from '../errors.ts';
import { syncDirectory } from '../lib/atomic-file.ts';
import { withoutSecrets } from './dotenv.ts';
import { removeLeftovers } from './keep.ts';
import { BACKUP_FORMAT, DATABASE, DOTENV, FOLDERS, MANIFEST, type Manifest, SIMULATOR } from './layout.ts';
import { addFile, addFolder, addText, writeArchive } from './pack.ts';
import { readBackup } from './read.ts';
import { describeSnapshot, takeSnapshot } from './snapshot.ts';

export interface BackupOptions {
  home: string;
  /** Where the archive is to be; must not exist. */
  target: string;
  secrets: boolean;
  version: string;
  now: Date;
}

export interface Backup {
  file: string;
  bytes: number;
  manifest: Manifest;
}

/** Throws BACKUP_FAILED or what opening the database throws; leaves nothing half-made behind. */
export async function createBackup(options: BackupOptions): Promise<Backup> {
  const { home, target, now } = options;
  if (!existsSync(databaseFile(home))) {
    throw new NanoClawError('BACKUP_FAILED', `There is no database in ${path.join(home, 'data')}.`, {
      fix: 'Start NanoClaw once, or set NANOCLAW_HOME to where it runs.',
    });
  }
  if (existsSync(target)) throw new NanoClawError('BACKUP_FAILED', `${target} exists already.`);
  mkdirSync(path.dirname(target), { recursive: true });
  removeLeftovers(path.dirname(target), now);
  const working = `${target}.${randomUUID()}.tmp`;
  mkdirSync(working, { mode: 0o700 });
  try {
    const archive = path.join(working, 'archive');
    await write(options, archive, takeSnapshot(databaseFile(home), path.join(working, 'snapshot.db')));
    await readBackup(archive, path.join(working, 'check'));
    renameSync(archive, target);
    syncDirectory(path.dirname(target));
    const manifest = await readBackup(target, null);
    return { file: target, bytes: lstatSync(target).size, manifest };
  } catch (error) {
    if (error instanceof NanoClawError) throw error;
    throw new NanoClawError('BACKUP_FAILED', `The backup could not be made: ${messageOf(error)}.`, {
      fix: `Check that ${path.dirname(target)} can be written and has room.`,
      cause: error,
    });
  } finally {
    rmSync(working, { recursive: true, force: true });
  }
}

async function write(options: BackupOptions, archive: string, snapshot: string): Promise<void> {
  const { home, secrets, version, now } = options;
  const manifest: Manifest = {
    format: BACKUP_FORMAT,
    version,
    created_at: now.toISOString(),
    ...describeSnapshot(snapshot),
    secrets,
    skipped: [],
    files: {},
  };
  await writeArchive(archive, async (tar) => {
    for (const folder of FOLDERS) await addFolder(tar, manifest, home, folder.split('/'));
    await addFile(tar, manifest, DATABASE, openSync(snapshot, 'r'), 0o644);
    if (existsSync(path.join(home, SIMULATOR)))
      await addFile(tar, manifest, SIMULATOR, openSync(path.join(home, SIMULATOR), 'r'));
    const dotenv = readDotenv(home, secrets);
    if (dotenv !== null) addText(tar, manifest, DOTENV, dotenv, 0o600);
    tar.entry({ name: MANIFEST, mode: 0o644 }, `${JSON.stringify(manifest, null, 1)}\n`);
  });
}

function readDotenv(home: string, secrets: boolean): string | null {
  const file = path.join(home, DOTENV);
  if (!existsSync(file)) return null;
  const text = readFileSync(file, 'utf8');
  return secrets ? text : withoutSecrets(text);
}
