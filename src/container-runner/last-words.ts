/**
 * What an agent still said counts: before its turn is given up, its mailbox is read once more. While that cannot be stored
 * (a full disk), nothing is given up either: what it has finished is not done again.
 */
import { isStorageFailure } from '../db/open.ts';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import type { Logger } from '../log.ts';
import type { Folder } from '../types.ts';

export interface LastWordsOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  drain: (folder: Folder) => Promise<void>;
  isStopping: () => boolean;
}

const AGAIN_MS = 5000;

/** Reads the folder's mailbox, then calls `settle`; both again until they can be stored. Never rejects. */
export type LastWords = (folder: Folder, settle: () => void) => Promise<void>;

export function createLastWords({ db, clock, log, drain, isStopping }: LastWordsOptions): LastWords {
  return async (folder, settle) => {
    for (; !isStopping() && db.sqlite.open; await sleep(clock, AGAIN_MS)) {
      try {
        // Where the mailbox itself cannot be read, ipc has logged why, and there is nothing to wait for.
        await drain(folder).catch((error: unknown) => {
          if (isStorageFailure(error)) throw error;
        });
        if (!isStopping() && db.sqlite.open) settle();
        return;
      } catch (error) {
        log.error({ event: 'turn_not_settled', group: folder, err: error }, messageOf(error));
        if (!isStorageFailure(error)) return;
      }
    }
  };
}
