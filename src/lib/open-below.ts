/**
 * Opening what a container can write: step by step from a folder of ours, following no link, so that nothing outside
 * is ever opened, not even to be refused. (Closing a second descriptor of our own database would drop SQLite's locks
 * on it: POSIX locks are the process's.)
 */
import { closeSync, constants, openSync } from 'node:fs';
import path from 'node:path';

/**
 * A descriptor for reading, to be closed by the caller. `components` lead down from `root`; none is `.`, `..` or holds
 * a separator. Throws what the file system throws: ELOOP or ENOTDIR where a link stands in the way. Never blocks on a pipe.
 */
export function openBelow(root: string, components: readonly string[], directory = false): number {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const last = directory ? flags | constants.O_DIRECTORY : flags;
  // Elsewhere there is no /proc/self/fd: a link in the last step is refused still.
  if (process.platform !== 'linux') return openSync(path.join(root, ...components), last);
  let fd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  for (const [index, component] of components.entries()) {
    const isLast = index === components.length - 1;
    const parent = fd;
    try {
      fd = openSync(`/proc/self/fd/${parent}/${component}`, isLast ? last : flags | constants.O_DIRECTORY);
    } finally {
      closeSync(parent);
    }
  }
  return fd;
}
