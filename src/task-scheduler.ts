/**
 * The task scheduler: sleeps until the next instant that something is due, claims it, wakes its group's queue.
 *
 *   timer → due tasks, in batches → one transaction each batch: rows in task_runs + next_run moved → wake the queue
 *
 * It is armed for the first due instant of all tasks, and anew after every change (changed()); behind a claim it rests for
 * WINDOW_MS, so that what falls due one after the other is claimed together. A clock that jumped
 * or a machine that slept shows at the next look, at most LOOK_MS later: the clock is read again, never trusted.
 * Invariants: one instant, one row; next_run only moves forward; a bad task never holds up the others. It never
 * runs a task itself, and never decides what a run's result means.
 */
import type { Db } from './db.ts';
import { messageOf } from './errors.ts';
import type { Clock, Timer } from './lib/clock.ts';
import type { Reach } from './lib/failpoint.ts';
import type { Logger } from './log.ts';
import { claimDue, judgeWaiting } from './task-scheduler/claim.ts';
import { type ChatJid, type Folder, type Iso, iso } from './types.ts';

/** The longest sleep: what the clock did meanwhile is noticed then. One index look-up each time. */
export const LOOK_MS = 30_000;
/** From one claim to the next at least: a thousand tasks within a second are fifty commits. Nothing is claimed before it is due. */
export const WINDOW_MS = 20;
/** Between the starts of runs that make up for missed ones. */
export const CATCH_UP_SPACING_MS = 10_000;
/** After a failure of the database. */
const RETRY_MS = 5000;
/** A clock that is only adjusted goes back by less. */
const SET_BACK_MS = 1000;
const BATCH = 500;
/** Claiming goes on for so long at a time, about a thousand tasks; then others have their turn. */
const CLAIM_MS = 200;

export interface TaskSchedulerOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  /** A run waits in this chat. */
  wake: (jid: ChatJid) => void;
  /** next_run or a status has changed in this chat's tasks. */
  tasksChanged: (jid: ChatJid) => void;
  /** Default: LOOK_MS. */
  lookMs?: number;
  reach?: Reach | undefined;
}

export interface TaskScheduler {
  start(): void;
  /** A task was added or changed, a run postponed or asked for: looks again at once. */
  changed(): void;
  stop(): void;
}

export function createTaskScheduler(options: TaskSchedulerOptions): TaskScheduler {
  const { db, clock, log, lookMs = LOOK_MS } = options;
  let timer: Timer | undefined;
  let running = false;
  /** What an earlier daemon left has been looked at. */
  let judged = false;
  /** When the next late run may begin, on the monotonic clock: it outlives a wall clock that is set back. */
  let catchUpFrom = 0;
  /** Monotonic: until then nothing more is claimed. */
  let restUntil = 0;
  /** What the wall clock said, and the monotonic one, at the last look. */
  let seen = { wall: clock.now(), monotonic: clock.monotonic() };

  function lookIn(delayMs: number): void {
    timer?.cancel();
    timer = clock.after(Math.max(delayMs, restUntil - clock.monotonic()), tick);
  }

  function tick(): void {
    if (!running) return;
    try {
      if (!judged) db.transaction(() => judgeWaiting(db, clock.now()));
      judged = true;
      noteClock();
      const from = clock.monotonic();
      const { changed, more } = claimBatches();
      restUntil = changed.size > 0 && !more ? from + WINDOW_MS : 0;
      for (const jid of db.taskRuns.chatsWithWaiting(iso(clock.now()))) options.wake(jid);
      for (const jid of changed) options.tasksChanged(jid);
      // Between batches others get their turn: a thousand due tasks must not hold up a message.
      lookIn(more ? 0 : untilNext());
    } catch (error) {
      // A full disk, say: nothing was claimed. What is due stays due, and must not keep us busy meanwhile.
      log.error({ event: 'schedule_failed', err: error }, messageOf(error));
      lookIn(RETRY_MS);
    }
  }

  /** Runs that wait for another try wait for a length of time: a clock that was set back must not stretch it. */
  function noteClock(): void {
    const now = { wall: clock.now(), monotonic: clock.monotonic() };
    const setBackMs = now.monotonic - seen.monotonic - (now.wall - seen.wall);
    if (setBackMs >= SET_BACK_MS) db.taskRuns.bringForward(setBackMs);
    seen = now;
  }

  function untilNext(): number {
    const now = clock.now();
    const next = db.tasks.nextWake(iso(now));
    return next === null ? lookMs : Math.min(lookMs, Math.max(0, Date.parse(next) - now));
  }

  /** A thousand that are due at once are all claimed before the first of their turns takes its time. */
  function claimBatches(): { changed: Set<ChatJid>; more: boolean } {
    const until = clock.monotonic() + CLAIM_MS;
    const all = new Set<ChatJid>();
    for (;;) {
      const { changed, more } = claimBatch();
      for (const jid of changed) all.add(jid);
      if (!more || clock.monotonic() >= until) return { changed: all, more };
    }
  }

  function claimBatch(): { changed: Set<ChatJid>; more: boolean } {
    const now = clock.now();
    const due = db.tasks.due(iso(now), BATCH);
    const changed = new Set<ChatJid>();
    if (due.length === 0) return { changed, more: false };
    const gone = new Map<Folder, boolean>();
    const isGone = (folder: Folder): boolean => {
      const known = gone.get(folder) ?? db.groups.byFolder(folder) === null;
      gone.set(folder, known);
      return known;
    };
    db.transaction(() => {
      for (const task of due) {
        const claim = claimDue(db, task, now, () => nextCatchUp(now), isGone);
        const details = { event: 'task_due', task: task.id, group: task.folder, ...claim };
        log[claim.paused === undefined ? 'debug' : 'warn'](details, claim.paused);
        changed.add(task.chatJid);
      }
    });
    options.reach?.('task.claimed');
    return { changed, more: due.length === BATCH };
  }

  /** Late runs begin one after the other, the first at once. */
  function nextCatchUp(now: number): Iso {
    const waitMs = Math.max(0, catchUpFrom - clock.monotonic());
    catchUpFrom = clock.monotonic() + waitMs + CATCH_UP_SPACING_MS;
    return iso(now + waitMs);
  }

  return {
    start() {
      running = true;
      tick();
    },
    // Not at once: the caller may be in the middle of something. tick() sets the timer anew when it is through.
    changed() {
      if (running) lookIn(0);
    },
    stop() {
      running = false;
      timer?.cancel();
    },
  };
}
