/**
 * The audit log: who did, or tried, what. Append only: triggers in the schema refuse every change of a row but its
 * count going up, and every deletion but of what prune() has declared old.
 * Bounded: refusals that are alike within one minute are one row that counts them, and beyond MOST_KINDS different
 * ones the rest of that minute are counted together, so that a container cannot fill the disk with its attempts.
 * A count is written when it doubles, when its minute is over, and at flush(): after a crash it may be too low, by
 * less than half.
 */
import type { Iso } from '../types.ts';
import type { Sqlite } from './open.ts';

/** `failed`: it was allowed, but did not work (a credential that the model refuses, a malformed rule file). */
export type AuditOutcome = 'done' | 'refused' | 'failed';

export interface AuditNote {
  at: Iso;
  /** `operator`, `telegram:<user id>`, `agent:<folder>`, `daemon` or `simulator`. */
  actor: string;
  /** Folder of the group concerned; null when it is none, or an unregistered chat. */
  group: string | null;
  /** What was done or tried, as one word: `register_group`, `connect`, `mount`, `pair`, … */
  action: string;
  outcome: AuditOutcome;
  /** One line for people, never a secret and never message text. Cut at 500 characters. */
  detail: string | null;
}

export interface AuditEntry extends AuditNote {
  id: number;
  /** How often, within the minute of `at`. */
  times: number;
}

export interface AuditFilter {
  group?: string | undefined;
  since?: Iso | undefined;
  /** Only entries behind this one, oldest first; without it the newest, newest first. */
  afterId?: number | undefined;
  limit: number;
}

const MAX_DETAIL = 500;
/** Different refusals of one kind by one actor that are told apart within a minute. */
export const MOST_KINDS = 20;
const FURTHER = 'further ones of this minute, which differ';

interface Counted {
  id: number;
  note: AuditNote;
  times: number;
  written: number;
}

interface Row {
  id: number;
  at: string;
  actor: string;
  group_folder: string | null;
  action: string;
  outcome: string;
  detail: string | null;
  times: number;
}

const toEntry = (row: Row): AuditEntry => ({
  id: row.id,
  at: row.at as Iso,
  actor: row.actor,
  group: row.group_folder,
  action: row.action,
  outcome: row.outcome as AuditOutcome,
  detail: row.detail,
  times: row.times,
});

const COLUMNS = 'id, at, actor, group_folder, action, outcome, detail, times';

export function auditRepository(db: Sqlite) {
  const insert = db.prepare(
    'INSERT INTO audit_log (at, actor, group_folder, action, outcome, detail, times) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  // Not by id alone: an id whose insertion was rolled back may be another row's by now.
  const count = db.prepare(
    'UPDATE audit_log SET times = ? WHERE id = ? AND at = ? AND actor = ? AND action = ? AND detail IS ? AND times < ?',
  );
  const keepFrom = db.prepare(
    `INSERT INTO meta (key, value) VALUES ('audit_kept_from', ?)
     ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value)`,
  );
  const remove = db.prepare(
    'DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log WHERE at < ? ORDER BY at LIMIT ?)',
  );
  const newest = db.prepare<[string, string | null, string | null, number], Row>(
    `SELECT ${COLUMNS} FROM audit_log WHERE at >= ? AND (? IS NULL OR group_folder = ?) ORDER BY at DESC, id DESC LIMIT ?`,
  );
  const following = db.prepare<[number, string, string | null, string | null, number], Row>(
    `SELECT ${COLUMNS} FROM audit_log WHERE id > ? AND at >= ? AND (? IS NULL OR group_folder = ?) ORDER BY id LIMIT ?`,
  );

  let minute = '';
  const counted = new Map<string, Counted>();
  const kinds = new Map<string, number>();

  function append(n: AuditNote, times: number): number {
    return Number(insert.run(n.at, n.actor, n.group, n.action, n.outcome, n.detail, times).lastInsertRowid);
  }

  function write(entry: Counted): void {
    const { id, note: n, times } = entry;
    const counting = count.run(times, id, n.at, n.actor, n.action, n.detail, times);
    if (counting.changes === 0) entry.id = append(n, times); // its insertion was rolled back
    entry.written = times;
  }

  function flush(): void {
    for (const entry of counted.values()) if (entry.written < entry.times) write(entry);
    counted.clear();
    kinds.clear();
  }

  function refusal(given: AuditNote): void {
    const now = given.at.slice(0, 16);
    if (now !== minute) flush();
    minute = now;
    const kind = JSON.stringify([given.actor, given.group, given.action, given.outcome]);
    let note = given;
    let key = kind + given.detail;
    const seen = kinds.get(kind) ?? 0;
    if (!counted.has(key) && seen >= MOST_KINDS) {
      note = { ...given, detail: FURTHER };
      key = kind + FURTHER;
    }
    const known = counted.get(key);
    if (!known) {
      counted.set(key, { id: append(note, 1), note, times: 1, written: 1 });
      kinds.set(kind, seen + 1);
      return;
    }
    known.times += 1;
    if (known.times >= known.written * 2) write(known);
  }

  return {
    /** Writes it down, in the caller's transaction if there is one. Throws only when the database does. */
    note(entry: AuditNote): void {
      const note = { ...entry, detail: entry.detail === null ? null : oneLine(entry.detail) };
      if (note.outcome === 'done') append(note, 1);
      else refusal(note);
    },
    list(filter: AuditFilter): AuditEntry[] {
      const { group = null, since = '', afterId, limit } = filter;
      const rows =
        afterId === undefined
          ? newest.all(since, group, group, limit)
          : following.all(afterId, since, group, group, limit);
      return rows.map(toEntry);
    },
    /** Removes up to `limit` of the entries before an instant, for retention. Returns how many. */
    prune(before: Iso, limit: number): number {
      return db.transaction(() => {
        keepFrom.run(before);
        return remove.run(before, limit).changes;
      })();
    },
    /** Writes the counts that are in memory only. */
    flush,
  };
}

/** It is read in terminals: nothing in it moves the cursor or begins a line of its own. */
function oneLine(text: string): string {
  const line = text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
    .trim();
  return line.length > MAX_DETAIL ? `${line.slice(0, MAX_DETAIL - 1)}…` : line;
}
