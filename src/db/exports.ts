/** Everything that is one group's own, for an export. Reads only, row by row where there may be many. */
import type { ChatJid, Folder } from '../types.ts';
import type { Sqlite } from './open.ts';

export interface ExportedMessage {
  seq: number;
  message_id: number;
  thread_id: number | null;
  sender: string;
  sender_name: string;
  content: string;
  timestamp: string;
  is_bot_message: number;
  turn_id: string | null;
  disposition: string | null;
  reply_to_message_id: number | null;
  edited_at: string | null;
}

type Row = Record<string, string | number | null>;

export function exportRepository(db: Sqlite) {
  const messages = db.prepare<[string], ExportedMessage>(
    `SELECT seq, message_id, thread_id, sender, sender_name, content, timestamp, is_bot_message, turn_id, disposition,
       reply_to_message_id, edited_at
     FROM messages WHERE chat_jid = ? ORDER BY seq`,
  );
  const turns = db.prepare<[string, string], Row>(
    `SELECT id, kind, state, attempt, queued_at, started_at, finished_at, error_code, error, input_tokens, output_tokens,
       cost_usd
     FROM turns WHERE chat_jid = ? AND group_folder = ? ORDER BY kind, seq`,
  );
  const tasks = db.prepare<[string], Row & { id: string }>(
    `SELECT id, prompt, schedule_type, schedule_value, timezone, context_mode, misfire, script, status, status_reason,
       next_run, last_run, last_result, created_by, created_at
     FROM scheduled_tasks WHERE group_folder = ? ORDER BY created_at`,
  );
  const runs = db.prepare<[string], Row>(
    `SELECT due, state, outcome, reason, origin, attempt, turn_id, started_at, finished_at, error, delivered
     FROM task_runs WHERE task_id = ? ORDER BY due`,
  );
  const usage = db.prepare<[string], Row>(
    `SELECT day, person, task_id, turns, input_tokens, output_tokens, cost_usd FROM usage_ledger
     WHERE group_folder = ? ORDER BY day, person, task_id`,
  );
  return {
    messages: (jid: ChatJid): Iterable<ExportedMessage> => messages.iterate(jid),
    /** Those over messages first, then those of tasks. */
    turns: (jid: ChatJid, folder: Folder): Iterable<Row> => turns.iterate(jid, folder),
    /** By day, person and task. */
    usage: (folder: Folder): Iterable<Row> => usage.iterate(folder),
    tasks: (folder: Folder) => tasks.all(folder).map((task) => ({ ...task, runs: runs.all(task.id) })),
  };
}
