/**
 * What the end of a turn means for the task run it was for. In the caller's transaction.
 * A failed attempt is repeated with backoff as long as that is before the task's next run; then the chat is told.
 * After five failed runs in a row the task is paused, and its group and main are told.
 */

import type { TaskRun } from '../db/task-runs.ts';
import type { Task } from '../db/tasks.ts';
import type { Turn } from '../db/turn-row.ts';
import type { Db } from '../db.ts';
import type { Usage } from '../protocol.ts';
import type { Router } from '../router.ts';
import { describeNext, titleOf, tooLate } from '../tasks.ts';
import { type ChatJid, type Iso, iso } from '../types.ts';
import { REASONS, type Sentence, type Words } from '../words.ts';
import { type Attempt, type Failure, isCounted, type Next, nextStep } from './failure.ts';

export const MAX_FAILED_RUNS = 5;

export interface TaskOutcomeContext {
  db: Db;
  record: Router['record'];
  nowMs: number;
}

interface Owner {
  run: TaskRun;
  task: Task;
}

export function taskOf(db: Db, turn: Turn): Owner | null {
  const run = turn.kind === 'task' ? db.taskRuns.byTurn(turn.id) : null;
  const task = run === null ? null : db.tasks.byId(run.taskId);
  return run && task ? { run, task } : null;
}

export function taskEnded(
  context: TaskOutcomeContext,
  turn: Turn,
  outcome: 'ok' | 'quiet' | 'gated' | 'stopped',
  usage: Usage | null,
): void {
  const owner = taskOf(context.db, turn);
  if (!owner) return;
  const { db, nowMs } = context;
  db.taskRuns.finish(owner.run.id, outcome, iso(nowMs), { usage });
  db.tasks.noteResult(owner.task.id, iso(nowMs), outcome, 0);
  endOnce(db, owner.task);
}

/** As nextStep(), but a repeat must come before the task's next run. */
export function taskNextStep(db: Db, turn: Turn, failure: Failure, attempt: Attempt): Next {
  const owner = taskOf(db, turn);
  const next = nextStep(failure, attempt);
  if (!owner || next.retryInMs === null || !isCounted(failure.code)) return next;
  const { status, nextRun } = owner.task;
  const tooLate = nextRun !== null && attempt.nowMs + next.retryInMs >= Date.parse(nextRun);
  return status !== 'active' || tooLate ? { retryInMs: null, fresh: false } : next;
}

export function taskRunAgain(
  context: TaskOutcomeContext,
  turn: Turn,
  failure: Failure,
  delayMs: number,
): void {
  const { db, nowMs } = context;
  const owner = taskOf(db, turn);
  if (!owner) return;
  const { run, task } = owner;
  const unwanted = isCounted(failure.code) ? null : noLongerWanted(owner, nowMs);
  if (unwanted === null) {
    db.taskRuns.again(run.id, iso(nowMs + delayMs), failure.message, isCounted(failure.code));
    return;
  }
  db.taskRuns.finish(run.id, 'stopped', iso(nowMs), { reason: unwanted, error: failure.message });
  db.tasks.noteResult(task.id, iso(nowMs), 'stopped', task.failures);
  endOnce(db, task);
}

/** While no daemon ran, time has gone by: may the run that its end interrupted begin again? */
function noLongerWanted({ run, task }: Owner, nowMs: number): string | null {
  if (run.origin !== 'schedule') return null;
  return task.status === 'active' ? tooLate(task, nowMs - Date.parse(run.due)) : `the task is ${task.status}`;
}

/** `sentence` says plainly what went wrong. Returns the chat that was told besides the turn's own, if any. */
export function taskFailed(
  context: TaskOutcomeContext,
  turn: Turn,
  failure: Failure,
  sentence: Sentence,
  usage: Usage | null,
): ChatJid | null {
  const owner = taskOf(context.db, turn);
  if (!owner) return null;
  const { db, nowMs, record } = context;
  const { task, run } = owner;
  const at: Iso = iso(nowMs);
  const failures = task.failures + 1;
  db.taskRuns.finish(run.id, 'failed', at, { reason: failure.code, error: failure.message, usage });
  db.tasks.noteResult(task.id, at, `failed: ${failure.code}`, failures);
  endOnce(db, task);
  const words = db.languages.wordsFor(turn.chatJid);
  const prompt = excerpt(titleOf(task));
  const tell = (chatJid: Task['chatJid'], threadId: number | null, text: string) =>
    record({ chatJid, threadId, turnId: turn.id, replyTo: null, text });
  if (failures < MAX_FAILED_RUNS || task.status !== 'active' || task.scheduleType === 'once') {
    const after = describeNext(db.tasks.byId(task.id) ?? task, words);
    tell(turn.chatJid, turn.threadId, words.taskFailed(task.id, prompt, sentence(words), after));
    return null;
  }
  db.tasks.setStatus(task.id, 'paused', REASONS.failedOften(String(failures)));
  const often = (w: Words) => w.taskFailedOften(task.id, prompt, failures, sentence(w));
  tell(turn.chatJid, turn.threadId, often(words));
  const main = db.groups.main();
  if (!main || main.chatJid === turn.chatJid) return null;
  const mains = db.languages.wordsFor(main.chatJid);
  const name = db.groups.byJid(turn.chatJid)?.name ?? task.folder;
  tell(main.chatJid, null, mains.inGroup(name, often(mains)));
  return main.chatJid;
}

/** A run that waits is not to begin. In the caller's transaction. */
export function taskSkipped(db: Db, run: TaskRun, reason: string, nowMs: number): void {
  db.taskRuns.skip(run.id, reason, iso(nowMs), Math.max(0, nowMs - Date.parse(run.due)));
  const task = db.tasks.byId(run.taskId);
  if (task === null) return;
  db.tasks.noteResult(task.id, iso(nowMs), `skipped: ${reason}`, task.failures);
  endOnce(db, task);
}

/** Unless it has been given another time meanwhile. */
function endOnce(db: Db, task: Task): void {
  if (task.scheduleType !== 'once' || task.status !== 'active' || task.nextRun !== null) return;
  db.tasks.setStatus(task.id, 'done', null);
}

const excerpt = (text: string): string =>
  (text.length > 60 ? `${text.slice(0, 60)}…` : text).replace(/\s+/g, ' ');
