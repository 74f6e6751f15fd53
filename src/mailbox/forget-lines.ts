/**
 * Takes what messages say out of a group's archives (conversations/, Markdown, one folder deep) and its agent's notes (MEMORY.md, memory/): each line that quotes the
 * beginning of a line of theirs (START words), or is all of a shorter one, bare or behind who said it ("**Anna**: …"). The agent can
 * write there at any moment, and whatever it likes: no link is followed, a file is replaced whole or stays, what cannot be looked
 * through or changed is counted and holds up nothing, and a pause comes after a slice of work.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  type Dirent,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  opendirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fold } from '../lib/fold.ts';
import { openBelow } from '../lib/open-below.ts';

const ARCHIVES = 'conversations';
/** What the agent notes by itself; CLAUDE.md is people's as well. */
const NOTES = ['MEMORY.md'];
const DAYS = 'memory';
/** Files and folders that are looked at; of one file, and of all together, that many bytes. */
const MOST_ENTRIES = 5000;
const MOST_BYTES = 32 * 1024 * 1024;
const MOST_BYTES_IN_ALL = 512 * 1024 * 1024;
/** So much is read before others have their turn; a line counts for some bytes more than it has. */
const SLICE_BYTES = 64 * 1024;
const LINE_BYTES = 32;
/** How often a file is read anew that was written to meanwhile. */
const MOST_TRIES = 3;
/** Colons before what was said: those of the time, and one behind the name. */
const MOST_COLONS = 6;

/** So many words in a row are a quotation, fewer may be anybody's. */
const START = 5;

/** Lines to be looked for, as their words: whole ones, and beginnings. */
export interface Wanted {
  whole: Set<string>;
  starts: Set<string>;
}

export function addLines({ whole, starts }: Wanted, text: string): void {
  // What stands for a file is the daemon's, not the sender's.
  for (const line of text.replace(/^\[[^\]\n]*\] /, '').split(/[\n\r]+/)) {
    const words = fold(line);
    if (words.length >= START) starts.add(words.slice(0, START).join(' '));
    else if (words.length > 0) whole.add(words.join(' '));
  }
}

/** What one step has done. */
export interface Gone {
  lines: number;
  /** Files and folders that could not be looked through, or not be changed. */
  left: number;
}

const NOTHING: Gone = { lines: 0, left: 0 };
const LEFT: Gone = { lines: 0, left: 1 };

/** Removes these lines from one file after the other, in small steps. Throws only what ends by itself, such as ENOSPC. */
export function* forgetLines(groupDir: string, wanted: Wanted): Generator<Gone, void> {
  if (wanted.whole.size + wanted.starts.size === 0) return;
  let entries = 0;
  let bytes = 0;
  for (const name of NOTES) bytes += yield* forgetIn(groupDir, [], name, wanted, MOST_BYTES_IN_ALL - bytes);
  const folders: string[][] = [[ARCHIVES], [DAYS]];
  for (const folder of folders) {
    const found = list(groupDir, folder, MOST_ENTRIES - entries);
    if (found === null) yield LEFT;
    if (found?.more) yield LEFT;
    for (const entry of found?.entries ?? []) {
      entries += 1;
      if (entry.isDirectory() && folder.length === 1 && folder[0] === ARCHIVES)
        folders.push([ARCHIVES, entry.name]);
      if (!entry.isFile() || !entry.name.endsWith('.md')) continue;
      bytes += yield* forgetIn(groupDir, folder, entry.name, wanted, MOST_BYTES_IN_ALL - bytes);
    }
  }
}

function isSaid(line: string, { whole, starts }: Wanted): boolean {
  const words = fold(line);
  if (words.some((_, at) => starts.has(words.slice(at, at + START).join(' ')))) return true;
  if (whole.has(words.join(' '))) return true;
  for (
    let at = line.indexOf(':'), n = 0;
    at !== -1 && n < MOST_COLONS;
    at = line.indexOf(':', at + 1), n += 1
  )
    if (whole.has(fold(line.slice(at + 1)).join(' '))) return true;
  return false;
}

