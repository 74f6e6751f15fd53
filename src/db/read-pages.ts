/** Reads every page of a database in a thread of its own: a large one would hold up whoever asks by seconds. */
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

export interface PageReader {
  /** "ok", or what is damaged; null when the file could not be read, which is no damage. */
  found: Promise<string | null>;
  stop(): void;
}

/** Holds no process open. */
export function startReadingPages(file: string, pragma: 'quick_check' | 'integrity_check'): PageReader {
  const sqlite = createRequire(import.meta.url).resolve('better-sqlite3');
  const code = `(${look})(require('node:worker_threads'), require(${JSON.stringify(sqlite)}))`;
  const thread = new Worker(code, { eval: true, workerData: { file, pragma }, execArgv: [] });
  const found = new Promise<string | null>((resolve) => {
    thread.on('message', resolve);
    thread.on('error', () => resolve(null));
  });
  thread.unref();
  return { found, stop: () => void thread.terminate() };
}

/** What was found; null when it could not be read within so long. */
export async function readPages(
  file: string,
  pragma: 'quick_check' | 'integrity_check',
  limitMs: number,
): Promise<string | null> {
  const reader = startReadingPages(file, pragma);
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), limitMs);
  });
  try {
    return await Promise.race([reader.found, patience]);
  } finally {
    clearTimeout(timer);
    reader.stop();
  }
}

/** Runs in the thread, from its own text: it may use nothing from around it. */
function look(
  threads: typeof import('node:worker_threads'),
  Database: typeof import('better-sqlite3'),
): void {
  const { file, pragma } = threads.workerData as { file: string; pragma: string };
  let found: string;
  const db = new Database(file, { readonly: true });
  try {
    found = db.prepare<[], string>(`PRAGMA ${pragma}(1)`).pluck().all().join('; ');
  } catch (error) {
    const { code = '', message } = error as Error & { code?: string };
    if (!/^SQLITE_(CORRUPT|NOTADB)/.test(code)) throw error;
    found = message;
  } finally {
    db.close();
  }
  threads.parentPort?.postMessage(found);
}
