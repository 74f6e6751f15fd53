/**
 * Clocks that jump, daemons that were away, runs that take longer than their period, days on which the clocks change:
 * every due instant has exactly one row, and the task's own choice says what became of it.
 */
import { describe, expect, it } from 'vitest';
import { MAX_MISSED_ROWS } from '../../src/task-scheduler/claim.ts';
import { CATCH_UP_SPACING_MS, LOOK_MS } from '../../src/task-scheduler.ts';
import { pauseTask, resumeTask, updateTask } from '../../src/tasks.ts';
import { DAY_MS, every, HOUR_MS, MINUTE_MS, TaskWorld } from '../support/task-world.ts';

describe('a clock that is set back an hour', () => {
  it('runs nothing again, and goes on with the instants that were not', async () => {
    const world = new TaskWorld();
    const task = world.add('10m');
    world.start();
    const live = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += MINUTE_MS) {
        await world.clock.advance(MINUTE_MS);
        world.runWaiting();
      }
    };
    await live(2 * HOUR_MS);
    const next = world.task(task.id).nextRun;
    world.clock.jump(-HOUR_MS);
    await live(HOUR_MS + 9 * MINUTE_MS);
    expect(world.runs()).toHaveLength(12);
    expect(world.task(task.id).nextRun).toBe(next);
    await live(MINUTE_MS);
    expect(world.dues(task.id)).toEqual(every('2026-11-02T08:10:00Z', 10 * MINUTE_MS, 13));
    expect(world.runs().every(({ outcome }) => outcome === 'ok')).toBe(true);
  });

  it('gives no instant a second row when the task is resumed or changed then', async () => {
    const world = new TaskWorld();
    const task = world.add('*/10 * * * *');
    world.start();
    for (let n = 0; n < 12; n += 1) {
      await world.clock.advance(10 * MINUTE_MS);
      world.runWaiting();
    }
    world.clock.jump(-HOUR_MS);
    pauseTask(world.rules, world.task(task.id), 'test');
    resumeTask(world.rules, world.task(task.id), false);
    updateTask(world.rules, world.task(task.id), { scheduleValue: '*/20 * * * *' });
    world.scheduler?.changed();
    await world.clock.advance(HOUR_MS);
    expect(world.runWaiting()).toEqual([]);
    expect(world.dues(task.id)).toEqual(every('2026-11-02T08:10:00Z', 10 * MINUTE_MS, 12));
    await world.clock.advance(20 * MINUTE_MS);
    expect(world.runWaiting()).toEqual([task.id]);
  });

  it('does not put off later runs that make up for missed ones', async () => {
    const world = new TaskWorld();
    for (let n = 0; n < 30; n += 1) world.add('0 9 * * *', { folder: `g-${n}` });
    world.start();
    world.clock.jump(DAY_MS);
    await world.clock.advance(30_000);
    world.clock.jump(-DAY_MS);
    const late = world.add('0 9 * * *', { folder: 'late' });
    await world.clock.advance(10 * MINUTE_MS);
    world.clock.jump(2 * HOUR_MS);
    await world.clock.advance(LOOK_MS);
    const [run] = world.runs(late.id);
    // At once when the look that noticed claimed it.
    const waitedMs = world.clock.now() - Date.parse(run?.not_before ?? '');
    expect(waitedMs).toBeGreaterThanOrEqual(0);
    expect(waitedMs).toBeLessThanOrEqual(LOOK_MS);
  });
});

describe('a clock that is set forward a day', () => {
  it.each([
    // 08:00 → the next day 08:00:30; the latest of the missed instants is 08:00, on time by half a minute
    ['0 * * * *', 'run_once', 24, 'runs'],
    ['0 * * * *', 'skip', 24, 'runs'],
    // the latest is 07:30, half an hour late
    ['30 * * * *', 'run_once', 24, 'runs'],
    ['30 * * * *', 'skip', 24, 'skipped'],
    ['30 * * * *', 'within:2h', 24, 'runs'],
    ['30 * * * *', 'within:20m', 24, 'skipped'],
    ['0 9 * * *', 'within:2h', 1, 'skipped'],
    ['0 9 * * *', 'run_once', 1, 'runs'],
  ])('%s with %s: %i instants, the latest %s', async (schedule, misfire, count, what) => {
    const world = new TaskWorld();
    const task = world.add(schedule, { misfire });
    world.start();
    world.clock.jump(DAY_MS);
    await world.clock.advance(30_000);
    const runs = world.runs();
    expect(runs).toHaveLength(count);
    expect(new Set(runs.map(({ due }) => due)).size).toBe(count);
    const latest = runs.at(-1);
    for (const run of runs.slice(0, -1)) {
      expect(run).toMatchObject({ state: 'finished', outcome: 'skipped' });
      expect(run.reason).toMatch(/missed/);
      expect(run.lateness_ms).toBe(world.clock.now() - Date.parse(run.due));
    }
    if (what === 'runs') {
      expect(latest).toMatchObject({ state: 'due', outcome: null, missed: count - 1 });
      expect(world.runWaiting()).toEqual([task.id]);
    } else {
      expect(latest).toMatchObject({ state: 'finished', outcome: 'skipped', not_before: null });
      expect(world.runWaiting()).toEqual([]);
    }
    expect(Date.parse(world.task(task.id).nextRun ?? '')).toBeGreaterThan(world.clock.now());
  });
});