/** Returns how much of MOST_BYTES_IN_ALL it has taken. */
function* forgetIn(
  groupDir: string,
  folder: readonly string[],
  name: string,
  wanted: Wanted,
  room: number,
): Generator<Gone, number> {
  let taken = 0;
  for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
    const fds: number[] = [];
    try {
      const source = openBelow(groupDir, [...folder, name]);
      fds.push(source);
      const dir = openBelow(groupDir, folder, true);
      fds.push(dir);
      const before = fstatSync(source);
      if (!before.isFile()) return taken;
      if (before.size > Math.min(MOST_BYTES, room - taken)) break;
      const kept = yield* whatStays(read(source, before.size), wanted);
      taken += kept.weight;
      if (kept.lines === 0) return taken;
      const after = fstatSync(source);
      if (after.size !== before.size || after.mtimeMs !== before.mtimeMs) continue;
      const at = process.platform === 'linux' ? `/proc/self/fd/${dir}` : path.join(groupDir, ...folder);
      replace(at, name, Buffer.concat(kept.parts), before);
      yield { lines: kept.lines, left: 0 };
      return taken;
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (GONE.has(code)) return taken;
      if (!NOT_OURS.has(code)) throw error;
      break;
    } finally {
      for (const fd of fds) closeSync(fd);
    }
  }
  yield LEFT;
  return taken;
}

/** No more than it was: it may be made larger at any moment. */
function read(fd: number, size: number): Buffer {
  const buffer = Buffer.alloc(size);
  let length = 0;
  for (let got = -1; got !== 0 && length < size; length += got)
    got = readSync(fd, buffer, length, size - length, length);
  return buffer.subarray(0, length);
}

/** `lines` go; `weight`: what it took to see that. */
function* whatStays(
  bytes: Buffer,
  wanted: Wanted,
): Generator<Gone, { parts: Buffer[]; lines: number; weight: number }> {
  const parts: Buffer[] = [];
  let lines = 0;
  let from = 0;
  let weight = 0;
  let pauseAt = SLICE_BYTES;
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at);
    const next = end === -1 ? bytes.length : end + 1;
    if (isSaid(bytes.toString('utf8', at, end === -1 ? next : end), wanted)) {
      parts.push(bytes.subarray(from, at));
      from = next;
      lines += 1;
    }
    weight += next - at + LINE_BYTES;
    at = next;
    if (weight < pauseAt) continue;
    pauseAt = weight + SLICE_BYTES;
    yield NOTHING;
  }
  parts.push(bytes.subarray(from));
  return { parts, lines, weight };
}

function replace(dir: string, name: string, content: Buffer, { mode, uid, gid }: Stats): void {
  const temporary = `${dir}/.${randomUUID()}.part`;
  const target = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    writeFileSync(target, content);
    fchmodSync(target, mode & 0o777);
    if (process.getuid?.() === 0) fchownSync(target, uid, gid);
    fsyncSync(target);
    renameSync(temporary, `${dir}/${name}`);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(target);
  }
}

/** It is not there any more, or a link by now. */
const GONE = new Set(['ENOENT', 'ELOOP', 'ENOTDIR']);
/** Whoever made it so has to undo it: rights, what is no file, a file system that may only be read. */
const NOT_OURS = new Set(['EACCES', 'EPERM', 'EROFS', 'EISDIR', 'ENXIO', 'ENAMETOOLONG']);

/** The entries of a folder, at most so many; none where there is no folder. Null: it cannot be read. */
function list(
  groupDir: string,
  folder: readonly string[],
  most: number,
): { entries: Dirent[]; more: boolean } | null {
  const entries: Dirent[] = [];
  let fd: number | null = null;
  try {
    fd = openBelow(groupDir, folder, true);
    const at = process.platform === 'linux' ? `/proc/self/fd/${fd}` : path.join(groupDir, ...folder);
    const dir = opendirSync(at);
    try {
      let entry = dir.readSync();
      for (; entry !== null && entries.length < most; entry = dir.readSync())
        if (!entry.name.startsWith('.')) entries.push(entry);
      return { entries, more: entry !== null };
    } finally {
      dir.closeSync();
    }
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (GONE.has(code)) return { entries, more: false };
    if (NOT_OURS.has(code)) return null;
    throw error;
  } finally {
    if (fd !== null) closeSync(fd);
  }
}
