/**
 * From a due instant to its one row in task_runs: when the scheduler looks, what one transaction holds, and what
 * happens when the database fails, a schedule cannot be computed, a group is gone or a thousand tasks are due at once.
 */
import { describe, expect, it } from 'vitest';
import { removeGroup } from '../../src/registry.ts';
import { LOOK_MS, WINDOW_MS } from '../../src/task-scheduler.ts';
import { cancelTask, pauseTask, resumeTask, runTaskNow, updateTask } from '../../src/tasks.ts';
import { iso } from '../../src/types.ts';
import { DAY_MS, every, HOUR_MS, MINUTE_MS, TaskWorld } from '../support/task-world.ts';

describe('the timer', () => {
  it('is set for the next due instant exactly, and for the one after', async () => {
    const world = new TaskWorld();
    const task = world.add('20s');
    world.start();
    expect(world.delays).toEqual([20_000]);
    await world.clock.advance(19_999);
    expect(world.runs()).toEqual([]);
    await world.clock.advance(1);
    expect(world.dues(task.id)).toEqual(['2026-11-02T08:00:20']);
    expect(world.woken).toEqual(['-1000']);
    world.runWaiting();
    await world.clock.advance(20_000);
    expect(world.dues(task.id)).toEqual(every('2026-11-02T08:00:20Z', 20_000, 2));
  });

  it('looks no more often than it says while nothing is due', async () => {
    const world = new TaskWorld();
    world.add('0 9 * * *');
    world.start();
    await world.clock.advance(30 * MINUTE_MS);
    expect(world.ticks).toBe((30 * MINUTE_MS) / LOOK_MS);
  });

  it('is set anew when a task is added, changed, paused, resumed or cancelled', async () => {
    const world = new TaskWorld();
    world.start();
    await world.clock.advance(1000);
    const task = world.add('5s');
    await world.clock.advance(5000);
    expect(world.dues(task.id)).toEqual(['2026-11-02T08:00:06']);
    world.runWaiting();

    updateTask(world.rules, world.task(task.id), { scheduleValue: '3s' });
    world.scheduler?.changed();
    await world.clock.advance(3000);
    expect(world.dues(task.id)).toEqual(['2026-11-02T08:00:06', '2026-11-02T08:00:09']);
    world.runWaiting();

    pauseTask(world.rules, world.task(task.id), 'test');
    world.scheduler?.changed();
    await world.clock.advance(HOUR_MS);
    expect(world.runs()).toHaveLength(2);

    resumeTask(world.rules, world.task(task.id), false);
    world.scheduler?.changed();
    await world.clock.advance(2999);
    expect(world.runs()).toHaveLength(2);
    await world.clock.advance(1);
    expect(world.runs()).toHaveLength(3);

    cancelTask(world.rules, world.task(task.id));
    world.scheduler?.changed();
    await world.clock.advance(HOUR_MS);
    expect(world.runs().at(-1)).toMatchObject({ outcome: 'skipped', reason: 'the task was cancelled' });
    expect(world.runs()).toHaveLength(3);
    expect(world.clock.timers()).toBe(1);
  });

  it('a run that was asked for is told of at once, not at the next look', async () => {
    const world = new TaskWorld();
    const task = world.add('0 9 * * *');
    world.start();
    await world.clock.advance(1000);
    runTaskNow(world.rules, world.task(task.id), 'test');
    world.scheduler?.changed();
    await world.clock.advance(0);
    expect(world.woken).toEqual(['-1000']);
  });

  it('wakes a run that was postponed when its time has come', async () => {
    const world = new TaskWorld();
    const task = world.add('10m');
    world.start();
    await world.clock.advance(10 * MINUTE_MS);
    world.runWaiting({ hold: true });
    const run = world.db.taskRuns.open(task.id);
    world.db.taskRuns.again(run?.id ?? 0, iso(world.clock.now() + 7000), 'no', true);
    world.scheduler?.changed();
    await world.clock.advance(0);
    world.woken.length = 0;
    await world.clock.advance(6999);
    expect(world.woken).toEqual([]);
    await world.clock.advance(1);
    expect(world.woken).toEqual(['-1000']);
  });

  it('notices within half a minute that the machine slept', async () => {
    const world = new TaskWorld();
    const task = world.add('0 9 * * *');
    world.start();
    world.clock.jump(2 * HOUR_MS);
    await world.clock.advance(LOOK_MS);
    expect(world.dues(task.id)).toEqual(['2026-11-02T09:00:00']);
  });

  it('does nothing any more once it is stopped', async () => {
    const world = new TaskWorld();
    world.add('5s');
    const scheduler = world.start();
    scheduler.stop();
    scheduler.changed();
    await world.clock.advance(HOUR_MS);
    expect(world.runs()).toEqual([]);
    expect(world.clock.timers()).toBe(0);
  });
});

