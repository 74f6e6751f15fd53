/** Packs files into a gzipped tar while others may write to them. Notes each with size and hash, and what was left out. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  createWriteStream,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readlinkSync,
} from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Pack, pack } from 'tar-stream';
import { messageOf } from '../errors.ts';
import { openBelow } from '../lib/open-below.ts';
import type { Manifest } from './layout.ts';

export type Packed = Pick<Manifest, 'files' | 'skipped'>;

/** Writes and syncs the archive that `fill` fills; it holds what people wrote, so only its owner may read it. */
export async function writeArchive(archive: string, fill: (tar: Pack) => Promise<void>): Promise<void> {
  const tar = pack();
  const written = pipeline(tar, createGzip({ level: 6 }), createWriteStream(archive, { mode: 0o600 }));
  const packing = fill(tar)
    .then(() => tar.finalize())
    .catch((error: unknown) => {
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

/**
 * Whatever lies below `parts` of the home: containers write there while we read, so every step is looked at anew and nothing
 * is followed. `takeLink`: whether a symbolic link with that target is taken (as a link).
 */
export async function addFolder(
  tar: Pack,
  packed: Packed,
  home: string,
  parts: string[],
  takeLink: (parts: readonly string[], target: string) => boolean = () => true,
): Promise<void> {
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
      packed.skipped.push(`${parts.join('/')}: ${messageOf(error)}`);
    return;
  }
  tar.entry({ name: parts.join('/'), type: 'directory', mode });
  for (const { name, type } of names) {
    const below = [...parts, name];
    const shown = below.join('/');
    try {
      if (type === 'dir') await addFolder(tar, packed, home, below, takeLink);
      else if (type === 'link') {
        const target = readlinkSync(path.join(home, ...below));
        if (takeLink(below, target)) tar.entry({ name: shown, type: 'symlink', linkname: target });
        else packed.skipped.push(`${shown}: a link that leads out`);
      } else if (type === 'file') await addFile(tar, packed, shown, openBelow(home, below));
      else packed.skipped.push(`${shown}: neither file, folder nor link`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      packed.skipped.push(`${shown}: ${messageOf(error)}`); // gone, swapped or unreadable meanwhile
    }
  }
}

/** Takes over `fd`. As long as it was when it was opened: what is appended meanwhile is in the next backup. */
export async function addFile(
  tar: Pack,
  packed: Packed,
  name: string,
  fd: number,
  mode?: number,
): Promise<void> {
  const info = fstatSync(fd);
  if (!info.isFile()) {
    closeSync(fd);
    packed.skipped.push(`${name}: no regular file any more`);
    return;
  }
  const entry = tar.entry({ name, size: info.size, mode: mode ?? info.mode & 0o777, mtime: info.mtime });
  const hash = createHash('sha256');
  await pipeline(exactly(fd, info.size, hash), entry);
  note(packed, name, info.size, hash.digest('hex'));
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

/** A file whose content is in memory. */
export function addText(tar: Pack, packed: Packed, name: string, text: string, mode = 0o644): void {
  const content = Buffer.from(text);
  note(packed, name, content.length, createHash('sha256').update(content).digest('hex'));
  tar.entry({ name, mode }, content);
}

function note(packed: Packed, name: string, size: number, sha256: string): void {
  packed.files[name] = { size, sha256 };
}
