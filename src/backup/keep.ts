/** How many backups are kept: only files with a name that we give are ever removed. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { BACKUP_NAME } from './layout.ts';

/** The backups in a folder, newest first, as full paths. */
export function listBackups(folder: string): string[] {
  if (!existsSync(folder)) return [];
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
