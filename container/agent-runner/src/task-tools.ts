/**
 * The tools for scheduled tasks. The host checks schedules and computes runs; here stands what the model has to
 * know to ask rightly. Every answer is the host's own, with the next runs in the task's zone.
 */
import { z } from 'zod';
import { currentTasksSchema } from '../../../src/protocol.ts';
import type { CommandDraft } from './commands.ts';
import type { Mailbox } from './mailbox.ts';
import { describeTasks } from './task-list.ts';
import { chatArgument, define, failure, type Tool, type ToolResult } from './tool.ts';

export interface TaskToolsOptions {
  /** Leaves a command and tells what became of it. */
  send: (draft: CommandDraft) => Promise<ToolResult>;
  mailbox: Mailbox;
  isMain: boolean;
}

const prompt = z
  .string()
  .describe(
    'What to do at each run, complete in itself: the run sees this text, not the talk around it. Left out where the script is all.',
  );
const schedule_type = z.enum(['cron', 'interval', 'once']);
const schedule_value = z
  .string()
  .min(1)
  .describe(
    'cron: exactly five fields (minute hour day-of-month month weekday), "0 9 * * 1-5", or @hourly @daily @weekly ' +
      '@monthly @yearly; times are on the clock of the zone. interval: a length like "15m", "2h", "1d" (at least a ' +
      'minute), counted from now. once: local time in the zone without an offset, "2026-12-24T18:00".',
  );
const timezone = z
  .string()
  .min(1)
  .describe('IANA zone such as "Europe/Berlin"; leave out for the zone of the group');
const context_mode = z
  .enum(['group', 'isolated'])
  .describe(
    'group (default): runs in the conversation of the group and knows it. isolated: a fresh conversation at each ' +
      'run; better for routine work that needs only its prompt and the files.',
  );
const misfire = z
  .string()
  .describe(
    'When runs were missed because the machine was off: run_once (default) makes up for them with one late run, ' +
      'skip drops them, within:2h makes up only when it is not later than that.',
  );
const script = z
  .string()
  .describe(
    'Optional bash script that runs in the workspace, at most 60 seconds. Without a prompt it is the whole task: what ' +
      'it prints is posted to the chat as it is, nothing printed means nothing posted, and you are not woken. With a ' +
      'prompt it runs before you are woken, to save needless runs: its last line of output must be {"wakeAgent": true|false, "data": …}: false ends the run quietly, true ' +
      'wakes you and shows you the data. Anything else counts as a failed run; try it out with Bash first.',
  );
const task_id = z.string().min(1).describe('as list_tasks shows it, such as "t2k4m9"');

export function createTaskTools({ send, mailbox, isMain }: TaskToolsOptions): Tool[] {
  const target = isMain
    ? { chat_jid: chatArgument.optional().describe('the group that the task is for; without it, this one') }
    : {};
  const schedule = { schedule_type, schedule_value, timezone: timezone.optional() };
  const optional = {
    context_mode: context_mode.optional(),
    misfire: misfire.optional(),
    script: script.optional(),
  };

  return [
    define(
      'schedule_task',
      'Schedules work for later or again and again; you are woken with `prompt` at each run, and your answer is sent ' +
        'to the chat. Work that needs no thinking (a reminder with a fixed text, a check, a report) is a script without a prompt. ' +
        'The result names the task and its next five runs: check that they are what was meant, and tell ' +
        'people the next run from the result, never from your own reckoning. If it was refused, say so.',
      z.object({ prompt: prompt.optional(), ...schedule, ...optional, ...target }),
      (args) => send({ type: 'schedule_task', ...args }),
    ),
    define(
      'preview_task',
      'Shows the next five runs of a schedule, with notes about daylight saving, and changes nothing. Use it first ' +
        'when a schedule is unusual.',
      z.object(schedule),
      (args) => send({ type: 'preview_task', ...args }),
    ),
    isMain ? listAllTool(mailbox) : listOwnTool(mailbox),
    define(
      'update_task',
      'Changes a task; what is left out stays. A changed schedule counts from now. The result names the next run.',
      z.object({
        task_id,
        prompt: prompt.optional().describe('as in schedule_task; "" leaves the script alone'),
        schedule_type: schedule_type.optional().describe('give schedule_value as well'),
        schedule_value: schedule_value.optional(),
        timezone: timezone.optional(),
        ...optional,
        script: script.optional().describe('a new script, as in schedule_task; "" removes it'),
      }),
      (args) => send({ type: 'update_task', ...args }),
    ),
    define('pause_task', 'Pauses a task until it is resumed.', z.object({ task_id }), (args) =>
      send({ type: 'pause_task', ...args }),
    ),
    define(
      'resume_task',
      'Resumes a paused task from now on. What was missed is not made up for, unless run_missed asks for one run.',
      z.object({ task_id, run_missed: z.boolean().optional().describe('true: run once now as well') }),
      (args) => send({ type: 'resume_task', ...args }),
    ),
    define('cancel_task', 'Ends a task for good.', z.object({ task_id }), (args) =>
      send({ type: 'cancel_task', ...args }),
    ),
    define(
      'run_task',
      'Runs a task once as soon as its group has time, besides its schedule.',
      z.object({ task_id }),
      (args) => send({ type: 'run_task', ...args }),
    ),
  ];
}

const LISTED = 'id, schedule, next run, state, what to do';

const listOwnTool = (mailbox: Mailbox): Tool =>
  define('list_tasks', `Lists the active and paused tasks of this group: ${LISTED}.`, z.object({}), () =>
    listTasks(mailbox, false),
  );

const listAllTool = (mailbox: Mailbox): Tool =>
  define(
    'list_tasks',
    `Lists the active and paused tasks of all groups: ${LISTED}, group.`,
    z.object({ chat_jid: chatArgument.optional().describe('only the tasks of this group') }),
    ({ chat_jid }) => listTasks(mailbox, true, chat_jid),
  );

function listTasks(mailbox: Mailbox, ofAll: boolean, chatJid?: string): ToolResult {
  const unknown = failure('The list of tasks cannot be read just now: nothing is known about them.');
  let content: unknown;
  try {
    content = mailbox.readSnapshot('current_tasks.json');
  } catch {
    return unknown;
  }
  const parsed = currentTasksSchema.safeParse(content);
  if (!parsed.success) return unknown;
  const tasks = parsed.data.tasks.filter((task) => chatJid === undefined || task.chat_jid === chatJid);
  return { text: describeTasks(tasks, ofAll), isError: false };
}
