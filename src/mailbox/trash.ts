/**
 * Removes what an agent has made and what may be large or deep: a directory with a million files, or one nested
 * ten thousand times. It is renamed into a folder of the host's, which takes no time, and removed there piece by
 * piece beside the daemon's work.
 * A directory in a directory is moved up before it is looked at, so that no path grows and nothing recurses. No link
 * is followed: of what an agent can still change, only the last part of a path is ever named.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { chmod, lstat, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import path from 'node:path';

export interface Trash {
  /** Calls `move` with a path to rename the thing to, and removes it later. Throws what `move` throws. */
  take(move: (target: string) => void): void;
  /** Resolves when nothing is left that could be removed. */
  empty(): Promise<void>;
  /** Goes on at the next start. */
  stop(): void;
}

/** An agent that still holds a directory may go on filling it: so often we come back to it. */
const MOST_TRIES = 100;

/** `directory` is made when it is needed; what an earlier daemon left there goes at the first use of empty(). */
export function createTrash(directory: string): Trash {
  let working: Promise<void> | null = null;
  let stopped = false;
  const stuck = new Set<string>();

  async function work(): Promise<void> {
    for (let entry = await next(); entry !== null && !stopped; entry = await next()) {
      if (!(await remove(path.join(directory, entry)))) stuck.add(entry);
    }
  }

  async function next(): Promise<string | null> {
    try {
      for await (const entry of await opendir(directory)) if (!stuck.has(entry.name)) return entry.name;
    } catch {
      // Not there: nothing was ever thrown away.
    }
    return null;
  }

  async function remove(entry: string): Promise<boolean> {
    for (let tries = 0; tries < MOST_TRIES && !stopped; tries += 1) {
      try {
        if (!(await lstat(entry)).isDirectory()) {
          await unlink(entry);
          return true;
        }
        await flatten(entry);
        await rmdir(entry);
        return true;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT') return true;
        if (code === 'EACCES' && tries === 0) await chmod(entry, 0o700).catch(() => {});
        else if (code !== 'ENOTEMPTY' && code !== 'EEXIST') return false;
      }
    }
    return false;
  }

  async function flatten(entry: string): Promise<void> {
    const names = await opendir(entry, { encoding: 'buffer' as BufferEncoding, bufferSize: 64 });
    for await (const child of names) {
      if (stopped) return;
      const at = Buffer.concat([Buffer.from(`${entry}/`), child.name as unknown as Buffer]);
      if (child.isDirectory()) await rename(at, path.join(directory, randomUUID()));
      else await unlink(at).catch(() => {}); // the next try meets it again
    }
  }

  function empty(): Promise<void> {
    if (stopped) return Promise.resolve();
    working ??= work().finally(() => {
      working = null;
    });
    return working;
  }

  return {
    take(move) {
      mkdirSync(directory, { recursive: true });
      move(path.join(directory, randomUUID()));
      void empty();
    },
    empty,
    stop() {
      stopped = true;
    },
  };
}