describe('a daemon that was stopped for a day', () => {
  it('accounts for every instant of every task by its own choice', async () => {
    const world = new TaskWorld();
    const hourly = world.add('30 * * * *');
    const skipping = world.add('30 * * * *', { misfire: 'skip' });
    const within = world.add('0 6 * * *', { misfire: 'within:3h' });
    const tooLate = world.add('0 4 * * *', { misfire: 'within:3h' });
    const interval = world.add('7h');
    const once = world.add('2026-11-02T12:00');
    const onceSkipped = world.add('2026-11-02T12:00', { misfire: 'skip' });
    world.start();
    await world.clock.advance(1000);
    world.restart(DAY_MS);

    const outcomes = (id: string) => world.runs(id).map(({ due, outcome }) => [due.slice(5, 16), outcome]);
    expect(world.dues(hourly.id)).toEqual(every('2026-11-02T08:30:00Z', HOUR_MS, 24));
    expect(world.runs(hourly.id).filter(({ outcome }) => outcome === null)).toMatchObject([
      { due: '2026-11-03T07:30:00.000Z', missed: 23 },
    ]);
    expect(world.runs(skipping.id).map(({ outcome }) => outcome)).toEqual(Array(24).fill('skipped'));
    expect(outcomes(within.id)).toEqual([['11-03T06:00', null]]);
    expect(outcomes(tooLate.id)).toEqual([['11-03T04:00', 'skipped']]);
    expect(outcomes(interval.id)).toEqual([
      ['11-02T15:00', 'skipped'],
      ['11-02T22:00', 'skipped'],
      ['11-03T05:00', null],
    ]);
    expect(world.task(interval.id).nextRun).toBe('2026-11-03T12:00:00.000Z');
    expect(outcomes(once.id)).toEqual([['11-02T12:00', null]]);
    expect(world.task(once.id)).toMatchObject({ status: 'active', nextRun: null });
    expect(outcomes(onceSkipped.id)).toEqual([['11-02T12:00', 'skipped']]);
    expect(world.task(onceSkipped.id)).toMatchObject({
      status: 'done',
      lastResult: expect.stringContaining('skipped'),
    });

    const waiting = world.runs().filter(({ state }) => state === 'due').length;
    await world.clock.advance(MINUTE_MS);
    expect(world.runWaiting()).toHaveLength(waiting);
    world.restart();
    expect(world.runs().filter(({ state }) => state === 'due')).toEqual([]);
  });

  it('starts forty late runs ten seconds apart', async () => {
    const world = new TaskWorld();
    for (let n = 0; n < 40; n += 1) world.add('0 9 * * *', { folder: `g-${n % 10}` });
    world.start();
    world.restart(DAY_MS);
    const begun: number[] = [];
    for (let second = 0; second <= 400; second += 1) {
      for (const _ of world.runWaiting()) begun.push(second * 1000);
      await world.clock.advance(1000);
    }
    expect(begun).toEqual(Array.from({ length: 40 }, (_, n) => n * CATCH_UP_SPACING_MS));
  });

  it('keeps to the spacing over another restart', async () => {
    const world = new TaskWorld();
    for (let n = 0; n < 10; n += 1) world.add('0 9 * * *');
    world.start();
    world.restart(DAY_MS);
    expect(world.runWaiting()).toHaveLength(1);
    world.restart(25_000);
    expect(world.runWaiting()).toHaveLength(2);
    await world.clock.advance(5000);
    expect(world.runWaiting()).toHaveLength(1);
  });

  it('judges again what was claimed and not begun', async () => {
    const world = new TaskWorld();
    const add = (misfire: string) => world.add('0 9 * * *', { misfire });
    const tasks = { once: add('run_once'), skip: add('skip'), near: add('within:2h'), far: add('within:2d') };
    const last = world.add('2026-11-02T09:00', { misfire: 'skip' });
    world.start();
    await world.clock.advance(HOUR_MS);
    expect(world.runs().every(({ state }) => state === 'due')).toBe(true);
    // Killed here, and back before the next instant.
    world.restart(23 * HOUR_MS);
    const state = (id: string) => world.runs(id).map(({ state, outcome }) => outcome ?? state);
    expect(state(tasks.once.id)).toEqual(['due']);
    expect(state(tasks.far.id)).toEqual(['due']);
    expect(state(tasks.skip.id)).toEqual(['skipped']);
    expect(state(tasks.near.id)).toEqual(['skipped']);
    expect(world.runs(tasks.near.id)[0]).toMatchObject({
      reason: 'missed by more than 2h',
      lateness_ms: 23 * HOUR_MS,
    });
    expect(state(last.id)).toEqual(['skipped']);
    expect(world.task(last.id)).toMatchObject({ status: 'done', nextRun: null });
  });

  it('that a run waits for its turn in the queue is no reason to skip it', async () => {
    const world = new TaskWorld();
    const task = world.add('0 9 * * *', { misfire: 'skip' });
    world.start();
    await world.clock.advance(2 * HOUR_MS);
    expect(world.runWaiting()).toEqual([task.id]);
  });

  it('sums up a stop that was longer than rows are kept for', async () => {
    const world = new TaskWorld();
    const task = world.add('1m');
    world.start();
    world.restart(3 * DAY_MS);
    const runs = world.runs(task.id);
    expect(runs).toHaveLength(MAX_MISSED_ROWS);
    expect(runs.at(-1)).toMatchObject({ state: 'due', missed: 3 * 24 * 60 - 1 });
    expect(runs.at(-1)?.due).toBe('2026-11-05T08:00:00.000Z');
  });

  it('keeps few rows of a month of a task that runs every minute', async () => {
    const world = new TaskWorld('2026-03-10T08:00:00.000Z');
    const task = world.add('* * * * *', { timezone: 'Europe/Berlin' }); // the clocks change in between
    world.start();
    world.restart(30 * DAY_MS);
    expect(world.runs(task.id)).toHaveLength(MAX_MISSED_ROWS);
    expect(world.runs(task.id).at(-1)).toMatchObject({ state: 'due', missed: 30 * 24 * 60 - 1 });
  });
});

