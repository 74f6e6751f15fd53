/**
 * What was used of the model. model_usage: what each group's agents have asked of it, as the proxy counts it, by UTC day.
 * usage_ledger: what turns were charged with, for whom, by day of the daemon's zone.
 * What the proxy counts is kept here for a moment and written together: a commit per request would cost each of them a disk's
 * time. A crash loses the counts of at most that moment; a charge sees them at once.
 */
import type { Folder, Iso } from '../types.ts';
import type { Sqlite } from './open.ts';

export interface ModelUsage {
  requests: number;
  /** Of the requests: not answered, or with a status of 400 and above. */
  failures: number;
  inputTokens: number;
  outputTokens: number;
  /** What that cost, as far as list prices tell. */
  usd?: number;
}

export interface Seen {
  input: number;
  output: number;
  usd: number;
}

/** A row of usage_ledger is one of each. */
export interface Charged {
  folder: string;
  /** As 2026-11-02. */
  day: string;
  /** Telegram id; '' for a task, and for what was asked between turns. */
  person: string;
  /** '' for messages. */
  taskId: string;
}

export interface Used {
  turns: number;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number;
}

interface Counted {
  day: string;
  input_tokens: number;
  output_tokens: number;
  charged_input: number;
  charged_output: number;
  seen_usd: number;
  charged_seen_usd: number;
}

/** How far back a count may lie that nobody was charged with: longer than any turn. */
const UNCHARGED_MS = 7 * 86_400_000;
const uncharged = (at: Iso): string => new Date(Date.parse(at) - UNCHARGED_MS).toISOString().slice(0, 10);

const NOTHING = {
  input_tokens: 0,
  output_tokens: 0,
  charged_input: 0,
  charged_output: 0,
  seen_usd: 0,
  charged_seen_usd: 0,
};

function sumOf(days: readonly { seen: Seen }[]): Seen {
  const sum = { input: 0, output: 0, usd: 0 };
  for (const { seen } of days) {
    sum.input += seen.input;
    sum.output += seen.output;
    sum.usd += seen.usd;
  }
  return sum;
}

export function usageRepository(db: Sqlite) {
  const add = db.prepare(
    `INSERT INTO model_usage (group_folder, day, requests, failures, input_tokens, output_tokens, seen_usd)
       VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (group_folder, day) DO UPDATE SET requests = requests + excluded.requests,
       failures = failures + excluded.failures, input_tokens = input_tokens + excluded.input_tokens,
       output_tokens = output_tokens + excluded.output_tokens, seen_usd = seen_usd + excluded.seen_usd`,
  );
  const counted = db.prepare<[string, string], Counted>(
    `SELECT day, input_tokens, output_tokens, charged_input, charged_output, seen_usd, charged_seen_usd FROM model_usage
     WHERE group_folder = ? AND day >= ?`,
  );
  const isCounted = db
    .prepare<[string, string], number>(
      'SELECT 1 FROM model_usage WHERE group_folder = ? AND day >= ? AND requests > 0 LIMIT 1',
    )
    .pluck();
  const markCharged = db.prepare(
    `INSERT INTO model_usage (group_folder, day, requests, failures, input_tokens, output_tokens, charged_input, charged_output,
       charged_seen_usd) VALUES (?, ?, 0, 0, 0, 0, ?, ?, ?)
     ON CONFLICT (group_folder, day) DO UPDATE SET charged_input = excluded.charged_input,
       charged_output = excluded.charged_output, charged_seen_usd = excluded.charged_seen_usd`,
  );
  const charge = db.prepare(
    `INSERT INTO usage_ledger (group_folder, day, person, task_id, turns, input_tokens, output_tokens, cost_usd)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET turns = turns + excluded.turns, input_tokens = input_tokens + excluded.input_tokens,
       output_tokens = output_tokens + excluded.output_tokens, cost_usd = cost_usd + excluded.cost_usd`,
  );
  /** By day and folder. */
  const waiting = new Map<string, { day: string; folder: string; use: Required<ModelUsage> }>();

  /** The days with something that nobody was charged with; `seen` is that. */
  function openDays(folder: Folder, at: Iso): { day: string; charged: Seen; seen: Seen }[] {
    const days = new Map(counted.all(folder, uncharged(at)).map((row) => [row.day, row]));
    for (const noted of waiting.values()) {
      if (noted.folder !== folder) continue;
      const row = days.get(noted.day) ?? { day: noted.day, ...NOTHING };
      row.input_tokens += noted.use.inputTokens;
      row.output_tokens += noted.use.outputTokens;
      row.seen_usd += noted.use.usd;
      days.set(noted.day, row);
    }
    return [...days.values()].flatMap((row) => {
      const charged = { input: row.charged_input, output: row.charged_output, usd: row.charged_seen_usd };
      // Below zero: a crash has lost what was charged before it was written.
      const seen = {
        input: Math.max(0, row.input_tokens - charged.input),
        output: Math.max(0, row.output_tokens - charged.output),
        usd: Math.max(0, row.seen_usd - charged.usd),
      };
      return seen.input + seen.output + seen.usd === 0 ? [] : [{ day: row.day, charged, seen }];
    });
  }

  return {
    /** `day` as 2026-11-02. In memory, until write(). */
    note(folder: string, day: string, one: ModelUsage): void {
      const key = `${day} ${folder}`;
      const { use } = waiting.get(key) ?? {
        use: { requests: 0, failures: 0, inputTokens: 0, outputTokens: 0, usd: 0 },
      };
      use.requests += one.requests;
      use.failures += one.failures;
      use.inputTokens += one.inputTokens;
      use.outputTokens += one.outputTokens;
      use.usd += one.usd ?? 0;
      waiting.set(key, { day, folder, use });
    },
    isWritten: (): boolean => waiting.size === 0,
    /** Writes what was noted, all or nothing. Not within another transaction: then it would be forgotten with that one. */
    write(): void {
      db.transaction(() => {
        for (const { day, folder, use } of waiting.values())
          add.run(folder, day, use.requests, use.failures, use.inputTokens, use.outputTokens, use.usd);
      }).immediate();
      waiting.clear();
    },
    add(folder: string, day: string, use: ModelUsage): void {
      add.run(folder, day, use.requests, use.failures, use.inputTokens, use.outputTokens, use.usd ?? 0);
    },
    /** The proxy has counted requests of this group lately. */
    isCounted: (folder: Folder, at: Iso): boolean =>
      isCounted.get(folder, uncharged(at)) === 1 ||
      [...waiting.values()].some((noted) => noted.folder === folder),
    /** What the proxy counted and nobody was charged with yet. */
    uncharged: (folder: Folder, at: Iso): Seen => sumOf(openDays(folder, at)),
    /** The same, in the caller's transaction: it counts as charged from now on. */
    takeUncharged(folder: Folder, at: Iso): Seen {
      const open = openDays(folder, at);
      for (const { day, charged, seen } of open)
        markCharged.run(
          ...[folder, day],
          ...[charged.input + seen.input, charged.output + seen.output, charged.usd + seen.usd],
        );
      return sumOf(open);
    },
    charge({ folder, day, person, taskId }: Charged, used: Used): void {
      const { turns, input_tokens: input, output_tokens: output, cost_usd: cost } = used;
      charge.run(folder, day, person, taskId, turns, input, output, cost);
    },
  };
}

export type UsageRepository = ReturnType<typeof usageRepository>;
