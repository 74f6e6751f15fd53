/**
 * A file of a group's folder, copied to where the group cannot reach it any more: what is sent is what was checked.
 */
import { closeSync, constants, copyFileSync, fstatSync, openSync, readlinkSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { NanoClawError } from '../errors.ts';

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

/**
 * Opens a file step by step, following no link, so that nothing outside is ever opened, not even to be refused:
 * closing a second descriptor of our own database would drop SQLite's locks on it (POSIX locks are the process's).
 */
function openBelow(root: string, components: readonly string[]): number {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  if (process.platform !== 'linux') return openSync(path.join(root, ...components), flags);
  let fd = openSync(root, flags | constants.O_DIRECTORY);
  for (const [index, component] of components.entries()) {
    const isLast = index === components.length - 1;
    const parent = fd;
    try {
      fd = openSync(`/proc/self/fd/${parent}/${component}`, isLast ? flags : flags | constants.O_DIRECTORY);
    } finally {
      closeSync(parent);
    }
  }
  return fd;
}

const leadsOut = (relative: string) => `"${clip(relative)}" leads out of the group's folder`;
const refused = (why: string) => new NanoClawError('FILE_REFUSED', why);
const clip = (text: string) => (text.length > 100 ? `${text.slice(0, 100)}…` : text);
