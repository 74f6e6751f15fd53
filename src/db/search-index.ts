/**
 * The index that messages are searched by, kept a little behind them: what comes in costs nothing until it is indexed, a few
 * rows at a time, and a search looks at the rest itself (search.ts). Which rows are indexed is one interval of sequence
 * numbers and a list of exceptions, changed in the transaction that indexes them: a kill anywhere loses and doubles nothing.
 */
import { fold } from '../lib/fold.ts';
import type { ChatJid, Iso, Seq } from '../types.ts';
import type { Sqlite } from './open.ts';

interface Row {
  seq: number;
  chat_jid: string;
  sender_name: string;
  content: string;
  edited_content: string | null;
}

export interface IndexState {
  /** All that was said is in it or among the newest: nothing old is left to be read. */
  complete: boolean;
  /** When the oldest message was said that is in it; null when it is complete, or nothing is. */
  since: Iso | null;
}

/** Between a chat's key and a word: no word holds it. */
const MARK = '·';

/** A chat's words as the index has them. */
export const salted = (key: number, words: readonly string[]): string =>
  words.map((word) => `${key.toString(36)}${MARK}${word}`).join(' ');

/** All that is looked for in a message. */
export const wordsOf = (row: Pick<Row, 'content' | 'edited_content'>): string[] =>
  fold(row.edited_content === null ? row.content : `${row.content}\n${row.edited_content}`);

export function searchIndexRepository(db: Sqlite) {
  const COLUMNS = 'seq, chat_jid, sender_name, content, edited_content';
  const state = db.prepare<[], { low: number; high: number }>('SELECT low, high FROM search_state');
  const setLow = db.prepare('UPDATE search_state SET low = ?');
  const setHigh = db.prepare('UPDATE search_state SET high = ?');
  const due = db.prepare<[number], number>('SELECT seq FROM search_due ORDER BY seq LIMIT ?').pluck();
  const settled = db.prepare('DELETE FROM search_due WHERE seq = ?');
  const bySeq = db.prepare<[number], Row>(`SELECT ${COLUMNS} FROM messages WHERE seq = ?`);
  const newer = db.prepare<[number, number], Row>(
    `SELECT ${COLUMNS} FROM messages WHERE seq > ? ORDER BY seq LIMIT ?`,
  );
  const older = db.prepare<[number, number], Row>(
    `SELECT ${COLUMNS} FROM messages WHERE seq < ? ORDER BY seq DESC LIMIT ?`,
  );
  const keyOf = db.prepare<[string], number>('SELECT key FROM search_chats WHERE chat_jid = ?').pluck();
  const newKey = db.prepare('INSERT INTO search_chats (chat_jid) VALUES (?)');
  const insert = db.prepare('INSERT INTO search_words (rowid, words, who) VALUES (?, ?, ?)');
  const remove = db.prepare('DELETE FROM search_words WHERE rowid = ?');
  const oldest = db
    .prepare<[number], string>('SELECT timestamp FROM messages WHERE seq >= ? ORDER BY seq LIMIT 1')
    .pluck();
  const anyOlder = db.prepare<[number], number>('SELECT 1 FROM messages WHERE seq < ? LIMIT 1').pluck();

  const now = (): { low: number; high: number } => state.get() ?? { low: 1, high: 0 };
  const keyFor = (jid: string): number => keyOf.get(jid) ?? Number(newKey.run(jid).lastInsertRowid);

  function add(row: Row): void {
    const key = keyFor(row.chat_jid);
    insert.run(row.seq, salted(key, wordsOf(row)), salted(key, fold(row.sender_name)));
  }

  /** Brings one message's entry up to date; returns how many entries that removed (0 or 1). */
  function renew(seq: number, { low, high }: { low: number; high: number }): number {
    settled.run(seq);
    if (seq < low || seq > high) return 0;
    const removed = remove.run(seq).changes;
    const row = bySeq.get(seq);
    if (row) add(row);
    return removed;
  }

  return {
    keyOf: (jid: ChatJid): number | null => keyOf.get(jid) ?? null,
    now,
    state(): IndexState {
      const { low } = now();
      const complete = anyOlder.get(low) === undefined;
      return { complete, since: complete ? null : ((oldest.get(low) ?? null) as Iso | null) };
    },
    /** In the caller's transaction: indexes up to `limit` rows, the changed and the newest first. False when nothing was left. */
    step(limit: number): boolean {
      const range = now();
      // To remove without a trace costs about a millisecond each.
      const changed = due.all(Math.ceil(limit / 10));
      for (const seq of changed) renew(seq, range);
      if (changed.length > 0) return true;
      const fresh = newer.all(range.high, limit);
      for (const row of fresh) add(row);
      if (fresh.length > 0) {
        setHigh.run(fresh.at(-1)?.seq);
        return true;
      }
      // The index takes them in the order of their numbers only, or makes a segment of each.
      const old = older.all(range.low, limit).reverse();
      for (const row of old) add(row);
      if (old.length > 0) setLow.run(old[0]?.seq);
      return old.length > 0;
    },
    /** In the caller's transaction: the entries of messages that were just deleted go now. Returns how many there were. */
    removeEntries(seqs: readonly Seq[]): number {
      const range = now();
      return seqs.reduce((sum, seq) => sum + renew(seq, range), 0);
    },
  };
}
