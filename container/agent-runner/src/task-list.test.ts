import { expect, test } from 'vitest';
import { describeTask, describeTasks, type ListedTask } from './task-list.ts';

const task: ListedTask = {
  id: 't2k4m9',
  group_folder: 'family',
  chat_jid: '-5',
  prompt: 'send me\n\nan overview',
  schedule_type: 'interval',
  schedule_value: '2h',
  timezone: 'Asia/Tokyo',
  context_mode: 'group',
  misfire: 'run_once',
  status: 'active',
  next_run: '2026-11-03T08:00:00.000Z',
  next_run_local: '2026-11-03 17:00:00 Tue',
  last_run: null,
  last_result: null,
};

test('a line says what, when and how it stands', () => {
  expect(describeTask(task, false)).toBe(
    '- t2k4m9: interval 2h (Asia/Tokyo), next run 2026-11-03 17:00:00 Tue: “send me an overview”',
  );
  const paused = { ...task, status: 'paused', next_run_local: null, last_result: 'failed: gate' };
  expect(describeTask({ ...paused, context_mode: 'isolated' }, true)).toBe(
    '- t2k4m9: interval 2h (Asia/Tokyo), paused, isolated, last result failed: gate, group family: “send me an overview”',
  );
  expect(describeTask({ ...task, prompt: '😀'.repeat(100) }, false).isWellFormed()).toBe(true);
});

test('the next to run comes first, one without a next run last, and what is left out is counted', () => {
  const tasks = Array.from({ length: 120 }, (_, n) => ({
    ...task,
    id: `t${n}`,
    next_run: n === 0 ? null : `2026-11-03T08:${String(60 - (n % 60)).padStart(2, '0')}:00.000Z`,
  }));
  const lines = describeTasks(tasks, false).split('\n');
  expect(lines[0]).toBe('120 scheduled tasks:');
  expect(lines[1]).toMatch(/^- t119:|^- t59:/);
  expect(lines.at(-1)).toMatch(/^and 20 more/);
  expect(lines.some((line) => line.startsWith('- t0:'))).toBe(false);
  expect(describeTasks([], true)).toBe('There are no scheduled tasks.');
  expect(describeTasks([task], true)).toMatch(/^1 scheduled task:\n- t2k4m9/);
});
