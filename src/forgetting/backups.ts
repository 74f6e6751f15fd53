/** Copies of the home that still hold what was forgotten: they are never changed, so the receipt names them. */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { listBackups } from '../backup/keep.ts';
import { BACKUP_NAME, backupTime } from '../backup/layout.ts';

export interface HeldIn {
  count: number;
  /** When the first and the last of them was made, milliseconds. */
  first: number;
  last: number;
}

/** How backups by the daemon go again as newer ones are made; null: they do not. */
export const goingBackups = (plan: {
  everyMs: number | null;
  keep: number;
}): { everyMs: number; keep: number } | null =>
  plan.everyMs === null || plan.keep === 0 ? null : { everyMs: plan.everyMs, keep: plan.keep };

/** Backups, and copies from before an upgrade, that were made since then. Null: there are none. */
export function copiesSince(home: string, sinceMs: number): HeldIn | null {
  const folder = path.join(home, 'data', 'backups');
  const times = [
    ...listBackups(folder).map((file) => backupTime(path.basename(file))),
    ...others(folder).map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0),
  ].filter((time) => time >= sinceMs);
  if (times.length === 0) return null;
  return { count: times.length, first: Math.min(...times), last: Math.max(...times) };
}

function others(folder: string): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(folder)
    .filter((name) => !BACKUP_NAME.test(name) && /\.(?:db|tar\.gz)$/.test(name))
    .map((name) => path.join(folder, name));
}
