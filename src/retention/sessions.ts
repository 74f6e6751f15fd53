/**
 * Conversations that nobody goes on with any more: those that were last written to before `before`, then the oldest where a
 * group's take more than `mostBytes`. Never those that the database names, nor what was written to since a turn of the group began
 * that still runs. Yields how many files went, after every group and `batch` of files.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { Db } from '../db.ts';
import {
  type ConversationFile,
  conversationFiles,
  removeConversationFile,
} from '../mailbox/conversation-files.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { FOLDER_PATTERN, type Folder, type Iso } from '../types.ts';

interface Bounds {
  before: Iso | null;
  mostBytes: number | null;
  batch: number;
}

interface Left {
  files: ConversationFile[];
  bytes: number;
  changedMs: number;
}

export function* leftSessions(db: Db, home: string, bounds: Bounds): Generator<number, void> {
  if (bounds.before === null && bounds.mostBytes === null) return;
  for (const folder of foldersIn(path.join(home, 'data', 'sessions'))) {
    const { homeDir } = groupPaths(home, folder);
    const left = new Map<string, Left>();
    let looked = 0;
    for (const file of conversationFiles(homeDir)) {
      looked += 1;
      if (looked % bounds.batch === 0) yield 0;
      if (file === null) continue;
      const of = left.get(file.id) ?? { files: [], bytes: 0, changedMs: 0 };
      of.files.push(file);
      of.bytes += file.bytes;
      of.changedMs = Math.max(of.changedMs, file.changedMs);
      left.set(file.id, of);
    }
    let removed = 0;
    const unused = [...left].filter(([id, each]) => !isInUse(db, folder, id, each));
    for (const [id, each] of toGo(unused, bounds)) {
      // Asked anew: between two steps a turn may have begun.
      if (isInUse(db, folder, id, each)) continue;
      for (const file of each.files) {
        removeConversationFile(homeDir, file);
        removed += 1;
        if (removed % bounds.batch === 0) yield bounds.batch;
      }
    }
    yield removed % bounds.batch;
  }
}

function toGo(all: [string, Left][], { before, mostBytes }: Bounds): [string, Left][] {
  let bytes = all.reduce((sum, [, left]) => sum + left.bytes, 0);
  return all
    .sort(([, a], [, b]) => a.changedMs - b.changedMs)
    .filter(([, left]) => {
      const isOld = before !== null && left.changedMs < Date.parse(before);
      const isTooMuch = mostBytes !== null && bytes > mostBytes;
      if (isOld || isTooMuch) bytes -= left.bytes;
      return isOld || isTooMuch;
    });
}

/** A turn in a conversation of its own does not tell which that is. */
const isInUse = (db: Db, folder: Folder, id: string, { changedMs }: Left): boolean =>
  db.sessions.ofGroup(folder).some(({ sessionId }) => sessionId.toLowerCase() === id) ||
  db.turns
    .open()
    .some(
      (turn) =>
        turn.folder === folder &&
        (turn.sessionId?.toLowerCase() === id || changedMs >= Date.parse(turn.queuedAt)),
    );

function foldersIn(directory: string): Folder[] {
  try {
    return readdirSync(directory).filter((name): name is Folder => FOLDER_PATTERN.test(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
