/**
 * Files of the group's folder, read and written where a link may lie in the way: the agent may run outside any container, so it
 * follows none.
 */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';

/** The absolute path of a file directly or deeper in the folder; null when it leads out, also by a link. */
export function pathInside(folder: string, path: string): string | null {
  const absolute = resolve(folder, path);
  const parts = relative(folder, absolute).split(sep);
  if (parts[0] === '' || parts.includes('..') || path.includes('\0')) return null;
  let current = folder;
  for (const part of parts) {
    current = join(current, part);
    if (fs.lstatSync(current, { throwIfNoEntry: false })?.isSymbolicLink()) return null;
  }
  return absolute;
}

/** Null: it is not there. Throws when it is a link or no ordinary file, or larger than that. */
export function readPlainFile(path: string, limitBytes: number): string | null {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return null;
  if (!stat.isFile()) throw new Error('it is not an ordinary file');
  if (stat.size > limitBytes) throw new Error('it has grown too large');
  return fs.readFileSync(path, 'utf8');
}

/** Makes it where it is missing. Throws when it is a link. */
export function appendPlainFile(path: string, text: string): void {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = fs.constants;
  const handle = fs.openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o644);
  try {
    fs.writeFileSync(handle, text);
  } finally {
    fs.closeSync(handle);
  }
}

/** Whole or not at all; what was there goes, a link, too. */
export function replacePlainFile(path: string, text: string): void {
  const staged = `${path}.${randomUUID()}.tmp`;
  fs.writeFileSync(staged, text, { flag: 'wx', mode: 0o644 });
  fs.renameSync(staged, path);
}
