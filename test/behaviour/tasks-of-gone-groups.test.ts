/** A group that is unregistered leaves no run behind that would wait for ever, and takes its tasks along when it returns. */
import { expect, it } from 'vitest';
import { registerGroup, removeGroup } from '../../src/registry.ts';
import { pauseTask, runTaskNow, scheduleTask, type TaskRules } from '../../src/tasks.ts';
import { createWorld, type World } from '../support/world.ts';

const rulesOf = ({ db, clock }: World): TaskRules => ({ db, now: () => clock.now(), defaultTimezone: 'UTC' });

function worldWithTask() {
  const world = createWorld();
  const group = world.register();
  const rules = rulesOf(world);
  const task = scheduleTask(
    rules,
    group,
    { prompt: 'look', scheduleType: 'cron', scheduleValue: '0 9 * * *' },
    'test',
  );
  return { world, group, rules, task };
}

it('a task of a group that is gone cannot be run', () => {
  const { world, group, rules, task } = worldWithTask();
  removeGroup(world.registry, group, 'operator');
  expect(() => runTaskNow(rules, task, 'operator')).toThrow('not registered');
  expect(world.db.taskRuns.open(task.id)).toBeNull();
});

it('a run that was asked for of a paused task is skipped with its group', () => {
  const { world, group, rules, task } = worldWithTask();
  runTaskNow(rules, pauseTask(rules, task, 'test'), 'operator');
  removeGroup(world.registry, group, 'operator');
  const [run] = world.db.taskRuns.ofTask(task.id, 5);
  expect(run).toMatchObject({ state: 'finished', outcome: 'skipped', reason: 'the group was unregistered' });
});

it('a folder that is registered for another chat brings its tasks along', () => {
  const { world, group, task } = worldWithTask();
  removeGroup(world.registry, group, 'operator');
  registerGroup(world.registry, { chatJid: '-1009', name: 'Family', folder: 'family' }, 'operator');
  expect(world.db.tasks.byId(task.id)?.chatJid).toBe('-1009');
});
