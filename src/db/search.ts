/**
 * Finds messages of one chat by their words, the best first. What is asked is anybody's: it becomes words (lib/fold.ts), never
 * syntax of the index. The work is bounded whatever is asked and however often its words were said: of each list of hits only
 * the newest are looked at. What the index does not have yet is read here, so a message is found as soon as it is stored.
 */
import { fold, isUnspaced } from '../lib/fold.ts';
import type { ChatJid, Disposition, Iso, Seq, TurnId } from '../types.ts';
import type { Sqlite } from './open.ts';
import { type IndexState, salted, searchIndexRepository, wordsOf } from './search-index.ts';

export interface Search {
  /** Words; those between quotation marks stand together. */
  query: string;
  /** Only of senders whose names have these words. */
  sender?: string | undefined;
  since?: Iso | undefined;
  until?: Iso | undefined;
  /** Only in this topic; 0 for what lies in none. */
  topic?: number | undefined;
  limit: number;
  /** Not what was given this answer. */
  except?: Disposition | undefined;
  /** Not what this turn is to answer: the question has the words, too. */
  exceptTurn?: TurnId | undefined;
}

export interface Found {
  seq: Seq;
  messageId: number;
  threadId: number | null;
  sender: string;
  senderName: string;
  content: string;
  timestamp: Iso;
  disposition: string | null;
  /** It has all that was asked for, not only some of it. */
  all: boolean;
}

export interface SearchResult {
  /** The best first; of equals the newest. */
  found: Found[];
  /** There are more that have all the words than were looked at. */
  more: boolean;
  index: IndexState;
}

/** What is not looked at of a query. */
export const MOST_QUERY = 500;
const MOST_TERMS = 16;
/** Of words that stand together, so many are looked up; the rest is compared in what that finds. */
const MOST_PHRASE = 6;
/** Newest hits that are ranked; of single words, of several in all; not indexed yet; counted. */
const RANKED = 300;
const RANKED_EACH = 100;
const UNINDEXED = 500;
const COUNTED = 2000;

interface Row {
  seq: number;
  chat_jid: string;
  message_id: number;
  thread_id: number | null;
  sender: string;
  sender_name: string;
  content: string;
  edited_content: string | null;
  timestamp: string;
  disposition: string | null;
  turn_id: string | null;
}

/** Words that stand together. */
type Term = readonly string[];

interface Candidate extends Row {
  /** Its words between spaces, for `times`. */
  text: string;
  length: number;
}

export function searchRepository(db: Sqlite) {
  const index = searchIndexRepository(db);
  const COLUMNS = `m.seq, m.chat_jid, m.message_id, m.thread_id, m.sender, m.sender_name, m.content, m.edited_content, m.timestamp,
    m.disposition, m.turn_id`;
  const hits = db
    .prepare<[string, number, number, number], number>(
      'SELECT rowid FROM search_words WHERE search_words MATCH ? AND rowid >= ? AND rowid <= ? ORDER BY rowid DESC LIMIT ?',
    )
    .pluck();
  const bySeq = db.prepare<[number], Row>(`SELECT ${COLUMNS} FROM messages m WHERE m.seq = ?`);
  const newest = db.prepare<[string, number, number], Row>(
    `SELECT ${COLUMNS} FROM messages m WHERE m.chat_jid = ? AND m.seq > ? ORDER BY m.seq DESC LIMIT ?`,
  );
  const changed = db.prepare<[string, number], Row>(
    `SELECT ${COLUMNS} FROM search_due d CROSS JOIN messages m ON m.seq = d.seq WHERE m.chat_jid = ? LIMIT ?`,
  );
  const firstSince = db
    .prepare<[string, string], number>(
      'SELECT seq FROM messages WHERE chat_jid = ? AND timestamp >= ? ORDER BY timestamp LIMIT 1',
    )
    .pluck();
  const lastUntil = db
    .prepare<[string, string], number>(
      'SELECT seq FROM messages WHERE chat_jid = ? AND timestamp <= ? ORDER BY timestamp DESC LIMIT 1',
    )
    .pluck();

  /** Null: there is no word in what was asked. */
  function messages(jid: ChatJid, search: Search): SearchResult | null {
    const terms = termsOf(search.query);
    if (terms.length === 0) return null;
    const senders = fold(search.sender?.slice(0, MOST_QUERY) ?? '');
    const key = index.keyOf(jid);
    const from = search.since === undefined ? 0 : (firstSince.get(jid, search.since) ?? Infinity);
    const to = search.until === undefined ? Number.MAX_SAFE_INTEGER : (lastUntil.get(jid, search.until) ?? 0);
    const known = new Map<number, Candidate>();
    const isMeant = (row: Row): boolean =>
      row.chat_jid === jid &&
      row.timestamp >= (search.since ?? '') &&
      row.timestamp <= (search.until ?? '~') &&
      (search.topic === undefined || (row.thread_id ?? 0) === search.topic) &&
      !(row.disposition === null && row.turn_id === search.exceptTurn) &&
      (search.except === undefined || row.disposition !== search.except) &&
      hasAll(
        ` ${fold(row.sender_name).join(' ')} `,
        senders.map((word) => [word]),
      );
    const take = (row: Row | undefined): void => {
      if (row === undefined || known.has(row.seq) || !isMeant(row)) return;
      const words = wordsOf(row);
      known.set(row.seq, { ...row, text: ` ${words.join(' ')} `, length: words.length });
    };
    const matchOf = (asked: readonly Term[]): string => {
      const of = (column: string, all: readonly Term[]) =>
        `${column} : (${all.map((term) => `"${salted(key ?? 0, term.slice(0, MOST_PHRASE))}"`).join(' AND ')})`;
      return [
        of('words', asked),
        ...(senders.length > 0
          ? [
              of(
                'who',
                senders.map((word) => [word]),
              ),
            ]
          : []),
      ].join(' AND ');
    };
    const newestOf = (asked: readonly Term[], limit: number): number[] =>
      key === null || from > to ? [] : hits.all(matchOf(asked), from, to, limit);

    for (const row of newest.all(jid, index.now().high, UNINDEXED)) take(row);
    for (const row of changed.all(jid, UNINDEXED)) take(row);
    const exact = newestOf(terms, RANKED);
    for (const seq of exact) take(bySeq.get(seq));

    const parts = partsOf(terms);
    const weights = parts.map((part) => {
      const said = newestOf([part], COUNTED).length;
      return { part, said, weight: Math.log(1 + (4 * COUNTED) / (said + 0.5)) };
    });
    const complete = () => [...known.values()].filter(({ text }) => hasAll(text, terms)).length;
    if (parts.length > 1 && complete() < search.limit) {
      // The rarest first: they tell most.
      let ranked = 0;
      for (const { part } of [...weights].sort((a, b) => a.said - b.said)) {
        if (ranked >= RANKED) break;
        const found = newestOf([part], RANKED_EACH);
        for (const seq of found) take(bySeq.get(seq));
        ranked += found.length;
      }
    }
    return {
      found: rank([...known.values()], terms, weights).slice(0, search.limit),
      more: exact.length === RANKED,
      index: index.state(),
    };
  }

  return { messages };
}

