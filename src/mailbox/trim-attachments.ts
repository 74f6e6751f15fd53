/** Keeps what people have sent into a group within its bounds: what is the oldest goes first, from the folder and in the ledger. */
import path from 'node:path';
import type { Db } from '../db.ts';
import type { Folder, Iso } from '../types.ts';
import { takeFrom } from './copy-in.ts';
import { groupPaths } from './layout.ts';

const STEP = 50;

/** Removes the oldest files until the rest is within `mostBytes` (null: no bound); at most 50. Returns how many went. */
export function trimAttachments(db: Db, home: string, folder: Folder, mostBytes: number | null): number {
  if (mostBytes === null) return 0;
  let excess = db.attachments.totalBytes(folder) - mostBytes;
  let removed = 0;
  for (const { id, path: file, bytes } of excess > 0 ? db.attachments.oldest(folder, STEP) : []) {
    if (excess <= 0) break;
    removeAttachment(db, home, folder, id, file);
    excess -= bytes;
    removed += 1;
  }
  return removed;
}

/** Removes the group's files that were stored before `before`, oldest first; at most 50. Returns how many went. */
export function expireAttachments(db: Db, home: string, folder: Folder, before: Iso): number {
  const old = db.attachments.oldest(folder, STEP).filter(({ at }) => at < before);
  for (const { id, path: file } of old) removeAttachment(db, home, folder, id, file);
  return old.length;
}

/** A kill in between leaves a row whose file is gone; the next time finds it gone. */
function removeAttachment(db: Db, home: string, folder: Folder, id: number, file: string): void {
  takeFrom(groupPaths(home, folder).groupDir, path.basename(file));
  db.attachments.markGone(id);
}
