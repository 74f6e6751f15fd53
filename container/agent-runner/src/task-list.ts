/** The tasks of the snapshot in/current_tasks.json, in words: one line each, for the model and for people. Pure. */
import type { CurrentTasks } from '../../../src/protocol.ts';

export type ListedTask = CurrentTasks['tasks'][number];

const LISTED_TASKS = 100;
const EXCERPT_LENGTH = 80;

/** `showGroup` names each task's group, for main. */
export function describeTasks(tasks: readonly ListedTask[], showGroup: boolean): string {
  if (tasks.length === 0) return 'There are no scheduled tasks.';
  const lines = inOrder(tasks)
    .slice(0, LISTED_TASKS)
    .map((task) => describeTask(task, showGroup));
  const left = tasks.length - lines.length;
  const more = left > 0 ? [`and ${left} more, in current_tasks.json of the mailbox`] : [];
  return [`${tasks.length} scheduled ${tasks.length === 1 ? 'task' : 'tasks'}:`, ...lines, ...more].join(
    '\n',
  );
}

/** `- t2k4m9: cron 0 9 * * 1-5 (Europe/Berlin), next run 2026-11-03 09:00:00 Tue: “Send an overview”` */
export function describeTask(task: ListedTask, showGroup: boolean): string {
  const facts = [
    `${task.schedule_type} ${task.schedule_value} (${task.timezone})`,
    ...(task.status === 'active' ? [] : [task.status]),
    ...(task.next_run_local === null ? [] : [`next run ${task.next_run_local}`]),
    ...(task.context_mode === 'isolated' ? ['isolated'] : []),
    ...(task.last_result === null ? [] : [`last result ${task.last_result}`]),
    ...(showGroup ? [`group ${task.group_folder}`] : []),
  ];
  return `- ${task.id}: ${facts.join(', ')}: ${task.prompt === '' ? 'a script alone' : `“${excerpt(task.prompt)}”`}`;
}

/** The next to run first; those without a next run last. */
function inOrder(tasks: readonly ListedTask[]): ListedTask[] {
  const key = (task: ListedTask) => `${task.next_run ?? '~'} ${task.id}`;
  return [...tasks].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

function excerpt(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > EXCERPT_LENGTH ? `${line.slice(0, EXCERPT_LENGTH).toWellFormed()}…` : line;
}
