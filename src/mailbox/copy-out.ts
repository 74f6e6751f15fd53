/**
 * A file of a group's folder, copied to where the group cannot reach it any more: what is sent is what was checked.
 */
import { closeSync, constants, copyFileSync, fstatSync, readlinkSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { NanoClawError } from '../errors.ts';
import { openBelow } from '../lib/open-below.ts';

/** Telegram's limit for uploads by bots. */
export const MAX_UPLOAD_BYTES = 50 * 1024 * 1024;

/**
 * Copies `relative` (below `root`) to `target`. Links are followed only as long as they stay below `root`.
 * Throws FILE_REFUSED with a reason that names what was expected.
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
    copyFileSync(
      process.platform === 'linux' ? `/proc/self/fd/${fd}` : opened,
      target,
      constants.COPYFILE_EXCL,
    );
  } finally {
    closeSync(fd);
  }
}

const leadsOut = (relative: string) => `"${clip(relative)}" leads out of the group's folder`;
const refused = (why: string) => new NanoClawError('FILE_REFUSED', why);
const clip = (text: string) => (text.length > 100 ? `${text.slice(0, 100)}…` : text);
