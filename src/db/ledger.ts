/**
 * The tables whose rows come to an end (turns, replies, task runs), read behind a cursor: for whoever counts what has ended
 * without being told of each. Every query is a search by key.
 */
import type { Iso } from '../types.ts';
import type { Sqlite } from './open.ts';
import type { PhaseTimes } from './turn-phases.ts';

interface LedgerRow {
  key: number;
  /** It will not change any more. */
  isOver: boolean;
}

export interface Ledger<R extends LedgerRow> {
  /** The last key that was given; 0 when there is none. */
  newest(): number;
  /** Keys of the rows that are not over. */
  open(): number[];
  /** Null when the row is gone. */
  at(key: number): R | null;
  /** The rows behind `key`, in order. */
  after(key: number, limit: number): R[];
}

export interface TurnRow extends LedgerRow, PhaseTimes {
  kind: string;
  state: string;
  attempt: number;
  errorCode: string | null;
}

export interface ReplyRow extends LedgerRow {
  state: string;
  createdAt: Iso;
  sentAt: Iso | null;
}

export interface RunRow extends LedgerRow {
  outcome: string | null;
  origin: string;
  latenessMs: number | null;
}

export function ledgerRepository(db: Sqlite) {
  function ledger<R extends LedgerRow>(
    columns: string,
    table: string,
    key: string,
    open: string,
    openIndex: string,
  ): Ledger<R> {
    type Raw = Omit<R, 'isOver'> & { isOver: number };
    const select = `SELECT ${key} AS key, NOT (${open}) AS isOver, ${columns} FROM ${table}`;
    const newest = db.prepare<[], number>(`SELECT coalesce(max(${key}), 0) FROM ${table}`).pluck();
    const openKeys = db
      .prepare<[], number>(`SELECT ${key} FROM ${table} INDEXED BY ${openIndex} WHERE ${open}`)
      .pluck();
    const at = db.prepare<[number], Raw>(`${select} WHERE ${key} = ?`);
    const after = db.prepare<[number, number], Raw>(`${select} WHERE ${key} > ? ORDER BY ${key} LIMIT ?`);
    const row = (raw: Raw): R => ({ ...raw, isOver: raw.isOver === 1 }) as unknown as R;
    return {
      newest: () => newest.get() ?? 0,
      open: () => openKeys.all(),
      at(one) {
        const raw = at.get(one);
        return raw ? row(raw) : null;
      },
      after: (one, limit) => after.all(one, limit).map(row),
    };
  }
  const days = db.prepare<
    [string],
    {
      folder: string;
      day: string;
      requests: number;
      failures: number;
      input: number;
      output: number;
      cost: number;
    }
  >(
    `SELECT group_folder AS folder, day, requests, failures, input_tokens AS input, output_tokens AS output, cost_usd AS cost
     FROM model_usage INDEXED BY model_usage_by_day WHERE day >= ?`,
  );
  const given = db.prepare<[], { disposition: string; count: number }>(
    'SELECT disposition, sum(given) AS count FROM message_counts GROUP BY disposition',
  );
  const openMessages = db
    .prepare<[], number>('SELECT count(*) FROM messages INDEXED BY messages_open WHERE disposition IS NULL')
    .pluck();
  const activeTasks = db
    .prepare<[], number>(
      `SELECT count(*) FROM scheduled_tasks INDEXED BY scheduled_tasks_due
       WHERE status = 'active' AND next_run IS NOT NULL`,
    )
    .pluck();
  const groups = db.prepare<[], number>('SELECT count(*) FROM registered_groups').pluck();
  return {
    turns: ledger<TurnRow>(
      `kind, state, attempt, error_code AS errorCode, asked_at AS askedAt, queued_at AS queuedAt,
         agent_started_at AS agentStartedAt, first_output_at AS firstOutputAt, finished_at AS finishedAt`,
      'turns',
      'seq',
      "state IN ('queued', 'running')",
      'turns_open',
    ),
    replies: ledger<ReplyRow>(
      'state, created_at AS createdAt, sent_at AS sentAt',
      'outbox',
      'id',
      "state IN ('pending', 'sending', 'uncertain')",
      'outbox_open',
    ),
    runs: ledger<RunRow>(
      'outcome, origin, lateness_ms AS latenessMs',
      'task_runs',
      'id',
      "state <> 'finished'",
      'task_runs_open',
    ),
    /** What groups used of the model, from this UTC day on. */
    usageSince: (day: string) => days.all(day),
    /** How often each disposition was given, ever. */
    dispositions: () => given.all().filter(({ disposition }) => disposition !== 'open'),
    openMessages: (): number => openMessages.get() ?? 0,
    activeTasks: (): number => activeTasks.get() ?? 0,
    groups: (): number => groups.get() ?? 0,
  };
}

export type LedgerRepository = ReturnType<typeof ledgerRepository>;