describe('a claim is the row and the next instant, or nothing', () => {
  it.each([
    ['the row', 'BEFORE INSERT ON task_runs'],
    ['the next instant', 'BEFORE UPDATE OF next_run ON scheduled_tasks'],
  ])('when %s cannot be written', async (_, when) => {
    const world = new TaskWorld();
    const tasks = [world.add('20s'), world.add('20s', { folder: 'garden' })];
    world.start();
    world.db.sqlite.exec(`CREATE TRIGGER broken ${when} BEGIN SELECT RAISE(ABORT, 'no'); END`);
    await world.clock.advance(20_000);
    const before = world.ticks;
    await world.clock.advance(15_000);
    expect(world.runs()).toEqual([]);
    for (const { id, nextRun } of tasks) expect(world.task(id)).toMatchObject({ status: 'active', nextRun });
    expect(world.woken).toEqual([]);
    // It tries again, but is not kept busy by it.
    expect(world.ticks - before).toBe(3);
    expect(world.testLog.events('schedule_failed')).toHaveLength(4);

    world.db.sqlite.exec('DROP TRIGGER broken');
    await world.clock.advance(5000);
    for (const { id } of tasks) expect(world.dues(id)).toEqual(every('2026-11-02T08:00:20Z', 20_000, 2));
    expect(world.woken).toEqual(['-1000', '-1001']);
  });

  it('a full disk pauses nothing and loses nothing', async () => {
    const world = new TaskWorld();
    const { sqlite } = world.db;
    for (let n = 0; n < 300; n += 1) world.add('1m', { prompt: `task ${n} ${'x'.repeat(200)}` });
    world.start();
    const pages = sqlite.pragma('page_count', { simple: true }) as number;
    sqlite.pragma(`max_page_count = ${pages}`);
    await world.clock.advance(2 * MINUTE_MS);
    expect(world.testLog.events('schedule_failed').length).toBeGreaterThan(0);
    expect(sqlite.inTransaction).toBe(false);
    expect(world.db.tasks.all().every(({ status }) => status === 'active')).toBe(true);

    sqlite.pragma('max_page_count = 1000000');
    await world.clock.advance(5000);
    expect(world.runs()).toHaveLength(600);
    expect(new Set(world.runs().map(({ due }) => due))).toEqual(
      new Set(['2026-11-02T08:01:00.000Z', '2026-11-02T08:02:00.000Z']),
    );
  });

  it('an instant that has its row already brings no second one', async () => {
    const world = new TaskWorld();
    const task = world.add('0 9 * * *');
    world.db.taskRuns.add({
      taskId: task.id,
      chatJid: task.chatJid,
      due: task.nextRun ?? iso(0),
      origin: 'x',
    });
    world.runWaiting();
    world.start();
    await world.clock.advance(HOUR_MS);
    expect(world.runs()).toHaveLength(1);
    expect(world.runs()[0]).toMatchObject({ origin: 'x', outcome: 'ok' });
    expect(world.woken).toEqual([]);
    expect(world.task(task.id).nextRun).toBe('2026-11-03T09:00:00.000Z');
  });
});

