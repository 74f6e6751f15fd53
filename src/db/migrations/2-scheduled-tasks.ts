/** Tasks and their runs. */
import type { Migration } from './migration.ts';

export const SCHEDULED_TASKS: Migration = {
  id: 2,
  name: 'scheduled tasks',
  sql: `
CREATE TABLE scheduled_tasks (
  id TEXT PRIMARY KEY, group_folder TEXT NOT NULL, chat_jid TEXT NOT NULL, prompt TEXT NOT NULL,
  schedule_type TEXT NOT NULL CHECK (schedule_type IN ('cron', 'interval', 'once')), schedule_value TEXT NOT NULL,
  timezone TEXT NOT NULL, context_mode TEXT NOT NULL CHECK (context_mode IN ('group', 'isolated')),
  misfire TEXT NOT NULL, script TEXT, thread_id INTEGER,
  status TEXT NOT NULL CHECK (status IN ('active', 'paused', 'done', 'cancelled')), status_reason TEXT,
  -- Intervals count from here.
  anchor TEXT NOT NULL,
  next_run TEXT, last_run TEXT, last_result TEXT, failures INTEGER NOT NULL DEFAULT 0,
  created_by TEXT NOT NULL, created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX scheduled_tasks_due ON scheduled_tasks (next_run) WHERE status = 'active' AND next_run IS NOT NULL;
CREATE INDEX scheduled_tasks_over ON scheduled_tasks (created_at) WHERE status IN ('done', 'cancelled');
CREATE INDEX scheduled_tasks_by_group ON scheduled_tasks (group_folder, created_at);

-- One row for each due instant, whatever became of it.
CREATE TABLE task_runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, task_id TEXT NOT NULL, chat_jid TEXT NOT NULL, due TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('due', 'running', 'finished')),
  -- ok, quiet, gated, failed, stopped, skipped; NULL until finished.
  outcome TEXT, reason TEXT,
  -- schedule, or who asked for it.
  origin TEXT NOT NULL, not_before TEXT, attempt INTEGER NOT NULL DEFAULT 0, missed INTEGER NOT NULL DEFAULT 0,
  turn_id TEXT, started_at TEXT, finished_at TEXT, lateness_ms INTEGER, error TEXT,
  input_tokens INTEGER, output_tokens INTEGER, cost_usd REAL,
  -- 1: all that it wrote has arrived, 0: some of it never will; NULL: nothing to deliver, or not yet.
  delivered INTEGER,
  UNIQUE (task_id, due)
) STRICT;
CREATE INDEX task_runs_waiting ON task_runs (chat_jid, id) WHERE state = 'due';
CREATE INDEX task_runs_open ON task_runs (task_id) WHERE state <> 'finished';
CREATE INDEX task_runs_over ON task_runs (finished_at) WHERE turn_id IS NULL AND state = 'finished';
CREATE INDEX task_runs_by_turn ON task_runs (turn_id) WHERE turn_id IS NOT NULL;
`,
};
