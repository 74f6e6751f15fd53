/**
 * Reading files that people and containers keep in a folder, as if a container had written them: no link is followed,
 * no pipe waited for, nothing of any size read, and whatever is wrong with one keeps none of the others.
 */
import { closeSync, fstatSync, opendirSync, readSync } from 'node:fs';
import path from 'node:path';
import { decodeText, type FileFault } from './front-matter.ts';
import { openBelow } from './open-below.ts';

/** Names that are looked at in one folder. */
const MOST_ENTRIES = 2000;

/**
 * The text of a plain file that `components` lead to from `root`; null where there is none. A fault where it cannot be used:
 * a link, no plain file, more than `most` bytes, not UTF-8.
 */
export function readBelow(
  root: string,
  components: readonly string[],
  most: number,
): string | FileFault | null {
  const bytes = bytesBelow(root, components, most);
  if (bytes === null || 'reason' in bytes) return bytes;
  if (bytes.length > most) return tooLarge(most);
  return decodeText(bytes);
}

export interface Part {
  text: string;
  /** Of the whole file. */
  bytes: number;
  isCut: boolean;
}

/** As readBelow, but of a larger file one end is enough, in whole characters (what is no UTF-8 is marked as such). */
export function readPart(
  root: string,
  components: readonly string[],
  most: number,
  end: 'beginning' | 'end',
): Part | FileFault | null {
  const read = openPlain(root, components, (fd) => {
    const bytes = fstatSync(fd).size;
    return {
      bytes,
      part: readUpTo(fd, Math.min(most, bytes), end === 'end' ? Math.max(0, bytes - most) : 0),
    };
  });
  if (read === null || 'reason' in read) return read;
  const { bytes, part } = read;
  const isCut = bytes > part.length;
  // A character that is cut in two is left out.
  const start = isCut && end === 'end' ? part.findIndex((byte) => (byte & 0xc0) !== 0x80) : 0;
  const decoder = new TextDecoder('utf-8');
  const text = decoder.decode(part.subarray(Math.max(0, start)), { stream: isCut && end === 'beginning' });
  return { text, bytes, isCut };
}

/** Up to one byte more than `most`. */
const bytesBelow = (root: string, components: readonly string[], most: number): Buffer | FileFault | null =>
  openPlain(root, components, (fd) => readUpTo(fd, Math.min(most, fstatSync(fd).size) + 1, 0));

function readUpTo(fd: number, most: number, from: number): Buffer {
  const buffer = Buffer.alloc(most);
  let length = 0;
  while (length < most) {
    const got = readSync(fd, buffer, length, most - length, from + length);
    if (got === 0) break;
    length += got;
  }
  return buffer.subarray(0, length);
}

function openPlain<T>(
  root: string,
  components: readonly string[],
  use: (fd: number) => T,
): T | FileFault | null {
  let fd: number;
  try {
    fd = openBelow(root, components);
  } catch (error) {
    return faultOf(error);
  }
  try {
    if (!fstatSync(fd).isFile()) return { line: null, reason: (w) => w.files.noFile };
    return use(fd);
  } catch (error) {
    return faultOf(error);
  } finally {
    closeSync(fd);
  }
}

/** The names in a folder, in order, without those that begin with a dot; none where there is no folder. `more`: not all. */
export function namesBelow(
  root: string,
  components: readonly string[],
): { names: string[]; more: boolean } | FileFault {
  let fd: number;
  try {
    fd = openBelow(root, components, true);
  } catch (error) {
    return faultOf(error) ?? { names: [], more: false };
  }
  try {
    const dir = opendirSync(
      process.platform === 'linux' ? `/proc/self/fd/${fd}` : path.join(root, ...components),
    );
    const names: string[] = [];
    try {
      let entry = dir.readSync();
      for (; entry !== null && names.length < MOST_ENTRIES; entry = dir.readSync())
        if (!entry.name.startsWith('.')) names.push(entry.name);
      return { names: names.sort(), more: entry !== null };
    } finally {
      dir.closeSync();
    }
  } catch (error) {
    return faultOf(error) ?? { names: [], more: false };
  } finally {
    closeSync(fd);
  }
}

export const tooLarge = (most: number): FileFault => ({
  line: null,
  reason: (w) => w.files.tooLarge(Math.floor(most / 1024)),
});

/** Null: it is not there. */
function faultOf(error: unknown): FileFault | null {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
  if (code === 'ENOENT') return null;
  if (code === 'ELOOP' || code === 'EMLINK' || code === 'ENOTDIR')
    return { line: null, reason: (w) => w.files.isLink };
  if (code === 'ENXIO') return { line: null, reason: (w) => w.files.noFile };
  return { line: null, reason: (w) => w.files.cannotOpen(code) };
}
