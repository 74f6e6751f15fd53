/** How much may be used: allowances, their top-ups, what is used of them, and who was told that one is used up. */
import type { Folder, Iso } from '../types.ts';
import type { Sqlite } from './open.ts';
import type { Used } from './usage.ts';

export type AllowanceScope = 'all' | 'group' | 'person';
export type AllowanceUnit = 'usd' | 'tokens';
export type AllowancePeriod = 'day' | 'month';

export interface Allowance {
  id: number;
  scope: AllowanceScope;
  /** A folder, a Telegram id, or '' for all groups together. */
  who: string;
  unit: AllowanceUnit;
  period: AllowancePeriod;
  /** USD or tokens. */
  amount: number;
}

/** A turn that goes on, and what is kept for it; null: it began before there were allowances. */
export interface Reserved {
  folder: string;
  person: string | null;
  day: string;
  usd: number | null;
  tokens: number | null;
  /** USD for a million tokens in and out, where the host knows it. */
  price: string | null;
}

/** Who was told: a topic of a group, or (folder '') main, which was asked. */
export interface Told {
  folder: string;
  threadId: number | null;
}

/** From the first to the last day. */
type Days = [from: string, to: string];

export interface UsedBy extends Used {
  /** A person, a task, a day or a folder. */
  key: string;
}

export type UsageKey = 'group' | 'person' | 'task' | 'day';
type Row = Record<UsageKey, string> & Used;

