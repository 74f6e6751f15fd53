/** One look at a daemon from outside: its process in /proc, its database through a reader of its own, its files. */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { databaseFile } from '../../src/db/open.ts';
import { rssMiB } from '../support/processes.ts';

/** What is looked at; sizes in MiB, the rest are counts. */
export interface Sample {
  /** Minutes since the load began. */
  minute: number;
  /** The daemon's garbage was collected just before. */
  collected: boolean;
  rss: number;
  heap: number;
  fds: number;
  database: number;
  wal: number;
  rows: number;
  log: number;
  mailbox: number;
  turnLogs: number;
  /** Copies of files in data/outbox. */
  copies: number;
  backlog: number;
  unanswered: number;
}

const MIB = 1024 * 1024;
/** Whatever grows by messages, turns or commands. */
const TABLES = [
  ...['inbox', 'messages', 'turns', 'outbox', 'containers', 'ipc_commands', 'audit_log'],
  ...['scheduled_tasks', 'task_runs'],
];

export interface Sampled {
  pid: number;
  home: string;
  /** Where the daemon's /status is. */
  url: string;
}

export async function takeSample(
  { pid, home, url }: Sampled,
  { minute, collected, unanswered }: Pick<Sample, 'minute' | 'collected' | 'unanswered'>,
): Promise<Sample> {
  const data = path.join(home, 'data');
  const status = (await (await fetch(`${url}/status`)).json()) as {
    memory: { heapUsedBytes: number };
    outbox: { count: number };
  };
  const file = databaseFile(home);
  const logs = readdirSync(home).filter((name) => name.startsWith('nanoclaw.log'));
  return {
    minute,
    collected,
    rss: rssMiB(pid),
    heap: status.memory.heapUsedBytes / MIB,
    fds: readdirSync(`/proc/${pid}/fd`).length,
    database: sizeOf(file) / MIB,
    wal: sizeOf(`${file}-wal`) / MIB,
    rows: countRows(file),
    log: logs.reduce((sum, name) => sum + sizeOf(path.join(home, name)), 0) / MIB,
    mailbox: countFiles(path.join(data, 'ipc')),
    turnLogs: countFiles(path.join(data, 'logs')),
    copies: countFiles(path.join(data, 'outbox')),
    backlog: status.outbox.count,
    unanswered,
  };
}

function countRows(file: string): number {
  const db = new Database(file, { readonly: true, timeout: 5000 });
  try {
    const count = (table: string) => db.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get();
    return TABLES.reduce((sum, table) => sum + (count(table) ?? 0), 0);
  } finally {
    db.close();
  }
}

/** Files come and go while they are counted. */
function countFiles(directory: string): number {
  try {
    const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
