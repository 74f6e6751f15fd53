/** How many backups are kept: only files with a name that we give are ever removed. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { BACKUP_NAME, backupTime } from './layout.ts';

/** The backups in a folder, newest first, as full paths. */
export function listBackups(folder: string): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  const names = readdirSync(folder).filter((name) => BACKUP_NAME.test(name));
  return names
    .sort()
    .reverse()
    .map((name) => path.join(folder, name));
}

/** Removes all but the newest `keep`. Returns what was removed. */
export function pruneBackups(folder: string, keep: number): string[] {
  const removed = listBackups(folder).slice(keep);
  for (const file of removed) rmSync(file, { force: true });
  return removed;
}

/** Removes what was half-made more than a day before `now`, by a process that was killed. */
export function removeLeftovers(folder: string, now: Date): void {
  for (const name of readdirSync(folder)) {
    const [, begun] = /^(nanoclaw-\d{8}T\d{9}Z\.tar\.gz)\.[\w-]+\.tmp$/.exec(name) ?? [];
    if (begun !== undefined && backupTime(begun) < now.getTime() - 86_400_000)
      rmSync(path.join(folder, name), { recursive: true, force: true });
  }
}
