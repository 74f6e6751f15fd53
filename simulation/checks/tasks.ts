/**
 * Every due instant of a task has its row. While a task is active under one schedule, its next_run moves over the
 * instants of that schedule, computed here anew; each one it has moved past must be in task_runs, and no other.
 */
import type { Task } from '../../src/db/tasks.ts';
import type { Db } from '../../src/db.ts';
import { nextRun } from '../../src/next-run.ts';
import { scheduleOf } from '../../src/tasks.ts';
import type { World } from '../world/world.ts';

interface Followed {
  /** What it goes by; a change begins a new window. */
  key: string;
  /** The first instant that is not accounted for yet; null while it does not run. */
  next: number | null;
  /** Instants that have been accounted for. A clock that was set back passes some again: each has one row all the same. */
  instants: Set<number>;
  status: Task['status'];
}

export interface TaskChecks {
  /** Looks at a task as it is committed now. */
  sample(db: Db, id: string): void;
  sampleAll(db: Db): void;
  atEnd(db: Db): void;
  openTasks(): string[];
}

export function createTaskChecks(world: World): TaskChecks {
  const followed = new Map<string, Followed>();

  function sample(db: Db, id: string): void {
    const task = db.tasks.byId(id);
    if (!task) return; // created in a transaction that was undone
    const known = followed.get(id);
    const key = [task.scheduleType, task.scheduleValue, task.timezone, task.anchor].join(' ');
    const next = task.status === 'active' && task.nextRun !== null ? Date.parse(task.nextRun) : null;
    if (!known || known.key !== key || (known.next === null && next !== null)) {
      begin(task, key, next, known?.instants ?? new Set());
      return;
    }
    known.status = task.status;
    if (known.next === null || next === known.next) return;
    if (task.status === 'active' || task.status === 'done') account(db, task, known, next);
    known.next = next;
  }

  /** From now on it runs by this schedule. */
  function begin(task: Task, key: string, next: number | null, instants: Set<number>): void {
    followed.set(task.id, { key, next, instants, status: task.status });
    if (next === null) return;
    const expected = nextRun(scheduleOf(task), world.timeline.wall());
    if (expected !== next)
      world.violated(
        'G1',
        `task ${task.id} begins with ${show(next)}; by its schedule it is ${show(expected)}`,
      );
  }

  /** next_run has moved on: past what? */
  function account(db: Db, task: Task, known: Followed, next: number | null): void {
    const schedule = scheduleOf(task);
    const passed: number[] = [];
    for (let at = known.next; at !== null && (next === null || at < next); at = nextRun(schedule, at)) {
      passed.push(at);
      if (passed.length > 10_000) break;
    }
    const after = passed.length === 0 ? known.next : nextRun(schedule, passed.at(-1) ?? 0);
    if (next !== null && after !== next)
      world.violated('G1', `task ${task.id} moved to ${show(next)}, which is none of its instants`);
    const has = db.sqlite
      .prepare<[string, string], number>(
        "SELECT count(*) FROM task_runs WHERE task_id = ? AND due = ? AND origin = 'schedule'",
      )
      .pluck();
    for (const at of passed) {
      world.count('task instants');
      known.instants.add(at);
      if (has.get(task.id, new Date(at).toISOString()) !== 1)
        world.violated('G1', `task ${task.id} was due at ${show(at)}, and no run tells what became of it`);
    }
  }

  function atEnd(db: Db): void {
    for (const [id, { instants }] of followed) {
      const stored = db.sqlite
        .prepare<[string], number>("SELECT count(*) FROM task_runs WHERE task_id = ? AND origin = 'schedule'")
        .pluck()
        .get(id);
      if (stored !== instants.size)
        world.violated(
          'G2',
          `task ${id} has ${stored} runs of its schedule; ${instants.size} instants were due`,
        );
    }
    const open = db.sqlite
      .prepare<[], { task_id: string; due: string }>(
        "SELECT task_id, due FROM task_runs WHERE state <> 'finished' OR outcome IS NULL",
      )
      .all();
    for (const run of open)
      world.violated('G1', `the run of task ${run.task_id} due ${run.due} has no outcome`);
  }

  return {
    sample,
    sampleAll(db) {
      for (const task of db.tasks.all()) sample(db, task.id);
    },
    atEnd,
    openTasks: () =>
      [...followed].filter(([, { status }]) => status === 'active' || status === 'paused').map(([id]) => id),
  };
}

const show = (at: number | null) => (at === null ? 'nothing' : new Date(at).toISOString());
