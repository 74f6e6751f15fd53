/** The task commands of agents. As in commands.ts: inside the transaction that notes the command. */
import { NanoClawError } from '../errors.ts';
import { mayCommand } from '../policy.ts';
import type { Command } from '../protocol/commands.ts';
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
  type TaskInput,
  type TaskRules,
  updateTask,
} from '../tasks.ts';
import type { ChatJid, Group } from '../types.ts';
import { REASONS } from '../words.ts';

export type TaskCommand = Extract<
  Command,
  {
    type:
      | 'schedule_task'
      | 'preview_task'
      | 'pause_task'
      | 'resume_task'
      | 'cancel_task'
      | 'run_task'
      | 'update_task';
  }
>;

const TASK_COMMANDS: ReadonlySet<string> = new Set<TaskCommand['type']>([
  'schedule_task',
  'preview_task',
  'pause_task',
  'resume_task',
  'cancel_task',
  'run_task',
  'update_task',
]);

export const isTaskCommand = (command: Command): command is TaskCommand => TASK_COMMANDS.has(command.type);

export interface TaskEffect {
  detail: string;
  /** The chat whose tasks have changed. */
  tasksChanged?: ChatJid;
}

/** `target` is the group that schedule_task names, else the asker. `threadId`: the topic of the running turn. */
export function runTaskCommand(
  rules: TaskRules,
  asker: Group,
  target: Group,
  threadId: number | null,
  command: TaskCommand,
): TaskEffect {
  const by = `agent:${asker.folder}`;
  switch (command.type) {
    case 'schedule_task': {
      const topic = target.chatJid === asker.chatJid ? threadId : null;
      const task = scheduleTask(rules, target, inputOf(command), by, topic);
      const preview = describePreview(previewOf(rules, task, target));
      const where = target.chatJid === asker.chatJid ? '' : ` in "${target.name}"`;
      return {
        detail: `Scheduled${where} as ${task.id}: ${describeSchedule(task)}, ${describeNext(task)}. ${preview}`,
        tasksChanged: task.chatJid,
      };
    }
    case 'preview_task':
      return { detail: describePreview(previewOf(rules, inputOf(command), asker)) };
    default:
      return changeTask(rules, asker, command, by);
  }
}

type ChangeCommand = Exclude<TaskCommand, { type: 'schedule_task' | 'preview_task' }>;

function changeTask(rules: TaskRules, asker: Group, command: ChangeCommand, by: string): TaskEffect {
  const task = findTask(rules, command.task_id, asker);
  const verdict = mayCommand(asker, command.type, { folder: task.folder });
  if (!verdict.allowed) throw new NanoClawError('COMMAND_REFUSED', verdict.reason);
  const tasksChanged = task.chatJid;
  switch (command.type) {
    case 'pause_task':
      pauseTask(rules, task, REASONS.pausedBy(by));
      return { detail: `Task ${task.id} is paused.`, tasksChanged };
    case 'resume_task': {
      const resumed = resumeTask(rules, task, command.run_missed ?? false);
      return { detail: `Task ${task.id} is active again, ${describeNext(resumed)}.`, tasksChanged };
    }
    case 'cancel_task':
      cancelTask(rules, task);
      return { detail: `Task ${task.id} is cancelled.`, tasksChanged };
    case 'run_task':
      runTaskNow(rules, task, by);
      return { detail: `Task ${task.id} runs once as soon as its group has time.`, tasksChanged };
    case 'update_task': {
      const changed = updateTask(rules, task, inputOf(command));
      return {
        detail: `Task ${task.id} is changed: ${describeSchedule(changed)}, ${describeNext(changed)}.`,
        tasksChanged,
      };
    }
  }
}

function inputOf<T extends object>(
  command: T & {
    prompt?: string | undefined;
    schedule_type?: TaskInput['scheduleType'] | undefined;
    schedule_value?: string | undefined;
    timezone?: string | undefined;
    context_mode?: TaskInput['contextMode'] | undefined;
    misfire?: string | undefined;
    script?: string | undefined;
  },
): TaskInput {
  return {
    prompt: command.prompt,
    scheduleType: command.schedule_type as TaskInput['scheduleType'],
    scheduleValue: command.schedule_value as string,
    timezone: command.timezone,
    contextMode: command.context_mode,
    misfire: command.misfire,
    script: command.script,
  };
}
