/** Tasks and their runs as `--json` prints them; docs/cli.md has the shapes. */
import type { TaskRun } from '../../db/task-runs.ts';
import type { Task } from '../../db/tasks.ts';
import { taskRecord } from '../../tasks.ts';

export const toJson = (t: Task) => ({
  ...taskRecord(t),
  status_reason: t.statusReason,
  created_by: t.createdBy,
  created_at: t.createdAt,
});

export const runToJson = (r: TaskRun) => ({
  due: r.due,
  state: r.state,
  outcome: r.outcome,
  reason: r.reason,
  origin: r.origin,
  attempts: r.attempt,
  missed: r.missed,
  turn_id: r.turnId,
  started_at: r.startedAt,
  finished_at: r.finishedAt,
  lateness_ms: r.latenessMs,
  error: r.error,
  input_tokens: r.usage?.input_tokens ?? null,
  output_tokens: r.usage?.output_tokens ?? null,
  cost_usd: r.usage?.cost_usd ?? null,
  delivered: r.delivered,
});