export function allowanceRepository(db: Sqlite) {
  const SUMS = `coalesce(sum(turns), 0) AS turns, coalesce(sum(input_tokens), 0) AS input_tokens,
    coalesce(sum(output_tokens), 0) AS output_tokens, coalesce(sum(cost_usd), 0) AS cost_usd`;
  const all = db.prepare<[], Allowance>(
    'SELECT id, scope, who, unit, period, amount FROM allowances ORDER BY scope, who, unit, period',
  );
  const set = db.prepare(
    `INSERT INTO allowances (scope, who, unit, period, amount) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (scope, who, unit, period) DO UPDATE SET amount = excluded.amount`,
  );
  const remove = db.prepare('DELETE FROM allowances WHERE id = ?');
  const forget = db.prepare(
    `DELETE FROM allowance_notices WHERE allowance_id =
       (SELECT id FROM allowances WHERE scope = ? AND who = ? AND unit = ? AND period = ?)`,
  );
  const forgetOf = db.prepare('DELETE FROM allowance_notices WHERE allowance_id = ?');
  const topups = db.prepare<[number, string], { count: number; amount: number }>(
    `SELECT count(*) AS count, coalesce(sum(amount), 0) AS amount FROM allowance_topups
     WHERE allowance_id = ? AND period = ?`,
  );
  const topUp = db.prepare(
    'INSERT INTO allowance_topups (allowance_id, period, amount, by, at) VALUES (?, ?, ?, ?, ?)',
  );
  const dropOldTopups = db.prepare('DELETE FROM allowance_topups WHERE allowance_id = ? AND period < ?');
  const ofAll = db.prepare<Days, Used>(`SELECT ${SUMS} FROM usage_ledger WHERE day >= ? AND day <= ?`);
  const ofGroup = db.prepare<[string, ...Days], Used>(
    `SELECT ${SUMS} FROM usage_ledger WHERE group_folder = ? AND day >= ? AND day <= ?`,
  );
  const ofPerson = db.prepare<[string, ...Days], Used>(
    `SELECT ${SUMS} FROM usage_ledger WHERE person = ? AND day >= ? AND day <= ?`,
  );
  const reserved = db.prepare<[], Reserved>(
    `SELECT group_folder AS folder, person, coalesce(day, substr(queued_at, 1, 10)) AS day, reserved_usd AS usd,
       reserved_tokens AS tokens, price FROM turns INDEXED BY turns_open WHERE state IN ('queued', 'running')`,
  );
  const told = db
    .prepare<[number, string, number], string>(
      'SELECT told FROM allowance_notices WHERE allowance_id = ? AND folder = ? AND thread_id = ?',
    )
    .pluck();
  const noteTold = db.prepare(
    `INSERT INTO allowance_notices (allowance_id, folder, thread_id, told, until) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET told = excluded.told, until = excluded.until`,
  );
  const waitsUntil = db
    .prepare<[string, number], string | null>(
      'SELECT max(until) FROM allowance_notices WHERE folder = ? AND thread_id = ?',
    )
    .pluck();
  const ROWS = `group_folder AS "group", day, person, task_id AS task, turns, input_tokens, output_tokens, cost_usd`;
  const rowsOfAll = db.prepare<Days, Row>(`SELECT ${ROWS} FROM usage_ledger WHERE day >= ? AND day <= ?`);
  const rowsOfGroup = db.prepare<[string, ...Days], Row>(
    `SELECT ${ROWS} FROM usage_ledger WHERE group_folder = ? AND day >= ? AND day <= ?`,
  );

  return {
    all: (): Allowance[] => all.all(),
    /** One of the same scope, unit and period is replaced; its top-ups stay, and who was told is told anew. */
    set({ scope, who, unit, period, amount }: Omit<Allowance, 'id'>): void {
      set.run(scope, who, unit, period, amount);
      forget.run(scope, who, unit, period);
    },
    remove(id: number): void {
      remove.run(id);
    },
    /** What came on top in this period (2026-11-02, 2026-11), and how often. */
    topups: (id: number, period: string): { count: number; amount: number } =>
      topups.get(id, period) ?? { count: 0, amount: 0 },
    /** Those of earlier periods are forgotten, and who was told that it is used up is told anew. */
    topUp(id: number, period: string, amount: number, by: string, at: Iso): void {
      dropOldTopups.run(id, period);
      topUp.run(id, period, amount, by, at);
      forgetOf.run(id);
    },
    /** By turns that have ended. */
    used({ scope, who }: Pick<Allowance, 'scope' | 'who'>, days: Days): Used {
      const found =
        scope === 'all' ? ofAll.get(...days) : (scope === 'group' ? ofGroup : ofPerson).get(who, ...days);
      return found ?? { turns: 0, input_tokens: 0, output_tokens: 0, cost_usd: 0 };
    },
    /** The most expensive first. `folder` null: of all groups. */
    usedBy(key: UsageKey, folder: string | null, days: Days): UsedBy[] {
      const rows = folder === null ? rowsOfAll.all(...days) : rowsOfGroup.all(folder, ...days);
      const sums = new Map<string, UsedBy>();
      for (const row of rows) {
        const sum = sums.get(row[key]) ?? {
          key: row[key],
          turns: 0,
          input_tokens: 0,
          output_tokens: 0,
          cost_usd: 0,
        };
        sum.turns += row.turns;
        sum.input_tokens += row.input_tokens;
        sum.output_tokens += row.output_tokens;
        sum.cost_usd += row.cost_usd;
        sums.set(row[key], sum);
      }
      return [...sums.values()].sort(
        (a, b) =>
          b.cost_usd - a.cost_usd ||
          b.input_tokens + b.output_tokens - a.input_tokens - a.output_tokens ||
          (a.key < b.key ? -1 : 1),
      );
    },
    reserved: (): Reserved[] => reserved.all(),
    told: (id: number, { folder, threadId }: Told): string | null =>
      told.get(id, folder, threadId ?? 0) ?? null,
    noteTold(id: number, { folder, threadId }: Told, what: string, until: Iso): void {
      noteTold.run(id, folder, threadId ?? 0, what, until);
    },
    /** Until when this topic was told to wait last. */
    waitsUntil: (folder: Folder, threadId: number | null): Iso | null =>
      (waitsUntil.get(folder, threadId ?? 0) ?? null) as Iso | null,
  };
}
