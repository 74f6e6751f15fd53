/** current_tasks.json with thousands of tasks: written when something changed, and never all in one go. Work is counted. */
import { readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { databaseFile } from '../../src/db/open.ts';
import { createDb } from '../../src/db.ts';
import { createTaskSnapshots, TASKS_AT_ONCE } from '../../src/ipc/snapshots.ts';
import { groupPaths } from '../../src/mailbox/layout.ts';
import type { CurrentTasks } from '../../src/protocol.ts';
import { scheduleTask } from '../../src/tasks.ts';
import type { Group } from '../../src/types.ts';
import { createTestLog, createWorld } from '../support/world.ts';

function setUp(tasksEach: number) {
  const world = createWorld();
  const { db, clock, home } = world;
  const main = world.register({ chatJid: '1', name: 'Main', folder: 'main', isMain: true });
  const garden = world.register({ chatJid: '-2', name: 'Garden', folder: 'garden' });
  const family = world.register();
  const rules = { db, now: () => clock.now(), defaultTimezone: 'Europe/Berlin' };
  const add = (group: Group, count: number) => {
    for (let i = 0; i < count; i += 1)
      scheduleTask(
        rules,
        group,
        { prompt: `p ${i}`, scheduleType: 'cron', scheduleValue: '0 9 * * *' },
        'test',
      );
  };
  for (const group of [main, garden, family]) add(group, tasksEach);
  const counted = { reads: [] as number[] };
  const openAfter: typeof db.tasks.openAfter = (after, limit) => {
    const page = db.tasks.openAfter(after, limit);
    counted.reads.push(page.tasks.length);
    return page;
  };
  const snapshots = createTaskSnapshots({
    db: { ...db, tasks: { ...db.tasks, openAfter } },
    home,
    clock,
    log: createTestLog().log,
  });
  const file = (group: Group) => path.join(groupPaths(home, group.folder).mailbox, 'in/current_tasks.json');
  const shown = (group: Group) => JSON.parse(readFileSync(file(group), 'utf8')) as CurrentTasks;
  return { ...world, main, garden, family, add, snapshots, counted, file, shown };
}

it('is not written again before a turn when no task has changed', async () => {
  const { snapshots, family, file, add, shown, db } = setUp(3);
  await snapshots.writeIfChanged(family);
  const { ino } = statSync(file(family));
  await snapshots.writeIfChanged(family);
  expect(statSync(file(family)).ino).toBe(ino);
  add(family, 1);
  await snapshots.writeIfChanged(family);
  expect(shown(family).tasks).toHaveLength(4);
  const [task] = db.tasks.openOf(family.folder);
  db.tasks.setStatus(task?.id ?? '', 'cancelled', null);
  await snapshots.writeIfChanged(family);
  expect(shown(family).tasks).toHaveLength(3);
});

it('is written again when another process has changed a task, or the file is gone', async () => {
  const { snapshots, family, file, shown, home, db } = setUp(1);
  await snapshots.writeIfChanged(family);
  const other = createDb(databaseFile(home));
  other.tasks.setStatus(db.tasks.openOf(family.folder)[0]?.id ?? '', 'paused', 'by hand');
  other.close();
  await snapshots.writeIfChanged(family);
  expect(shown(family).tasks[0]).toMatchObject({ status: 'paused' });
  rmSync(file(family));
  await snapshots.writeIfChanged(family);
  expect(shown(family).tasks).toHaveLength(1);
});

it('of main is read some hundred tasks at a time, others have their turn in between, and two who ask share it', async () => {
  const { snapshots, main, clock, shown, counted } = setUp(TASKS_AT_ONCE);
  let done = 0;
  const both = [snapshots.writeIfChanged(main), snapshots.writeIfChanged(main)];
  for (const each of both) void each.then(() => (done += 1));
  await clock.settle();
  expect(counted.reads).toEqual([TASKS_AT_ONCE]);
  expect(done).toBe(0);
  while (done < 2 && (await clock.next()));
  expect(counted.reads).toEqual([TASKS_AT_ONCE, TASKS_AT_ONCE, TASKS_AT_ONCE, 0]);
  const tasks = shown(main).tasks;
  expect(tasks).toHaveLength(3 * TASKS_AT_ONCE);
  expect(new Set(tasks.map(({ id }) => id)).size).toBe(tasks.length);
  expect(tasks.map((t) => t.group_folder)).toEqual(tasks.map((t) => t.group_folder).sort());
});