describe('a task never overlaps itself', () => {
  it('what comes due while a run goes on is skipped, and then it goes on', async () => {
    const world = new TaskWorld();
    const task = world.add('10m');
    world.start();
    await world.clock.advance(10 * MINUTE_MS);
    expect(world.runWaiting({ hold: true })).toEqual([task.id]);
    await world.clock.advance(25 * MINUTE_MS);
    expect(world.runs().map(({ outcome, reason }) => [outcome, reason])).toEqual([
      [null, null],
      ['skipped', 'the run before was still going on'],
      ['skipped', 'the run before was still going on'],
    ]);
    world.db.sqlite.exec("UPDATE task_runs SET state = 'finished', outcome = 'ok' WHERE state = 'running'");
    await world.clock.advance(5 * MINUTE_MS);
    expect(world.runWaiting()).toEqual([task.id]);
    expect(world.dues(task.id)).toEqual(every('2026-11-02T08:10:00Z', 10 * MINUTE_MS, 4));
  });

  it('also when the run before has only been waiting', async () => {
    const world = new TaskWorld();
    world.add('10m');
    world.start();
    await world.clock.advance(60 * MINUTE_MS);
    expect(world.runs().map(({ state }) => state)).toEqual(['due', ...Array(5).fill('finished')]);
  });
});

describe('an interval keeps its phase', () => {
  it('over restarts, runs that take long, and pauses', async () => {
    const world = new TaskWorld('2026-11-02T08:00:00.123Z');
    const task = world.add('7m');
    const phase = () =>
      (Date.parse(world.task(task.id).nextRun ?? '') - Date.parse(task.anchor)) % (7 * MINUTE_MS);
    world.start();
    for (const downMs of [0, 999, 61_000, 3 * HOUR_MS + 17]) {
      await world.clock.advance(8 * MINUTE_MS + 1234);
      world.runWaiting();
      world.restart(downMs);
      expect(phase()).toBe(0);
    }
    pauseTask(world.rules, world.task(task.id), 'test');
    await world.clock.advance(3 * MINUTE_MS + 11);
    resumeTask(world.rules, world.task(task.id), false);
    expect(phase()).toBe(0);
    const dues = world.runs(task.id).map(({ due }) => Date.parse(due) - Date.parse(task.anchor));
    expect(dues.every((ms) => ms % (7 * MINUTE_MS) === 0)).toBe(true);
    // Without a gap either.
    expect(dues.map((ms) => ms / (7 * MINUTE_MS))).toEqual(dues.map((_, n) => n + 1));
  });
});

