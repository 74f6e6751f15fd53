/** What only the status page shows of the database. Each is a search in an index that ends at its limit, or by days. */
import type { Iso } from '../types.ts';
import type { Sqlite } from './open.ts';

export interface PageMessage {
  seq: number;
  /** Null when its group is not registered any more. */
  group: string | null;
  at: Iso;
  who: string;
  isNina: boolean;
  /** Its first 300 characters. */
  text: string;
  disposition: string | null;
  reason: string | null;
}

export interface PageTask {
  id: string;
  group: string;
  prompt: string;
  scheduleType: string;
  scheduleValue: string;
  timezone: string;
  anchor: Iso;
  nextRun: Iso;
  lastResult: string | null;
  failures: number;
}

export interface PageUsageDay {
  day: string;
  requests: number;
  failures: number;
  inputTokens: number;
  outputTokens: number;
  costUsd: number;
}

export function pageRepository(db: Sqlite) {
  const messages = db.prepare<[number], Omit<PageMessage, 'isNina'> & { isNina: number }>(
    `SELECT seq, folder AS "group", timestamp AS at, sender_name AS who, is_bot_message AS isNina,
       substr(content, 1, 300) AS text, disposition, reason
     FROM messages LEFT JOIN registered_groups USING (chat_jid) WHERE seq > 0 ORDER BY seq DESC LIMIT ?`,
  );
  const tasks = db.prepare<[number], PageTask>(
    `SELECT id, group_folder AS "group", substr(CASE prompt WHEN '' THEN 'script: ' || script ELSE prompt END, 1, 300) AS prompt, schedule_type AS scheduleType,
       schedule_value AS scheduleValue, timezone, anchor, next_run AS nextRun, last_result AS lastResult, failures
     FROM scheduled_tasks INDEXED BY scheduled_tasks_due
     WHERE status = 'active' AND next_run IS NOT NULL ORDER BY next_run LIMIT ?`,
  );
  const taskCount = db
    .prepare<[], number>(
      `SELECT count(*) FROM scheduled_tasks INDEXED BY scheduled_tasks_due
       WHERE status = 'active' AND next_run IS NOT NULL`,
    )
    .pluck();
  const usage = db.prepare<[string], PageUsageDay>(
    `SELECT day, sum(requests) AS requests, sum(failures) AS failures, sum(input_tokens) AS inputTokens,
       sum(output_tokens) AS outputTokens, sum(cost_usd) AS costUsd
     FROM model_usage INDEXED BY model_usage_by_day WHERE day >= ? GROUP BY day`,
  );
  const counts = db.prepare<[string], { day: string; count: number }>(
    'SELECT day, sum(standing) AS count FROM message_counts WHERE day >= ? GROUP BY day',
  );
  return {
    /** The newest, newest first. */
    messages: (limit: number): PageMessage[] =>
      messages.all(limit).map((row) => ({ ...row, isNina: row.isNina === 1 })),
    /** The next to run, soonest first. */
    tasks: (limit: number): PageTask[] => tasks.all(limit),
    /** How many are to run again. */
    taskCount: (): number => taskCount.get() ?? 0,
    /** By UTC day from this one on; days without use are left out. */
    usage: (fromDay: string): PageUsageDay[] => usage.all(fromDay),
    /** How many messages came, by UTC day from this one on. */
    messageCounts: (fromDay: string): Map<string, number> =>
      new Map(counts.all(fromDay).map(({ day, count }) => [day, count])),
  };
}
