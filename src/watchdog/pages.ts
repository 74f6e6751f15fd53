/**
 * Reads every page of the database, because damage that is met only later would have been written beside for weeks.
 * A small file is read before anything else. A large one, which would hold up the start by seconds, is read by a
 * thread of its own while the daemon works; what that finds is remembered in data/check-first, so that the next start
 * looks before it touches anything.
 */
import { existsSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { type PageReader, startReadingPages } from '../db/read-pages.ts';
import type { Db } from '../db.ts';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import type { Clock } from '../lib/clock.ts';

/** Read in about a tenth of a second. */
const SMALL_BYTES = 16 * 1024 * 1024;
/** The first polls and turns come first. */
const LATER_MS = 10_000;

export interface PageCheckOptions {
  db: Pick<Db, 'check'>;
  file: string;
  clock: Clock;
  /** The thread has found damage. */
  onDamage: (reason: string) => void;
}

/** Throws DATABASE_CORRUPT at once for a small file, or one that was found damaged before. Returns how to stop. */
export function checkDatabasePages({ db, file, clock, onDamage }: PageCheckOptions): () => void {
  const marker = path.join(path.dirname(file), 'check-first');
  if (existsSync(marker) || statSync(file).size <= SMALL_BYTES) {
    db.check();
    rmSync(marker, { force: true });
    return () => {};
  }
  let reader: PageReader | undefined;
  const timer = clock.after(LATER_MS, () => {
    reader = startReadingPages(file, 'quick_check');
    void reader.found.then((reason) => {
      if (reason === 'ok' || reason === null) return;
      writeFileAtomic(marker, `${reason}\n`);
      onDamage(`the database is damaged: ${reason}`);
    });
  });
  return () => {
    timer.cancel();
    reader?.stop();
  };
}
