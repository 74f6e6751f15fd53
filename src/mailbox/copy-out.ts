/**
 * A file of a group's folder, copied to where the group cannot reach it any more: what is sent is what was checked.
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  rmSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { NanoClawError } from '../errors.ts';
import { syncDirectory } from '../lib/atomic-file.ts';
import { openBelow } from '../lib/open-below.ts';

/** Telegram's limit for uploads by bots. */
export const MAX_UPLOAD_BYTES = 50 * 1024 * 1024;

const CHUNK_BYTES = 1024 * 1024;

/**
 * Copies `relative` (below `root`) to `target`, which survives a power cut. Links are followed only as long as they stay
 * below `root`. Throws FILE_REFUSED with a reason that names what was expected, and what the file system throws; then
 * there is no target.
 */
export function copyOut(
  root: string,
  relative: string,
  target: string,
  limit: number = MAX_UPLOAD_BYTES,
): void {
  if (relative.includes('\0') || path.isAbsolute(relative) || relative.split(/[\\/]/).includes('..')) {
    throw refused(`"${clip(relative)}" is not a path inside the group's folder`);
  }
  let realRoot: string;
  let fd: number;
  try {
    realRoot = realpathSync(root);
    const real = realpathSync(path.join(realRoot, relative));
    if (!real.startsWith(realRoot + path.sep)) throw refused(leadsOut(relative));
    fd = openBelow(realRoot, real.slice(realRoot.length + 1).split(path.sep));
  } catch (error) {
    if (error instanceof NanoClawError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    throw refused(
      code === 'ENOENT'
        ? `"${clip(relative)}" does not exist in the group's folder`
        : `"${clip(relative)}" cannot be opened`,
    );
  }
  try {
    // Asked of the open file, so that nothing can be swapped between the look and the copy.
    const opened =
      process.platform === 'linux'
        ? readlinkSync(`/proc/self/fd/${fd}`)
        : realpathSync(path.join(realRoot, relative));
    if (!opened.startsWith(realRoot + path.sep)) throw refused(leadsOut(relative));
    const info = fstatSync(fd);
    if (!info.isFile()) throw refused(`"${clip(relative)}" is not a regular file`);
    if (info.nlink > 1)
      throw refused(`"${clip(relative)}" has a second name (hard link); expected a copy of its own`);
    if (info.size === 0) throw refused(`"${clip(relative)}" is empty`);
    if (info.size > limit)
      throw refused(`"${clip(relative)}" has ${info.size} bytes; Telegram takes at most ${limit}`);
    copyWhole(fd, info.size, target, relative);
  } finally {
    closeSync(fd);
  }
}

/**
 * The container may write to the file meanwhile. (Node's own copyFile asks the kernel for bytes until it has as many as
 * there were, and so never ends when the file has been cut.)
 */
function copyWhole(from: number, size: number, target: string, relative: string): void {
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size + 1));
  const to = openSync(target, 'wx', 0o600);
  try {
    let copied = 0;
    for (;;) {
      const length = readSync(from, chunk, 0, chunk.length, copied);
      if (length === 0) break;
      copied += length;
      if (copied > size) break;
      for (let written = 0; written < length; ) written += writeSync(to, chunk, written, length - written);
    }
    if (copied !== size)
      throw refused(`"${clip(relative)}" changed while it was read; expected a file that is finished`);
    fsyncSync(to);
  } catch (error) {
    rmSync(target, { force: true });
    throw error;
  } finally {
    closeSync(to);
  }
  syncDirectory(path.dirname(target));
}

const leadsOut = (relative: string) => `"${clip(relative)}" leads out of the group's folder`;
const refused = (why: string) => new NanoClawError('FILE_REFUSED', why);
const clip = (text: string) => (text.length > 100 ? `${text.slice(0, 100)}…` : text);