function termsOf(query: string): Term[] {
  const terms = new Map<string, Term>();
  for (const [, quoted, plain = ''] of query.slice(0, MOST_QUERY).matchAll(/"([^"]*)"|([^\s"]+)/g)) {
    const words = fold(quoted ?? plain);
    if (words.length > 0) terms.set(words.join(' '), words);
  }
  return [...terms.values()].slice(0, MOST_TERMS);
}

/** What each term is made of: its words; of a run without spaces each two neighbours, which is what most words there are. */
function partsOf(terms: readonly Term[]): Term[] {
  const parts = new Map<string, Term>();
  for (const term of terms)
    for (const [i, word] of term.entries()) {
      const after = term[i + 1];
      const isPair = isUnspaced(word) && after !== undefined && isUnspaced(after);
      const isEnd = isUnspaced(word) && i > 0 && isUnspaced(term[i - 1] ?? '');
      const part = isPair ? [word, after] : isEnd ? null : [word];
      if (part !== null) parts.set(part.join(' '), part);
    }
  return [...parts.values()].slice(0, 2 * MOST_TERMS);
}

const times = (text: string, part: string): number => {
  let found = 0;
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + part.length - 1)) found += 1;
  return found;
};
const hasAll = (text: string, terms: readonly Term[]): boolean =>
  terms.every((term) => text.includes(` ${term.join(' ')} `));

/** By BM25 among the candidates, with the usual constants; those with all terms first. */
function rank(
  candidates: readonly Candidate[],
  terms: readonly Term[],
  weights: readonly { part: Term; weight: number }[],
): Found[] {
  const usual = candidates.reduce((sum, { length }) => sum + length, 0) / Math.max(1, candidates.length);
  const padded = weights.map(({ part, weight }) => ({ part: ` ${part.join(' ')} `, weight }));
  return candidates
    .map((row) => {
      const norm = 1.2 * (0.25 + (0.75 * row.length) / Math.max(1, usual));
      const score = padded.reduce((sum, { part, weight }) => {
        const said = times(row.text, part);
        return sum + (weight * said * 2.2) / (said + norm);
      }, 0);
      return { row, score, all: hasAll(row.text, terms) };
    })
    .filter(({ score }) => score > 0)
    .sort((a, b) => +b.all - +a.all || b.score - a.score || b.row.seq - a.row.seq)
    .map(({ row, all }) => ({
      seq: row.seq as Seq,
      messageId: row.message_id,
      threadId: row.thread_id,
      sender: row.sender,
      senderName: row.sender_name,
      content: row.edited_content ?? row.content,
      timestamp: row.timestamp as Iso,
      disposition: row.disposition,
      all,
    }));
}
