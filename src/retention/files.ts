/**
 * The files that settled work leaves behind, removed a few at a time: turn logs, copies of files that were sent, and
 * what a crash left in the host's part of a mailbox. Only folders that no agent can write to.
 * Each yields, after every `batch` files looked at, how many it has removed since. Which files are needed is asked of the
 * database, not of a file's date: a restored backup or a copied home has new ones.
 */
import { type Dir, opendirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Db } from '../db.ts';
import { groupPaths, OUTBOX_COPIES } from '../mailbox/layout.ts';
import { MAILBOX } from '../protocol.ts';
import { FOLDER_PATTERN, type Folder, type Iso } from '../types.ts';

type Names = Generator<string, void>;

/** data/logs/<folder>/<turn>.log: those of turns that ended before `before`, or that are not known any more. */
export function* turnLogs(db: Db, home: string, before: Iso | null, batch: number): Generator<number, void> {
  const isOld = (name: string): boolean => {
    if (!name.endsWith('.log')) return false;
    const turn = db.turns.byId(name.slice(0, -'.log'.length));
    return turn === null || (before !== null && turn.finishedAt !== null && turn.finishedAt < before);
  };
  for (const folder of folders(path.join(home, 'data', 'logs')))
    yield* removeFrom(groupPaths(home, folder).logDir, isOld, batch);
}

/** data/outbox: copies that no reply needs. One that could not be sent keeps its copy as long as its row. */
export function* copies(db: Db, home: string, batch: number): Generator<number, void> {
  const unneeded = (name: string) => !db.retention.needsCopy(path.join(OUTBOX_COPIES, name));
  yield* removeFrom(path.join(home, OUTBOX_COPIES), unneeded, batch);
}

/**
 * data/ipc/<folder>: turn files of turns that are over, what was half written when a daemon ended, answers and orders
 * that nobody waits for as no turn runs, and what was set aside before `before`.
 */
export function* leftovers(db: Db, home: string, before: Iso | null, batch: number): Generator<number, void> {
  for (const folder of folders(path.join(home, 'data', 'ipc'))) {
    const { mailbox, staging, quarantine } = groupPaths(home, folder);
    // Asked anew for each file: between two batches a turn may have begun.
    const isOver = (name: string) => !isOpen(db, folder, name.replace(/\.json$/, ''));
    const isIdle = () => !db.turns.open().some((turn) => turn.folder === folder);
    yield* removeFrom(staging, isOver, batch);
    yield* removeFrom(path.join(mailbox, MAILBOX.turns), isOver, batch);
    yield* removeFrom(path.join(mailbox, MAILBOX.results), isIdle, batch);
    yield* removeFrom(path.join(mailbox, MAILBOX.control), isIdle, batch);
    // Their names begin with when they were set aside.
    const oldest = before?.replace(/[:.]/g, '-');
    yield* removeFrom(quarantine, (name) => oldest !== undefined && name < oldest, batch);
  }
}

function isOpen(db: Db, folder: Folder, id: string): boolean {
  const turn = db.turns.byId(id);
  return turn?.folder === folder && (turn.state === 'queued' || turn.state === 'running');
}

/** The groups' folders in there, also of groups that are not registered any more. */
function folders(directory: string): Folder[] {
  return [...names(directory)].filter((name): name is Folder => FOLDER_PATTERN.test(name));
}

function* removeFrom(
  directory: string,
  mayGo: (name: string) => boolean,
  batch: number,
): Generator<number, void> {
  let looked = 0;
  let removed = 0;
  for (const name of names(directory)) {
    if (mayGo(name)) {
      rmSync(path.join(directory, name), { force: true, recursive: true });
      removed += 1;
    }
    looked += 1;
    if (looked % batch > 0) continue;
    yield removed;
    removed = 0;
  }
  yield removed; // also where nothing was: there may be a thousand such folders
}

/** One after the other, so that a folder of a million files costs no more memory than one of ten. */
function* names(directory: string): Names {
  let dir: Dir;
  try {
    dir = opendirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) yield entry.name;
  } finally {
    dir.closeSync();
  }
}
