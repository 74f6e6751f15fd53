/**
 * Conversations by session id under the agent's home, a line an entry, so that the next container goes on with them. A line
 * that is broken, as a kill may leave the last one, is left out. The oldest conversations go when there are many.
 */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { forgetOldest } from '../newest-sessions.ts';
import type { Kept } from './conversation.ts';
import { type Entry, entrySchema } from './transcript.ts';

/** At so many the older half goes: each run of a task with a conversation of its own begins one that nobody resumes. */
const MOST_SESSIONS = 400;
const LARGEST_BYTES = 32 * 1024 * 1024;
const NEWEST_BYTES = 8 * 1024 * 1024;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

export class Sessions {
  readonly #directory: string;

  constructor(home: string) {
    this.#directory = join(home, '.nanoclaw-openai');
  }

  /** Opens the asked-for session, or begins one; `fresh` when one was asked for and is gone. */
  open(sessionId: string | null): { id: string; fresh: boolean; entries: Entry[] } {
    const entries = sessionId !== null && UUID.test(sessionId) ? this.#read(sessionId) : null;
    if (sessionId !== null && entries) return { id: sessionId, fresh: false, entries };
    const id = randomUUID();
    fs.mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    forgetOldest(this.#directory, MOST_SESSIONS);
    fs.writeFileSync(this.#path(id), '', { flag: 'wx', mode: 0o600 });
    return { id, fresh: sessionId !== null, entries: [] };
  }

  /** Of a conversation that has grown too large to be gone on with, the newest part; null: it has not. */
  tooLarge(sessionId: string | null): Entry[] | null {
    if (sessionId === null || !UUID.test(sessionId)) return null;
    const path = this.#path(sessionId);
    const stat = fs.lstatSync(path, { throwIfNoEntry: false });
    return stat?.isFile() && stat.size > LARGEST_BYTES ? parsed(endOf(path, NEWEST_BYTES)) : null;
  }

  /** What was said in a conversation; nothing where there is none. */
  entries = (sessionId: string): Entry[] => (UUID.test(sessionId) ? this.#read(sessionId) : null) ?? [];

  /** Where that conversation is kept. */
  keep(id: string): Kept {
    const path = this.#path(id);
    return {
      append: (entries) => fs.appendFileSync(path, lines(entries), { mode: 0o600 }),
      // Whole or not at all.
      replace(entries) {
        const staged = `${path}.${randomUUID()}.tmp`;
        fs.writeFileSync(staged, lines(entries), { flag: 'wx', mode: 0o600 });
        fs.renameSync(staged, path);
      },
    };
  }

  /** Null when there is no such conversation. */
  #read(id: string): Entry[] | null {
    const path = this.#path(id);
    const stat = fs.lstatSync(path, { throwIfNoEntry: false });
    if (!stat?.isFile() || stat.size > LARGEST_BYTES) return null;
    return parsed(fs.readFileSync(path, 'utf8'));
  }

  #path(id: string): string {
    return join(this.#directory, `${id}.jsonl`);
  }
}

const lines = (entries: readonly Entry[]): string =>
  entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');

function parsed(text: string): Entry[] {
  return text.split('\n').flatMap((line) => {
    try {
      const entry = entrySchema.safeParse(JSON.parse(line));
      return entry.success ? [entry.data] : [];
    } catch {
      return [];
    }
  });
}

function endOf(path: string, bytes: number): string {
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  try {
    const buffer = Buffer.alloc(bytes);
    const length = fs.readSync(fd, buffer, 0, bytes, Math.max(0, fs.fstatSync(fd).size - bytes));
    return buffer.toString('utf8', 0, length);
  } finally {
    fs.closeSync(fd);
  }
}
