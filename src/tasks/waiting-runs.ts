/** Runs that were claimed and wait, and will not be: stopped by somebody, or too late by now. In the caller's transaction. */

import type { TaskRun } from '../db/task-runs.ts';
import type { Task } from '../db/tasks.ts';
import type { Db } from '../db.ts';
import { type ChatJid, type Conversation, iso } from '../types.ts';

/** Runs of this chat, or of one conversation of it, that wait for their turn or to be tried again end as `stopped`. Returns how many. */
export function stopWaitingRuns(
  { db, now }: { db: Db; now: () => number },
  jid: ChatJid,
  reason: string,
  of: Conversation = null,
): number {
  const at = iso(now());
  const waiting = db.taskRuns
    .waiting(jid)
    .map((run) => ({ run, task: db.tasks.byId(run.taskId) }))
    .filter(({ task }) => of === null || (task?.threadId ?? 0) === of);
  for (const { run, task } of waiting) {
    db.taskRuns.finish(run.id, 'stopped', at, { reason });
    if (!task) continue;
    db.tasks.noteResult(task.id, at, 'stopped', task.failures);
    if (task.scheduleType === 'once' && task.status === 'active' && task.nextRun === null)
      db.tasks.setStatus(task.id, 'done', null);
  }
  return waiting.length;
}

/** It will not run, for this reason. */
export function skipRun(
  db: Db,
  run: Pick<TaskRun, 'id' | 'taskId' | 'due'>,
  reason: string,
  now: number,
): void {
  db.taskRuns.skip(run.id, reason, iso(now), now - Date.parse(run.due));
  const task = db.tasks.byId(run.taskId);
  if (task !== null) skippedOnce(db, task, reason, now);
}

/** Where that was the only time the task had, it is over. */
export function skippedOnce(db: Db, task: Task, reason: string, now: number): void {
  if (task.scheduleType !== 'once' || task.status !== 'active' || task.nextRun !== null) return;
  db.tasks.setStatus(task.id, 'done', reason);
  db.tasks.noteResult(task.id, iso(now), `skipped: ${reason}`, task.failures);
}
