/** What the status shows of the database. Each is a search in an index, or as long as the list of groups. */
import type { Iso } from '../types.ts';
import type { Sqlite } from './open.ts';
import type { PhaseTimes } from './turn-phases.ts';

export interface GroupLine {
  chatJid: string;
  folder: string;
  name: string;
  isMain: boolean;
  /** When somebody wrote there last; null when nobody has. */
  lastActivity: Iso | null;
  sessionId: string | null;
  /** When its session was used last. */
  sessionAt: Iso | null;
  /** When it began, and how many turns it had. */
  sessionBegan: Iso | null;
  sessionTurns: number | null;
  /** How full it is, as its agent said last. */
  contextTokens: number | null;
  contextWindow: number | null;
  /** What it chose to think with; null: as the settings say. */
  provider: string | null;
  model: string | null;
  /** When the next of its tasks is due; null when none is. */
  nextRun: Iso | null;
  /** Why the bot may not write there: removed, blocked, restricted, gone; null while it may. */
  paused: string | null;
}

export interface NextTask {
  id: string;
  group: string;
  nextRun: Iso;
  scheduleType: string;
  scheduleValue: string;
  timezone: string;
  prompt: string;
}

export interface ListedPhases extends PhaseTimes {
  id: string;
  group: string;
  kind: string;
  attempt: number;
  state: string;
}

export interface FailedTurn {
  turn: string;
  group: string;
  kind: string;
  attempt: number;
  at: Iso;
  code: string | null;
  message: string | null;
}

export interface GroupUsage {
  group: string;
  requests: number;
  failures: number;
  inputTokens: number;
  outputTokens: number;
  costUsd: number;
}

export function overviewRepository(db: Sqlite) {
  const groups = db.prepare<[], Omit<GroupLine, 'isMain'> & { isMain: number }>(
    `SELECT registered_groups.chat_jid AS chatJid, folder, registered_groups.name, is_main AS isMain,
       chats.last_activity AS lastActivity, sessions.session_id AS sessionId, sessions.updated_at AS sessionAt,
       sessions.began_at AS sessionBegan, sessions.turns AS sessionTurns,
       sessions.context_tokens AS contextTokens, sessions.context_window AS contextWindow, registered_groups.provider, registered_groups.model,
       (SELECT min(next_run) FROM scheduled_tasks
          WHERE group_folder = registered_groups.folder AND status = 'active') AS nextRun,
       registered_groups.paused AS paused
     FROM registered_groups LEFT JOIN chats USING (chat_jid)
       LEFT JOIN sessions ON sessions.group_folder = folder AND sessions.thread_id = 0
     ORDER BY is_main DESC, added_at, folder`,
  );
  const tasks = db.prepare<[number], NextTask>(
    `SELECT id, group_folder AS "group", next_run AS nextRun, schedule_type AS scheduleType,
       schedule_value AS scheduleValue, timezone,
         CASE prompt WHEN '' THEN 'script: ' || substr(script, 1, 300) ELSE prompt END AS prompt
     FROM scheduled_tasks INDEXED BY scheduled_tasks_due
     WHERE status = 'active' AND next_run IS NOT NULL ORDER BY next_run LIMIT ?`,
  );
  const failed = db.prepare<[number], FailedTurn>(
    `SELECT id AS turn, group_folder AS "group", kind, attempt, finished_at AS at, error_code AS code, error AS message
     FROM turns INDEXED BY turns_failed WHERE state = 'failed' ORDER BY seq DESC LIMIT ?`,
  );
  const turns = db.prepare<[number], ListedPhases>(
    `SELECT id, group_folder AS "group", kind, attempt, state, asked_at AS askedAt, queued_at AS queuedAt,
       agent_started_at AS agentStartedAt, first_output_at AS firstOutputAt, finished_at AS finishedAt
     FROM turns WHERE seq > 0 ORDER BY seq DESC LIMIT ?`,
  );
  const usage = db.prepare<[string], GroupUsage>(
    `SELECT group_folder AS "group", requests, failures, input_tokens AS inputTokens, output_tokens AS outputTokens,
       cost_usd AS costUsd FROM model_usage INDEXED BY model_usage_by_day WHERE day = ?`,
  );
  const messages = db.prepare<[string], { disposition: string; standing: number }>(
    'SELECT disposition, standing FROM message_counts WHERE day = ? AND standing > 0',
  );
  const open = db.prepare<[], { chatJid: string; count: number }>(
    `SELECT chat_jid AS chatJid, count(*) AS count FROM messages INDEXED BY messages_open
     WHERE disposition IS NULL GROUP BY chat_jid`,
  );
  return {
    groups: (): GroupLine[] => groups.all().map((line) => ({ ...line, isMain: line.isMain === 1 })),
    /** The next to run, soonest first. */
    nextTasks: (limit: number): NextTask[] => tasks.all(limit),
    /** The newest turns, open or ended, newest first. */
    lastTurns: (limit: number): ListedPhases[] => turns.all(limit),
    /** Turns that failed for good, newest first. */
    failedTurns: (limit: number): FailedTurn[] => failed.all(limit),
    /** Of one UTC day, e.g. 2026-11-02; groups that asked for nothing are not in it. */
    usage: (day: string): GroupUsage[] => usage.all(day),
    /** What became of the messages that came on this UTC day; `open`: nothing yet. */
    messages: (day: string): Record<string, number> =>
      Object.fromEntries(messages.all(day).map(({ disposition, standing }) => [disposition, standing])),
    /** By chat: messages that are owed an answer, in a turn or not. */
    openMessages: (): Map<string, number> =>
      new Map(open.all().map(({ chatJid, count }) => [chatJid, count])),
  };
}
