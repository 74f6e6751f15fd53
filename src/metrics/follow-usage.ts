/**
 * What groups have used of the model since this began, from the rows that are kept for each day. Counts up only. Rows of
 * yesterday are looked at, too: usage is written a moment after it happened.
 */
import type { LedgerRepository } from '../db/ledger.ts';
import { iso } from '../types.ts';

export interface UsageTotals {
  requests: number;
  failures: number;
  input: number;
  output: number;
  cost: number;
}

const DAY_MS = 86_400_000;
const FIELDS = ['requests', 'failures', 'input', 'output', 'cost'] as const;

/** Returns the look: totals by folder. */
export function followUsage(
  ledger: Pick<LedgerRepository, 'usageSince'>,
  now: () => number,
): () => ReadonlyMap<string, UsageTotals> {
  const totals = new Map<string, UsageTotals>();
  /** As it was seen last, by day and folder. */
  let seen = new Map<string, UsageTotals>();
  let from = '';

  function look(count: boolean): void {
    const yesterday = iso(now() - DAY_MS).slice(0, 10);
    const since = from !== '' && from < yesterday ? from : yesterday;
    const current = new Map<string, UsageTotals>();
    for (const row of ledger.usageSince(since)) {
      const key = `${row.day} ${row.folder}`;
      // Of a day that was left behind, and is back with a clock that was set back, only what comes from now on counts.
      const before = seen.get(key) ?? (row.day < from ? row : undefined);
      const total = totals.get(row.folder) ?? { requests: 0, failures: 0, input: 0, output: 0, cost: 0 };
      if (count) for (const field of FIELDS) total[field] += Math.max(0, row[field] - (before?.[field] ?? 0));
      totals.set(row.folder, total);
      current.set(key, row);
    }
    seen = current;
    from = yesterday;
  }

  look(false);
  return () => {
    look(true);
    return totals;
  };
}
