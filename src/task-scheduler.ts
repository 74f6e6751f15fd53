/**
 * The task scheduler: sleeps until the next instant that something is due, claims it, wakes its group's queue.
 *
 *   timer → due tasks, in batches → one transaction each batch: rows in task_runs + next_run moved → wake the queue
 *
 * It is armed for the first due instant of all tasks, and anew after every change (changed()). A clock that jumped
 * or a machine that slept shows at the next look, at most LOOK_MS later: the clock is read again, never trusted.
 * Invariants: one instant, one row; next_run only moves forward; a bad task never holds up the others. It never
 * runs a task itself, and never decides what a run's result means.
 */
import type { Db } from './db.ts';
import { messageOf } from './errors.ts';
import type { Clock, Timer } from './lib/clock.ts';
import type { Logger } from './log.ts';
import { claimDue } from './task-scheduler/claim.ts';
import { type ChatJid, type Iso, iso } from './types.ts';

/** The longest sleep: what the clock did meanwhile is noticed then. One index look-up each time. */
export const LOOK_MS = 30_000;
/** Between the starts of runs that make up for missed ones. */
export const CATCH_UP_SPACING_MS = 10_000;
const BATCH = 200;

export interface TaskSchedulerOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  /** A run waits in this chat. */
  wake: (jid: ChatJid) => void;
  /** next_run or a status has changed in this chat's tasks. */
  tasksChanged: (jid: ChatJid) => void;
}

export interface TaskScheduler {
  start(): void;
  /** A task was added or changed, or a run postponed: the timer may be wrong now. */
  changed(): void;
  stop(): void;
}

export function createTaskScheduler(options: TaskSchedulerOptions): TaskScheduler {
  const { db, clock, log } = options;
  let timer: Timer | undefined;
  let running = false;
  /** When the last late run may begin. */
  let catchUpUntil = 0;

  function arm(): void {
    timer?.cancel();
    if (!running) return;
    const now = clock.now();
    const next = db.tasks.nextWake(iso(now));
    const waitMs = next === null ? LOOK_MS : Math.min(LOOK_MS, Math.max(0, Date.parse(next) - now));
    timer = clock.after(waitMs, tick);
  }

  function tick(): void {
    if (!running) return;
    let more = false;
    try {
      more = claimBatch();
      for (const jid of db.tasks.chatsWithWaiting(iso(clock.now()))) options.wake(jid);
    } catch (error) {
      log.error({ event: 'schedule_failed', err: error }, messageOf(error));
    }
    // Between batches others get their turn: a thousand due tasks must not hold up a message.
    if (more) timer = clock.after(0, tick);
    else arm();
  }

  /** Returns true when there may be more. */
  function claimBatch(): boolean {
    const now = clock.now();
    const due = db.tasks.due(iso(now), BATCH);
    const changed = new Set<ChatJid>();
    db.transaction(() => {
      for (const task of due) {
        try {
          const claim = db.savepoint(() => claimDue(db, task, now, () => nextCatchUp(now)));
          log.debug({ event: 'task_due', task: task.id, group: task.folder, ...claim });
        } catch (error) {
          log.error({ event: 'task_claim_failed', task: task.id, err: error }, messageOf(error));
          db.tasks.setStatus(
            task.id,
            'paused',
            `its schedule cannot be computed: ${messageOf(error)}`.slice(0, 300),
          );
        }
        changed.add(task.chatJid);
      }
    });
    for (const jid of changed) options.tasksChanged(jid);
    return due.length === BATCH;
  }

  /** Late runs begin one after the other, the first at once. */
  function nextCatchUp(now: number): Iso {
    const at = Math.max(now, catchUpUntil);
    catchUpUntil = at + CATCH_UP_SPACING_MS;
    return iso(at);
  }

  return {
    start() {
      running = true;
      tick();
    },
    changed: arm,
    stop() {
      running = false;
      timer?.cancel();
    },
  };
}
