/**
 * Takes what messages say out of a group's archives (conversations/, Markdown, one folder deep): each line that quotes the
 * beginning of a line of theirs (START words), or is all of a shorter one, bare or behind who said it ("**Anna**: …"). The agent can write there at any moment: no link is
 * followed, and a file is replaced whole or stays.
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
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fold } from '../lib/fold.ts';
import { openBelow } from '../lib/open-below.ts';

const ARCHIVES = 'conversations';
const MOST_FILES = 5000;
const MOST_BYTES = 32 * 1024 * 1024;
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

/** Removes these lines from one archive after the other; yields how many went from each. Leaves out what cannot be read as a file. */
export function* forgetLines(groupDir: string, wanted: Wanted): Generator<number, void> {
  if (wanted.whole.size + wanted.starts.size === 0) return;
  let files = 0;
  const folders: string[][] = [[ARCHIVES]];
  for (const folder of folders) {
    const entries = list(groupDir, folder);
    if (folder.length === 1)
      folders.push(...entries.filter((e) => e.isDirectory()).map(({ name }) => [ARCHIVES, name]));
    for (const { name } of entries.filter((e) => e.isFile() && e.name.endsWith('.md'))) {
      files += 1;
      if (files > MOST_FILES) return;
      yield forgetIn(groupDir, folder, name, wanted);
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

function forgetIn(groupDir: string, folder: readonly string[], name: string, wanted: Wanted): number {
  const source = open(groupDir, [...folder, name], false);
  if (source === null) return 0;
  const dir = open(groupDir, folder, true);
  try {
    const stat = fstatSync(source);
    if (dir === null || !stat.isFile() || stat.size > MOST_BYTES) return 0;
    const text = readFileSync(source, 'utf8').split('\n');
    const kept = text.filter((line) => !isSaid(line, wanted));
    if (kept.length === text.length) return 0;
    const at = process.platform === 'linux' ? `/proc/self/fd/${dir}` : path.join(groupDir, ...folder);
    const temporary = `${at}/.${randomUUID()}.part`;
    const target = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      writeFileSync(target, kept.join('\n'));
      fchmodSync(target, stat.mode & 0o777);
      if (process.getuid?.() === 0) fchownSync(target, stat.uid, stat.gid);
      fsyncSync(target);
      renameSync(temporary, `${at}/${name}`);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    } finally {
      closeSync(target);
    }
    return text.length - kept.length;
  } finally {
    closeSync(source);
    if (dir !== null) closeSync(dir);
  }
}

function list(groupDir: string, folder: readonly string[]): Dirent[] {
  const dir = open(groupDir, folder, true);
  if (dir === null) return [];
  try {
    const at = process.platform === 'linux' ? `/proc/self/fd/${dir}` : path.join(groupDir, ...folder);
    return readdirSync(at, { withFileTypes: true }).filter(({ name }) => !name.startsWith('.'));
  } finally {
    closeSync(dir);
  }
}

/** Null: it is not there, or not such a thing. */
function open(groupDir: string, components: readonly string[], directory: boolean): number | null {
  try {
    return openBelow(groupDir, components, directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENOTDIR' || code === 'EACCES') return null;
    throw error;
  }
}
