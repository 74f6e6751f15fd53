/**
 * The scheduler alone, for its tests: a real database file that outlives it, a stepped clock, and a stand-in for the
 * runner that does what waits. start() and stop() are the daemon's; what lies between two of them is a downtime.
 */
import { onTestFinished } from 'vitest';
import { databaseFile } from '../../src/db/open.ts';
import type { Task } from '../../src/db/tasks.ts';
import { createDb, type Db } from '../../src/db.ts';
import { NOTHING_CHOSEN } from '../../src/policy/thinking.ts';
import { createTaskScheduler, type TaskScheduler } from '../../src/task-scheduler.ts';
import { scheduleTask, type TaskInput, type TaskRules } from '../../src/tasks.ts';
import {
  type ChatJid,
  chatJid,
  DEFAULT_CHOICES,
  type Folder,
  type Group,
  iso,
  turnId,
} from '../../src/types.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { createTestLog, tempFolder } from './world.ts';

export const DAY_MS = 86_400_000;
export const HOUR_MS = 3_600_000;
export const MINUTE_MS = 60_000;

export interface RunRow {
  task_id: string;
  due: string;
  state: string;
  outcome: string | null;
  reason: string | null;
  origin: string;
  not_before: string | null;
  missed: number;
  lateness_ms: number | null;
}

export class TaskWorld {
  readonly home = tempFolder();
  readonly clock: FakeClock;
  readonly testLog = createTestLog();
  /** Chats that were woken, in order. */
  readonly woken: ChatJid[] = [];
  readonly changes: ChatJid[] = [];
  /** Delays of the timers that were set since the last look. */
  readonly delays: number[] = [];
  /** How often the wall clock was asked by the scheduler's look-ups: one for each tick at least. */
  ticks = 0;
  db: Db;
  scheduler: TaskScheduler | undefined;
  #turns = 0;

  constructor(startAt = '2026-11-02T08:00:00.000Z') {
    this.clock = createFakeClock(startAt);
    this.db = this.#open();
    onTestFinished(() => this.close());
  }

  get rules(): TaskRules {
    return {
      db: this.db,
      now: () => this.clock.now(),
      defaultTimezone: 'UTC',
      limits: { minIntervalMs: 1000 },
    };
  }

  register(folder = 'family', more: Partial<Group> = {}): Group {
    const known = this.db.groups.byFolder(folder);
    if (known) return known;
    const group: Group = {
      chatJid: chatJid(-1000 - this.db.groups.all().length),
      name: folder,
      folder: folder as Folder,
      trigger: '@Nina',
      requiresTrigger: true,
      isMain: false,
      timezone: null,
      network: 'open',
      networkAllow: [],
      ...DEFAULT_CHOICES,
      ...NOTHING_CHOSEN,
      addedAt: iso(this.clock.now()),
      formerJid: null,
      ...more,
    };
    this.db.groups.insert(group);
    return group;
  }

  /** A task of the group "family", or of another one. */
  add(schedule: string, more: Partial<TaskInput> & { folder?: string } = {}): Task {
    const { folder, ...input } = more;
    const scheduleType = /^\d+[smhdw]/.test(schedule)
      ? 'interval'
      : /^\d{4}-/.test(schedule)
        ? 'once'
        : 'cron';
    const task = scheduleTask(
      this.rules,
      this.register(folder),
      { prompt: 'look', scheduleType, scheduleValue: schedule, ...input },
      'test',
    );
    this.scheduler?.changed();
    return task;
  }

  start(): TaskScheduler {
    const { clock } = this;
    const watched = {
      ...clock,
      after: (delayMs: number, callback: () => void) => {
        this.delays.push(delayMs);
        return clock.after(delayMs, () => {
          this.ticks += 1;
          callback();
        });
      },
    };
    this.scheduler = createTaskScheduler({
      db: this.db,
      clock: watched,
      log: this.testLog.log,
      wake: (jid) => void this.woken.push(jid),
      tasksChanged: (jid) => {
        this.changes.push(jid);
        this.scheduler?.changed();
      },
    });
    this.scheduler.start();
    return this.scheduler;
  }

  /** The daemon ends, and the machine's clock goes on for so long; then another one opens the same file. */
  restart(downMs = 0): void {
    this.scheduler?.stop();
    this.db.close();
    this.clock.jump(downMs);
    this.db = this.#open();
    this.start();
  }

  /** Nobody pulls a plug here: what is not synced costs nothing. */
  #open(): Db {
    const db = createDb(databaseFile(this.home));
    db.sqlite.pragma('synchronous = OFF');
    return db;
  }

  close(): void {
    this.scheduler?.stop();
    this.db.close();
  }

  /** As the runner would: every run that may begin now begins; each ends at once, unless `hold`. Returns the tasks. */
  runWaiting(options: { hold?: boolean } = {}): string[] {
    const { taskRuns: runs } = this.db;
    const now = iso(this.clock.now());
    const begun: string[] = [];
    for (const jid of runs.chatsWithWaiting(now)) {
      for (let run = runs.nextWaiting(jid, now); run; run = runs.nextWaiting(jid, now)) {
        this.#turns += 1;
        runs.start(run.id, turnId(`turn-${this.#turns}`), now, this.clock.now() - Date.parse(run.due));
        if (!options.hold) runs.finish(run.id, 'ok', now, {});
        begun.push(run.taskId);
      }
    }
    return begun;
  }

  task(id: string): Task {
    const task = this.db.tasks.byId(id);
    if (!task) throw new Error(`no task ${id}`);
    return task;
  }

  /** Oldest first; of one task or of all. */
  runs(taskId?: string): RunRow[] {
    return this.db.sqlite
      .prepare<[string | null, string | null], RunRow>(
        `SELECT task_id, due, state, outcome, reason, origin, not_before, missed, lateness_ms
         FROM task_runs WHERE task_id = ? OR ? IS NULL ORDER BY task_id, due`,
      )
      .all(taskId ?? null, taskId ?? null);
  }

  /** The due instants of a task, to the second. */
  dues(taskId: string): string[] {
    return this.runs(taskId).map((run) => run.due.slice(0, 19));
  }
}

/** Instants as they are in the database, to the second. */
export const every = (from: string, stepMs: number, count: number): string[] =>
  Array.from({ length: count }, (_, n) => new Date(Date.parse(from) + n * stepMs).toISOString().slice(0, 19));