describe('once', () => {
  it('fires once, over restarts and clocks that are set back', async () => {
    const world = new TaskWorld();
    const task = world.add('2026-11-02T09:00');
    world.start();
    await world.clock.advance(HOUR_MS);
    expect(world.runWaiting()).toEqual([task.id]);
    world.clock.jump(-HOUR_MS);
    world.restart();
    await world.clock.advance(2 * HOUR_MS);
    expect(world.runs()).toHaveLength(1);
    expect(world.task(task.id).nextRun).toBeNull();
  });

  it('that passed while it was paused runs only when that is asked for', async () => {
    const world = new TaskWorld();
    const task = world.add('2026-11-02T09:00');
    world.start();
    pauseTask(world.rules, task, 'test');
    await world.clock.advance(2 * HOUR_MS);
    expect(() => resumeTask(world.rules, world.task(task.id), false)).toThrow('in the past');
    expect(world.task(task.id).status).toBe('paused');
    resumeTask(world.rules, world.task(task.id), true);
    expect(world.runWaiting()).toEqual([task.id]);
  });
});

describe('resume', () => {
  it('does not fire what was missed', async () => {
    const world = new TaskWorld();
    const task = world.add('0 * * * *');
    world.start();
    pauseTask(world.rules, world.task(task.id), 'test');
    await world.clock.advance(5 * HOUR_MS + MINUTE_MS);
    resumeTask(world.rules, world.task(task.id), false);
    world.scheduler?.changed();
    await world.clock.advance(MINUTE_MS);
    expect(world.runs()).toEqual([]);
    expect(world.task(task.id).nextRun).toBe('2026-11-02T14:00:00.000Z');
  });

  it('fires one run when it is asked to', async () => {
    const world = new TaskWorld();
    const task = world.add('0 * * * *');
    world.start();
    pauseTask(world.rules, world.task(task.id), 'test');
    await world.clock.advance(5 * HOUR_MS + MINUTE_MS);
    resumeTask(world.rules, world.task(task.id), true);
    world.scheduler?.changed();
    await world.clock.advance(0);
    expect(world.runs()).toMatchObject([{ state: 'due', origin: 'resume' }]);
  });
});

describe('on days when the clocks change', () => {
  // zone, a morning before, the runs of `30 2 * * *` on three days, in UTC
  it.each([
    ['Europe/Berlin', '2026-03-28T00:00:00.000Z', ['03-28T01:30', '03-29T01:30', '03-30T00:30']],
    ['America/New_York', '2026-03-07T06:00:00.000Z', ['03-07T07:30', '03-08T07:30', '03-09T06:30']],
    ['Australia/Sydney', '2026-10-02T12:00:00.000Z', ['10-02T16:30', '10-03T16:30', '10-04T15:30']],
    ['Europe/Berlin', '2026-10-24T00:00:00.000Z', ['10-24T00:30', '10-25T00:30', '10-26T01:30']],
    ['America/New_York', '2026-10-31T05:00:00.000Z', ['10-31T06:30', '11-01T07:30', '11-02T07:30']],
    ['Australia/Sydney', '2026-04-03T12:00:00.000Z', ['04-03T15:30', '04-04T15:30', '04-05T16:30']],
  ])('02:30, every half hour and every day in %s from %s', async (timezone, startAt, nights) => {
    const world = new TaskWorld(startAt);
    const night = world.add('30 2 * * *', { timezone });
    const halfHours = world.add('*/30 * * * *', { timezone });
    const daily = world.add('1d', { timezone });
    world.start();
    // Ten seconds short, so that the last look does not fall on an instant of the fourth day.
    for (let n = 0; n < 3 * 48; n += 1) {
      await world.clock.advance(30 * MINUTE_MS - (n === 0 ? 10_000 : 0));
      world.runWaiting();
    }
    await world.clock.advance(10_000);
    world.runWaiting();
    expect(world.dues(night.id).map((due) => due.slice(5, 16))).toEqual(nights);
    expect(world.dues(halfHours.id)).toEqual(every(iso(startAt, 30 * MINUTE_MS), 30 * MINUTE_MS, 3 * 48));
    expect(world.dues(daily.id)).toEqual(every(iso(startAt, DAY_MS), DAY_MS, 3));
    expect(world.runs().every(({ outcome, missed }) => outcome === 'ok' && missed === 0)).toBe(true);
  });

  it('a daemon that slept through the change accounts for the same instants', async () => {
    const startAt = '2026-10-24T12:00:00.000Z';
    const world = new TaskWorld(startAt);
    const night = world.add('30 2 * * *', { timezone: 'Europe/Berlin' });
    const halfHours = world.add('*/30 * * * *', { timezone: 'Europe/Berlin' });
    world.start();
    world.restart(DAY_MS);
    expect(world.dues(night.id)).toEqual(['2026-10-25T00:30:00']);
    expect(world.dues(halfHours.id)).toEqual(every(iso(startAt, 30 * MINUTE_MS), 30 * MINUTE_MS, 48));
  });
});

const iso = (from: string, laterMs: number): string => new Date(Date.parse(from) + laterMs).toISOString();
