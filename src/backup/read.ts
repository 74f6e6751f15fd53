/**
 * Reads an archive and believes nothing: every path must be one that a backup may hold, every file must have the size
 * and hash that the manifest names, the database must be sound, and nothing may be missing.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import { messageOf, NanoClawError } from '../errors.ts';
import { DATABASE, isBackupPath, MANIFEST, type Manifest, manifestSchema } from './layout.ts';
import { checkDatabase } from './snapshot.ts';

const MAX_MANIFEST_BYTES = 256 * 1024 * 1024;

/**
 * Checks the archive and, with `into` (a folder that does not exist yet), unpacks it there. Throws BACKUP_INVALID with
 * what is wrong. Links are made last, so that no file can be written through one.
 */
export async function readBackup(file: string, into: string | null): Promise<Manifest> {
  try {
    return await read(file, into);
  } catch (error) {
    if (error instanceof NanoClawError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !existsSync(file))
      throw new NanoClawError('BACKUP_INVALID', `There is no ${file}.`, {
        fix: 'Name an archive: those that the daemon made lie in data/backups.',
      });
    throw new NanoClawError('BACKUP_INVALID', `${file} is no whole backup: ${messageOf(error)}.`, {
      fix: 'Take another one from data/backups.',
      cause: error,
    });
  }
}

async function read(file: string, into: string | null): Promise<Manifest> {
  const seen = new Map<string, { size: number; sha256: string }>();
  const links: { name: string; to: string }[] = [];
  let manifestText: string | null = null;
  if (into !== null) mkdirSync(into, { mode: 0o700 });
  const tar = extract();
  const reading = pipeline(createReadStream(file), createGunzip(), tar);
  reading.catch(() => {}); // seen below, after the loop has been told of it
  for await (const entry of tar) {
    const { name, type } = checked(entry.header);
    if (manifestText !== null) throw new Error('something follows the manifest');
    if (seen.has(name)) throw new Error(`${name} is in it twice`);
    if (name === MANIFEST) manifestText = await text(entry);
    else if (type === 'directory') {
      if (into !== null) mkdirSync(path.join(into, name), { recursive: true });
      entry.resume();
    } else if (type === 'symlink') {
      links.push({ name, to: entry.header.linkname ?? '' });
      entry.resume();
    } else seen.set(name, await take(entry, into === null ? null : path.join(into, name), entry.header));
  }
  await reading;
  if (manifestText === null) throw new Error('it has no manifest, so it was cut off');
  const manifest = manifestSchema.parse(JSON.parse(manifestText));
  compare(manifest, seen);
  if (into !== null) {
    for (const { name, to } of links) symlinkSync(to, path.join(into, name));
    checkDatabase(path.join(into, DATABASE));
  }
  return manifest;
}

function checked(header: Header): { name: string; type: string } {
  const name = header.name.replace(/\/$/, '');
  const type = header.type ?? 'file';
  if (!isBackupPath(name)) throw new Error(`it holds "${name.slice(0, 200)}", which belongs to no backup`);
  if (!['file', 'directory', 'symlink'].includes(type)) throw new Error(`${name} is a ${type}`);
  return { name, type };
}

async function take(
  entry: AsyncIterable<unknown>,
  target: string | null,
  header: Header,
): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  let size = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  if (target !== null) mkdirSync(path.dirname(target), { recursive: true });
  const sink =
    target === null
      ? new Writable({ write: (_, __, done) => done() })
      : createWriteStream(target, { flags: 'wx', mode: (header.mode ?? 0o600) & 0o777 });
  await pipeline(entry, measure, sink);
  return { size, sha256: hash.digest('hex') };
}

async function text(entry: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of entry) {
    size += (chunk as Buffer).length;
    if (size > MAX_MANIFEST_BYTES) throw new Error('its manifest has no end');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function compare(manifest: Manifest, seen: ReadonlyMap<string, { size: number; sha256: string }>): void {
  if (!seen.has(DATABASE)) throw new Error('it holds no database');
  for (const [name, promised] of Object.entries(manifest.files)) {
    const found = seen.get(name);
    if (!found) throw new Error(`${name} is missing`);
    if (found.size !== promised.size || found.sha256 !== promised.sha256)
      throw new Error(`${name} is not what was packed`);
  }
  for (const name of seen.keys())
    if (!Object.hasOwn(manifest.files, name)) throw new Error(`${name} is not in its manifest`);
}
