/**
 * Files that are either whole or not there: written beside the target, synced, renamed in, directory synced.
 * Follows litestream's file replica client.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';

export interface AtomicWriteOptions {
  /** Where the temporary file is made; must be on the same file system. Default: beside the target. */
  stagingDir?: string;
  mode?: number;
  /** Survive a power cut. Without it a crash of the process is survived all the same. Default true. */
  sync?: boolean;
}

/** Replaces or creates `file` with `data`. Throws what the file system throws; leaves no temporary file behind. */
export function writeFileAtomic(
  file: string,
  data: string | Uint8Array,
  options: AtomicWriteOptions = {},
): void {
  const temporary = path.join(
    options.stagingDir ?? path.dirname(file),
    `.${path.basename(file)}.${randomUUID()}.tmp`,
  );
  try {
    const fd = openSync(temporary, 'wx', options.mode ?? 0o644);
    try {
      const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
      let written = 0;
      while (written < bytes.length) written += writeSync(fd, bytes, written);
      if (options.sync !== false) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  if (options.sync !== false) syncDirectory(path.dirname(file));
}

/** Makes a rename in this directory survive a power cut. Ignored where directories cannot be opened. */
export function syncDirectory(directory: string): void {
  let fd: number | undefined;
  try {
    fd = openSync(directory, 'r');
    fsyncSync(fd);
  } catch {
    // Windows and some network file systems refuse; there is nothing better to do.
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
