/**
 * Makes a backup while the daemon runs or not: snapshot of the database → files into a tar → manifest → synced, renamed
 * in, opened again and checked. A backup that cannot be read back is no backup and is removed.
 */
import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
} from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Pack, pack } from 'tar-stream';
import { databaseFile } from '../db/open.ts';
import { messageOf, NanoClawError } from '../errors.ts';
import { syncDirectory } from '../lib/atomic-file.ts';
import { openBelow } from '../lib/open-below.ts';
import { withoutSecrets } from './dotenv.ts';
import { BACKUP_FORMAT, DATABASE, DOTENV, FOLDERS, MANIFEST, type Manifest, SIMULATOR } from './layout.ts';
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
  const { home, target } = options;
  if (!existsSync(databaseFile(home))) {
    throw new NanoClawError('BACKUP_FAILED', `There is no database in ${path.join(home, 'data')}.`, {
      fix: 'Start NanoClaw once, or set NANOCLAW_HOME to where it runs.',
    });
  }
  if (existsSync(target)) throw new NanoClawError('BACKUP_FAILED', `${target} exists already.`);
  mkdirSync(path.dirname(target), { recursive: true });
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
  const tar = pack();
  // The archive may hold secrets and always holds what people wrote.
  const written = pipeline(tar, createGzip({ level: 6 }), createWriteStream(archive, { mode: 0o600 }));
  const packing = (async () => {
    for (const folder of FOLDERS) await addFolder(tar, manifest, home, folder.split('/'));
    await addFile(tar, manifest, DATABASE, openSync(snapshot, 'r'), 0o644);
    if (existsSync(path.join(home, SIMULATOR)))
      await addFile(tar, manifest, SIMULATOR, openSync(path.join(home, SIMULATOR), 'r'));
    const dotenv = readDotenv(home, secrets);
    if (dotenv !== null) {
      const content = Buffer.from(dotenv);
      note(manifest, DOTENV, content.length, createHash('sha256').update(content).digest('hex'));
      tar.entry({ name: DOTENV, mode: 0o600 }, content);
    }
    tar.entry({ name: MANIFEST, mode: 0o644 }, `${JSON.stringify(manifest, null, 1)}\n`);
    tar.finalize();
  })().catch((error: unknown) => {
    tar.destroy(error instanceof Error ? error : new Error(messageOf(error)));
  });
  await written;
  await packing;
  const fd = openSync(archive, 'r+');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function readDotenv(home: string, secrets: boolean): string | null {
  const file = path.join(home, DOTENV);
  if (!existsSync(file)) return null;
  const text = readFileSync(file, 'utf8');
  return secrets ? text : withoutSecrets(text);
}

/** Whatever lies below: containers write there while we read, so every step is looked at anew and nothing is followed. */
async function addFolder(tar: Pack, manifest: Manifest, home: string, parts: string[]): Promise<void> {
  let names: { name: string; type: 'dir' | 'file' | 'link' | 'other' }[];
  let mode: number;
  try {
    const fd = openBelow(home, parts, true);
    try {
      mode = fstatSync(fd).mode & 0o777;
      const listed = process.platform === 'linux' ? `/proc/self/fd/${fd}` : path.join(home, ...parts);
      names = readdirSync(listed, { withFileTypes: true })
        .map((entry) => ({
          name: entry.name,
          type: entry.isDirectory()
            ? ('dir' as const)
            : entry.isFile()
              ? ('file' as const)
              : entry.isSymbolicLink()
                ? ('link' as const)
                : ('other' as const),
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      manifest.skipped.push(`${parts.join('/')}: ${messageOf(error)}`);
    return;
  }
  tar.entry({ name: parts.join('/'), type: 'directory', mode });
  for (const { name, type } of names) {
    const below = [...parts, name];
    const shown = below.join('/');
    try {
      if (type === 'dir') await addFolder(tar, manifest, home, below);
      else if (type === 'link') addLink(tar, home, below);
      else if (type === 'file') await addFile(tar, manifest, shown, openBelow(home, below));
      else manifest.skipped.push(`${shown}: neither file, folder nor link`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      manifest.skipped.push(`${shown}: ${messageOf(error)}`); // gone, swapped or unreadable meanwhile
    }
  }
}

/** As it is: where it leads is neither read now nor when it is restored. */
function addLink(tar: Pack, home: string, parts: string[]): void {
  const linkname = readlinkSync(path.join(home, ...parts));
  tar.entry({ name: parts.join('/'), type: 'symlink', linkname });
}

/** Takes over `fd`. As long as it was when it was opened: what is appended meanwhile is in the next backup. */
async function addFile(
  tar: Pack,
  manifest: Manifest,
  name: string,
  fd: number,
  mode?: number,
): Promise<void> {
  const info = fstatSync(fd);
  if (!info.isFile()) {
    closeSync(fd);
    manifest.skipped.push(`${name}: no regular file any more`);
    return;
  }
  const entry = tar.entry({ name, size: info.size, mode: mode ?? info.mode & 0o777, mtime: info.mtime });
  const hash = createHash('sha256');
  await pipeline(exactly(fd, info.size, hash), entry);
  note(manifest, name, info.size, hash.digest('hex'));
}

async function* exactly(fd: number, size: number, hash: ReturnType<typeof createHash>) {
  let left = size;
  if (left > 0) {
    for await (const chunk of createReadStream('', { fd, autoClose: true, end: size - 1 })) {
      hash.update(chunk as Buffer);
      left -= (chunk as Buffer).length;
      yield chunk as Buffer;
    }
  } else closeSync(fd);
  // It was made shorter while we read: the tar has announced its size, so the rest is zeros.
  for (; left > 0; left -= Math.min(left, 65_536)) {
    const zeros = Buffer.alloc(Math.min(left, 65_536));
    hash.update(zeros);
    yield zeros;
  }
}

function note(manifest: Manifest, name: string, size: number, sha256: string): void {
  manifest.files[name] = { size, sha256 };
}
