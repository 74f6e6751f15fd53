/**
 * Reads every page of the database, because damage that is met only later would have been written beside for weeks.
 * A small file is read before anything else. A large one, which would hold up the start by seconds, is read by a
 * thread of its own while the daemon works; what that finds is remembered in data/check-first, so that the next start
 * looks before it touches anything.
 */
import { existsSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
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
  let thread: Worker | undefined;
  const timer = clock.after(LATER_MS, () => {
    thread = readPages(file, (reason) => {
      writeFileAtomic(marker, `${reason}\n`);
      onDamage(`the database is damaged: ${reason}`);
    });
  });
  return () => {
    timer.cancel();
    void thread?.terminate();
  };
}

function readPages(file: string, onDamage: (reason: string) => void): Worker {
  const sqlite = createRequire(import.meta.url).resolve('better-sqlite3');
  const code = `(${look})(require('node:worker_threads'), require(${JSON.stringify(sqlite)}))`;
  const thread = new Worker(code, { eval: true, workerData: file, execArgv: [] });
  thread.on('message', (found: string) => {
    if (found !== 'ok') onDamage(found);
  });
  thread.on('error', () => {}); // unread is no damage; the next start tries again
  thread.unref();
  return thread;
}

/** Runs in the thread, from its own text: it may use nothing from around it. */
function look(
  threads: typeof import('node:worker_threads'),
  Database: typeof import('better-sqlite3'),
): void {
  let found: string;
  const db = new Database(threads.workerData as string, { readonly: true });
  try {
    found = db.prepare<[], string>('PRAGMA quick_check(1)').pluck().all().join('; ');
  } catch (error) {
    const { code = '', message } = error as Error & { code?: string };
    if (!/^SQLITE_(CORRUPT|NOTADB)/.test(code)) throw error;
    found = message;
  } finally {
    db.close();
  }
  threads.parentPort?.postMessage(found);
}
