/**
 * A due task, claimed: each instant that has come gets its one row in task_runs, and next_run moves behind them all,
 * in one transaction. Which of them really runs is decided here:
 *   on time                           → runs
 *   the run before is still going on  → skipped: a task never overlaps itself
 *   late, several missed              → the latest at most, by the task's choice; the others are skipped
 */

import type { Task } from '../db/tasks.ts';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import { nextRun } from '../next-run.ts';
import { skippedOnce, skipRun } from '../tasks/waiting-runs.ts';
import { GRACE_MS, scheduleOf, tooLate } from '../tasks.ts';
import { type ChatJid, type Folder, type Iso, iso } from '../types.ts';
import { REASONS } from '../words.ts';

/** So many missed instants get rows of their own; a longer stop is summed up in the run that covers it. */
export const MAX_MISSED_ROWS = 2000;

export interface Claim {
  /** A run waits now. */
  runs: boolean;
  /** It is late: to be spread out. */
  late: boolean;
  /** The task cannot go on, and why. */
  paused?: string;
}

/**
 * In the caller's transaction. `catchUpAt` says when a late run may begin. A task that cannot go on is paused; what
 * the database throws is thrown, since that is no task's fault.
 */
export function claimDue(
  db: Db,
  task: Task,
  now: number,
  catchUpAt: () => Iso,
  isGone = (folder: Folder): boolean => db.groups.byFolder(folder) === null,
): Claim {
  if (isGone(task.folder)) return pause(db, task, now, REASONS.groupGone);
  let came: ReturnType<typeof dueInstants>;
  try {
    came = dueInstants(task, now);
  } catch (error) {
    return pause(db, task, now, REASONS.badSchedule(messageOf(error)).slice(0, 300));
  }
  const { instants, unlisted, next } = came;
  db.tasks.setNextRun(task.id, next === null ? null : iso(next));
  const last = instants.at(-1);
  if (last === undefined) return { runs: false, late: false };

  const latenessMs = now - last;
  const goesOn = db.taskRuns.open(task.id) !== null;
  const reason = goesOn ? 'the run before was still going on' : tooLate(task, latenessMs);
  const missed = instants.length - 1 + unlisted;
  const late = latenessMs > GRACE_MS;
  const skipped = (why: string, due: number) => ({ reason: why, at: iso(now), latenessMs: now - due });
  for (const due of instants.slice(0, -1)) {
    const why = reason ?? `missed; the run of ${iso(last)} stands for it`;
    db.taskRuns.add({
      taskId: task.id,
      chatJid: task.chatJid,
      due: iso(due),
      origin: 'schedule',
      skipped: skipped(why, due),
    });
  }
  const added = db.taskRuns.add({
    taskId: task.id,
    chatJid: task.chatJid,
    due: iso(last),
    origin: 'schedule',
    missed,
    ...(reason === null ? { notBefore: late ? catchUpAt() : null } : { skipped: skipped(reason, last) }),
  });
  if (reason !== null) skippedOnce(db, { ...task, nextRun: next === null ? null : iso(next) }, reason, now);
  return { runs: added && reason === null, late };
}

/**
 * What an earlier daemon claimed and did not begin: after a long stop the task's choice decides about it, too.
 * In the caller's transaction. `jid`: only of
 * this chat, which was paused.
 */
export function judgeWaiting(db: Db, now: number, jid?: ChatJid): void {
  for (const run of db.taskRuns.neverBegun()) {
    if (jid !== undefined && run.chatJid !== jid) continue;
    const task = db.tasks.byId(run.taskId);
    const reason = task === null ? null : tooLate(task, now - Date.parse(run.due));
    if (reason !== null) skipRun(db, run, reason, now);
  }
}

function pause(db: Db, task: Task, now: number, reason: string): Claim {
  db.tasks.setStatus(task.id, 'paused', reason);
  db.taskRuns.skipWaiting(task.id, reason, iso(now));
  return { runs: false, late: false, paused: reason };
}

/** So many missed instants are counted one by one; more are "so many at least". */
export const MAX_COUNTED = 50_000;

interface Due {
  /** Oldest first, at most MAX_MISSED_ROWS and one; of more than MAX_COUNTED the latest alone. */
  instants: number[];
  /** Earlier ones that get no row. */
  unlisted: number;
  /** The first one after now. */
  next: number | null;
}

/**
 * All instants from next_run up to now. Its work is bounded: a clock that jumps by decades must not hold up the
 * daemon while every minute of them is looked at.
 */
export function dueInstants(
  task: Pick<Task, 'scheduleType' | 'scheduleValue' | 'timezone' | 'anchor' | 'nextRun'>,
  now: number,
  nextAfter: typeof nextRun = nextRun,
): Due {
  const schedule = scheduleOf(task);
  const instants: number[] = [];
  let unlisted = 0;
  let next: number | null = task.nextRun === null ? null : Date.parse(task.nextRun);
  while (next !== null && next <= now) {
    if (instants.length + unlisted === MAX_COUNTED) {
      const latest = latestInstant((after) => nextAfter(schedule, after), next, now);
      return { instants: [latest], unlisted: MAX_COUNTED, next: nextAfter(schedule, latest) };
    }
    instants.push(next);
    if (instants.length > MAX_MISSED_ROWS) {
      instants.shift();
      unlisted += 1;
    }
    next = nextAfter(schedule, next);
  }
  return { instants, unlisted, next };
}

/** The last instant up to `now`, by halving the time in which it must lie. `known` is one of them. */
function latestInstant(nextAfter: (after: number) => number | null, known: number, now: number): number {
  let latest = known;
  let none = now; // nothing lies between here and now
  while (none - latest > 1) {
    const middle = Math.floor((latest + none) / 2);
    const next = nextAfter(middle);
    if (next !== null && next <= now) latest = next;
    else none = middle;
  }
  return latest;
}
