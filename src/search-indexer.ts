/**
 * Keeps the index of messages up to date: what is new every half minute, and after an upgrade what is old, the newest first.
 *
 *   once in a while → a slice of at most SLICE_MS, in transactions of BATCH rows → a pause → the next, until nothing is left
 *
 * Nobody waits for it: a search reads what is not indexed yet by itself, but for the old, and says how far back that goes.
 * A stop or a kill loses nothing (db/search-index.ts); a full disk is tried again later.
 */
import type { Db } from './db.ts';
import { messageOf } from './errors.ts';
import type { Clock, Timer } from './lib/clock.ts';
import type { Logger } from './log.ts';

const FIRST_MS = 5000;
const REST_MS = 30_000;
const BATCH = 100;
const SLICE_MS = 10;
/** What comes in meanwhile has the disk and the processor for itself most of the time. */
const PAUSE_MS = 90;

export interface SearchIndexer {
  start(): void;
  stop(): void;
}

export function createSearchIndexer(options: { db: Db; clock: Clock; log: Logger }): SearchIndexer {
  const { db, clock, log } = options;
  let timer: Timer | undefined;

  function slice(): void {
    const from = clock.monotonic();
    let isMore = true;
    try {
      while (isMore && clock.monotonic() - from < SLICE_MS)
        isMore = db.transaction(() => db.searchIndex.step(BATCH));
    } catch (error) {
      isMore = false;
      log.warn({ event: 'search_index_failed', err: error }, messageOf(error));
    }
    timer = clock.after(isMore ? PAUSE_MS : REST_MS, slice);
  }

  return {
    start() {
      timer = clock.after(FIRST_MS, slice);
    },
    stop() {
      timer?.cancel();
    },
  };
}
