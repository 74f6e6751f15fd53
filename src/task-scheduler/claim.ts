/**
 * A due task, claimed: each instant that has come gets its one row in task_runs, and next_run moves behind them all,
 * in one transaction. Which of them really runs is decided here:
 *   on time                           → runs
 *   the run before is still going on  → skipped: a task never overlaps itself
 *   late, several missed              → the latest at most, by the task's choice; the others are skipped
 */

import type { Task } from '../db/tasks.ts';
import type { Db } from '../db.ts';
import { parseDuration } from '../next-run/duration.ts';
import { nextRun } from '../next-run.ts';
import { scheduleOf } from '../tasks.ts';
import { type Iso, iso } from '../types.ts';

/** Up to here a run counts as on time. */
export const GRACE_MS = 60_000;
/** So many missed instants get rows of their own; a longer stop is summed up in the run that covers it. */
export const MAX_MISSED_ROWS = 2000;

export interface Claim {
  /** A run waits now. */
  runs: boolean;
  /** It is late: to be spread out. */
  late: boolean;
}

/** In the caller's transaction. `catchUpAt` says when a late run may begin. */
export function claimDue(db: Db, task: Task, now: number, catchUpAt: () => Iso): Claim {
  if (db.groups.byFolder(task.folder) === null) {
    db.tasks.setStatus(task.id, 'paused', 'its group is not registered any more');
    return { runs: false, late: false };
  }
  const { instants, unlisted, next } = dueInstants(task, now);
  db.tasks.setNextRun(task.id, next === null ? null : iso(next));
  const last = instants.at(-1);
  if (last === undefined) return { runs: false, late: false };

  const latenessMs = now - last;
  const reason = whyNot(db, task, latenessMs);
  const missed = instants.length - 1 + unlisted;
  const late = latenessMs > GRACE_MS;
  const skipped = (why: string, due: number) => ({ reason: why, at: iso(now), latenessMs: now - due });
  for (const due of instants.slice(0, -1)) {
    const why = reason ?? `missed; the run of ${iso(last)} stands for it`;
    db.tasks.addRun({
      taskId: task.id,
      chatJid: task.chatJid,
      due: iso(due),
      origin: 'schedule',
      skipped: skipped(why, due),
    });
  }
  const added = db.tasks.addRun({
    taskId: task.id,
    chatJid: task.chatJid,
    due: iso(last),
    origin: 'schedule',
    missed,
    ...(reason === null ? { notBefore: late ? catchUpAt() : null } : { skipped: skipped(reason, last) }),
  });
  if (reason !== null && task.scheduleType === 'once') {
    db.tasks.setStatus(task.id, 'done', reason);
    db.tasks.noteResult(task.id, iso(now), `skipped: ${reason}`, task.failures);
  }
  return { runs: added && reason === null, late };
}

/** All instants from next_run up to now, oldest first, and the first one after. */
function dueInstants(task: Task, now: number): { instants: number[]; unlisted: number; next: number | null } {
  const schedule = scheduleOf(task);
  const instants: number[] = [];
  let unlisted = 0;
  let next: number | null = task.nextRun === null ? null : Date.parse(task.nextRun);
  while (next !== null && next <= now) {
    instants.push(next);
    if (instants.length > MAX_MISSED_ROWS) {
      instants.shift();
      unlisted += 1;
    }
    next = nextRun(schedule, next);
  }
  return { instants, unlisted, next };
}

function whyNot(db: Db, task: Task, latenessMs: number): string | null {
  if (db.tasks.openRun(task.id)) return 'the run before was still going on';
  if (latenessMs <= GRACE_MS || task.misfire === 'run_once') return null;
  const within = /^within:(.+)$/.exec(task.misfire)?.[1];
  const allowedMs = within === undefined ? 0 : (parseDuration(within) ?? 0);
  if (latenessMs <= allowedMs) return null;
  return within === undefined ? 'missed; this task skips missed runs' : `missed by more than ${within}`;
}