describe('a task that cannot go on', () => {
  it.each([
    ['an unknown zone', { timezone: 'Mars/Base' }, 'Mars/Base'],
    ['a cron that is none', { schedule_value: '61 * * * *' }, 'minute field'],
    ['an interval that is none', { schedule_type: 'interval', schedule_value: 'soon' }, 'no interval'],
  ])('is paused with the reason and holds up nobody: %s', async (_, columns, reason) => {
    const world = new TaskWorld();
    const bad = world.add('0 9 * * *');
    const good = world.add('0 9 * * *');
    const set = Object.keys(columns).map((name) => `${name} = ?`);
    world.db.sqlite
      .prepare(`UPDATE scheduled_tasks SET ${set.join(', ')} WHERE id = ?`)
      .run(...Object.values(columns), bad.id);
    world.start();
    await world.clock.advance(HOUR_MS);
    expect(world.task(bad.id)).toMatchObject({ status: 'paused', nextRun: null });
    expect(world.task(bad.id).statusReason).toContain(reason);
    expect(world.runs(bad.id)).toEqual([]);
    expect(world.dues(good.id)).toEqual(['2026-11-02T09:00:00']);
    expect(world.testLog.events('task_due').filter((line) => line.task === bad.id)).toEqual([
      expect.objectContaining({ level: 40, msg: expect.stringContaining(reason) }),
    ]);
  });

  it('is paused when its group was unregistered, and what waited is not run', async () => {
    const world = new TaskWorld();
    const group = world.register('garden');
    const task = world.add('0 9 * * *', { folder: 'garden' });
    world.start();
    await world.clock.advance(HOUR_MS);
    const now = () => iso(world.clock.now());
    removeGroup({ db: world.db, home: world.home, assistantName: 'Nina', now }, group, 'test');
    world.scheduler?.changed();
    world.woken.length = 0;
    await world.clock.advance(2 * DAY_MS);
    expect(world.task(task.id)).toMatchObject({
      status: 'paused',
      statusReason: 'the group was unregistered',
    });
    expect(world.runs(task.id)).toMatchObject([{ outcome: 'skipped', reason: 'the group was unregistered' }]);
    expect(world.woken).toEqual([]);
    expect(() => resumeTask(world.rules, world.task(task.id), false)).toThrow('is not registered');
  });

  it('is paused also when the group has gone without a word', async () => {
    const world = new TaskWorld();
    const task = world.add('0 9 * * *');
    world.start();
    world.db.sqlite.exec('DELETE FROM registered_groups');
    await world.clock.advance(2 * DAY_MS);
    expect(world.task(task.id)).toMatchObject({ status: 'paused', nextRun: null });
    expect(world.task(task.id).statusReason).toContain('not registered any more');
    expect(world.runs()).toEqual([]);
  });
});

it('tasks that fall due one after the other are claimed together: none before its time, none later than the window', async () => {
  const world = new TaskWorld();
  const from = world.clock.now() + MINUTE_MS;
  world.db.transaction(() => {
    for (let n = 0; n < 1000; n += 1) world.add(iso(from + n), { folder: `g-${n % 25}` });
  });
  world.start();
  await world.clock.advance(MINUTE_MS - 1);
  expect(world.runs()).toEqual([]);
  const claimedAt = new Map<string, number>();
  world.ticks = 0;
  for (let ms = 0; ms < 1000 + WINDOW_MS; ms += 1) {
    await world.clock.advance(1);
    for (const { due } of world.runs()) if (!claimedAt.has(due)) claimedAt.set(due, world.clock.now());
  }
  expect(claimedAt.size).toBe(1000);
  const late = [...claimedAt].map(([due, at]) => at - Date.parse(due));
  expect(Math.min(...late)).toBe(0);
  expect(Math.max(...late)).toBeLessThanOrEqual(WINDOW_MS);
  // One commit each.
  expect(new Set(claimedAt.values()).size).toBe(1000 / WINDOW_MS + 1);
  expect(world.ticks).toBe(1000 / WINDOW_MS + 1);
});

it('a task that is due alone, long after the last, is claimed at its instant', async () => {
  const world = new TaskWorld();
  const first = world.clock.now() + MINUTE_MS;
  const [one, other] = [world.add(iso(first)), world.add(iso(first + WINDOW_MS + 1))];
  world.start();
  await world.clock.advance(MINUTE_MS);
  expect(world.dues(one.id)).toHaveLength(1);
  await world.clock.advance(WINDOW_MS);
  expect(world.dues(other.id)).toHaveLength(0);
  await world.clock.advance(1);
  expect(world.dues(other.id)).toHaveLength(1);
});

it('a thousand tasks due in the same second are all claimed, batch by batch, before any of them begins', async () => {
  const world = new TaskWorld();
  world.db.transaction(() => {
    for (let n = 0; n < 1000; n += 1) world.add('0 9 * * *', { folder: `g-${n % 25}` });
  });
  world.start();
  await world.clock.advance(HOUR_MS - 1);
  world.ticks = 0;
  await world.clock.advance(1);
  expect(world.runs()).toHaveLength(1000);
  expect(new Set(world.runs().map(({ due }) => due))).toEqual(new Set(['2026-11-02T09:00:00.000Z']));
  expect(world.ticks).toBe(1); // five batches of 200 in one go: nobody is woken before all are claimed
  expect(world.db.tasks.due(iso(world.clock.now()), 10)).toEqual([]);
  expect(new Set(world.woken).size).toBe(25);
});
