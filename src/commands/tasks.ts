/** nanoclaw tasks list | add | pause | resume | cancel | run | runs | preview */
import type { Command } from 'commander';
import type { Task } from '../db/tasks.ts';
import type { Db } from '../db.ts';
import { NanoClawError } from '../errors.ts';
import { localTime } from '../lib/local-time.ts';
import { scheduleTypeOf } from '../next-run.ts';
import {
  cancelTask,
  describeNext,
  describePreview,
  describeSchedule,
  findTask,
  pauseTask,
  previewOf,
  resumeTask,
  runTaskNow,
  scheduleTask,
  type TaskRules,
  titleOf,
} from '../tasks.ts';
import { iso } from '../types.ts';
import { REASONS } from '../words.ts';
import { findGroup, type Output, print, readDb, withDb } from './context.ts';
import { limitOf, oneOf } from './listing.ts';
import { oneLine, table } from './table.ts';
import { previewCommand } from './tasks/preview.ts';
import { runToJson, toJson } from './tasks/records.ts';

const TASK_HELP = 'id of the task, as tasks list shows it';
const STATUSES = ['active', 'paused', 'done', 'cancelled'] as const;

export function tasksCommand(program: Command): void {
  const tasks = program.command('tasks').description('list, change and preview scheduled tasks');
  listCommands(tasks);
  addCommand(tasks);
  changeCommands(tasks);
  previewCommand(tasks);
}

function listCommands(tasks: Command): void {
  tasks
    .command('list')
    .description('active and paused tasks')
    .option('--group <group>', 'only of this group (chat id or folder)')
    .option('--all', 'also those that are done or cancelled')
    .option('--status <status>', `only these: ${STATUSES.join(', ')}`)
    .option('--json', 'machine-readable')
    .action((options: Output & { group?: string; all?: boolean; status?: string }) =>
      readDb((db) => {
        const of =
          options.group === undefined
            ? db.tasks.all()
            : db.tasks.ofGroup(findGroup(db, options.group).folder);
        const status = options.status === undefined ? null : oneOf('--status', options.status, STATUSES);
        const shown = of.filter((t) =>
          status === null
            ? options.all || t.status === 'active' || t.status === 'paused'
            : t.status === status,
        );
        const rows = shown.map((t) => [
          t.id,
          t.folder,
          describeSchedule(t),
          describeNext(t),
          t.lastResult ?? '-',
          oneLine(titleOf(t), 50),
        ]);
        const text =
          rows.length === 0
            ? 'No tasks.'
            : table([['TASK', 'GROUP', 'SCHEDULE', 'NEXT', 'LAST', 'WHAT'], ...rows]);
        print(options, shown.map(toJson), text);
      }),
    );

  tasks
    .command('runs')
    .description('the latest runs of a task, newest first')
    .argument('<task>', TASK_HELP)
    .option('--limit <n>', 'how many', '20')
    .option('--json', 'machine-readable')
    .action((id: string, options: Output & { limit: string }) =>
      readDb((db) => {
        const task = findTask({ db }, id, null);
        const runs = db.taskRuns.ofTask(task.id, limitOf(options.limit));
        const rows = runs.map((r) => [
          localTime(Date.parse(r.due), task.timezone),
          r.outcome ?? r.state,
          r.latenessMs === null ? '-' : `${Math.round(r.latenessMs / 1000)} s`,
          String(r.attempt),
          r.delivered === null ? '-' : r.delivered ? 'yes' : 'no',
          r.reason ?? r.error ?? '',
        ]);
        const head = ['DUE', 'OUTCOME', 'LATE', 'ATTEMPTS', 'DELIVERED', 'WHY'];
        print(
          options,
          runs.map(runToJson),
          rows.length === 0 ? 'It has not run yet.' : table([head, ...rows]),
        );
      }),
    );
}

interface AddOptions extends Output {
  group: string;
  schedule: string;
  tz?: string;
  context?: string;
  misfire?: string;
  script?: string;
}

function addCommand(tasks: Command): void {
  tasks
    .command('add')
    .description('schedule a task')
    .argument('[prompt...]', 'what to do, in words; none: the script is all, and its output is posted')
    .requiredOption('--group <group>', 'chat id or folder')
    .requiredOption('--schedule <when>', '"0 9 * * 1-5", "2h" or "2026-12-24T18:00"')
    .option('--tz <zone>', "IANA zone (default: the group's)")
    .option('--context <mode>', 'group or isolated', 'group')
    .option('--misfire <choice>', 'run_once, skip or within:<duration>', 'run_once')
    .option(
      '--script <text>',
      'run before the agent is woken, which it decides; without a prompt, instead of it',
    )
    .option('--json', 'machine-readable')
    .action((words: string[], options: AddOptions) =>
      change((db, rules) => {
        if (options.context !== 'group' && options.context !== 'isolated') {
          throw new NanoClawError(
            'TASK_INVALID',
            `--context: expected group or isolated, got "${options.context}"`,
          );
        }
        const group = findGroup(db, options.group);
        const task = scheduleTask(
          rules,
          group,
          {
            prompt: words.join(' '),
            scheduleType: scheduleTypeOf(options.schedule),
            scheduleValue: options.schedule,
            timezone: options.tz,
            contextMode: options.context,
            misfire: options.misfire,
            script: options.script,
          },
          'operator',
        );
        audit(db, task, 'schedule_task');
        const preview = previewOf(rules, task, group);
        print(
          options,
          { ...toJson(task), preview },
          `Scheduled ${task.id}: ${describeNext(task)}.\n${describePreview(preview)}`,
        );
      }),
    );
}

function changeCommands(tasks: Command): void {
  const verb = (
    name: string,
    description: string,
    act: (rules: TaskRules, task: Task, options: { missed?: boolean }) => string,
  ) => {
    const command = tasks
      .command(name)
      .description(description)
      .argument('<task>', TASK_HELP)
      .option('--json', 'machine-readable');
    if (name === 'resume') command.option('--missed', 'also one run for what was missed');
    command.action((id: string, options: Output & { missed?: boolean }) =>
      change((db, rules) => {
        const task = findTask(rules, id, null);
        const text = act(rules, task, options);
        audit(db, task, `${name}_task`);
        print(options, toJson(findTask({ db }, id, null)), text);
      }),
    );
  };
  verb('pause', 'no further runs until it is resumed', (rules, task) => {
    pauseTask(rules, task, REASONS.pausedBy('the operator'));
    return `Task ${task.id} is paused.`;
  });
  verb('resume', 'from now on; what was missed is not made up for', (rules, task, options) => {
    const resumed = resumeTask(rules, task, options.missed ?? false);
    return `Task ${task.id} is active again, ${describeNext(resumed)}.`;
  });
  verb('cancel', 'for good', (rules, task) => {
    cancelTask(rules, task);
    return `Task ${task.id} is cancelled.`;
  });
  verb('run', 'once, as soon as its group has time', (rules, task) => {
    runTaskNow(rules, task, 'operator');
    return `Task ${task.id} runs as soon as its group has time.`;
  });
}

/** With the daemon running or stopped; a running one notices at once. */
function change(work: (db: Db, rules: TaskRules) => void): Promise<void> {
  return withDb((db, config) => {
    const rules: TaskRules = {
      db,
      now: Date.now,
      defaultTimezone: config.timezone,
      limits: { minIntervalMs: config.minTaskIntervalMs },
    };
    db.transaction(() => work(db, rules));
  });
}

function audit(db: Db, task: Task, action: string): void {
  const at = iso(Date.now());
  db.audit.note({ at, actor: 'operator', group: task.folder, action, outcome: 'done', detail: task.id });
}
