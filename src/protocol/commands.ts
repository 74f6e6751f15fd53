/** Agent → host: the commands that an agent may leave in its mailbox, as zod schemas. Goes into the image, as protocol.ts. */
import { z } from 'zod';
import { chat, text, uuid } from '../protocol.ts';

const base = { id: uuid };

/** The longest that an agent waits within its turn for people to choose, and how long if it does not say (s). */
export const LONGEST_ASK_S = 600;
export const USUAL_ASK_S = 120;

/** One line, without what only turns the direction of what follows. */
const choice = z
  .string()
  .max(1000, 'expected at most 64 characters on a button')
  .transform((label) =>
    label
      .toWellFormed()
      .replace(/[\u202a-\u202e\u2066-\u2069]/gu, '')
      .replace(/[\p{Cc}\u2028\u2029\s]+/gu, ' ')
      .trim(),
  )
  .pipe(
    z
      .string()
      .regex(/[^\p{C}\p{Z}\p{M}]/u, 'expected words for a button')
      .max(64, 'expected at most 64 characters on a button'),
  );

export const questionFields = {
  /** Markdown. */
  question: z.string().trim().min(1).max(2000, 'expected at most 2,000 characters'),
  choices: z
    .array(choice)
    .min(1, 'expected 1 to 8 choices')
    .max(8, 'expected 1 to 8 choices')
    .refine((all) => new Set(all).size === all.length, 'expected choices that differ'),
  /** How long the answer is waited for within the turn, seconds; later it comes as a message. */
  wait_s: z.number().int().min(0).max(LONGEST_ASK_S).optional(),
};

/** out/messages/*.json */
const messageCommands = [
  /** Sends Markdown text. Without chat_jid: to the own chat, into the topic of the running turn. */
  z.object({ ...base, type: z.literal('send_message'), chat_jid: chat.optional(), text }),
  /** Sends a file of the group's folder. `path` is relative to it. */
  z.object({
    ...base,
    type: z.literal('send_file'),
    chat_jid: chat.optional(),
    path: z.string().min(1).max(4096),
    /** Markdown; what is longer than a caption may be follows as messages. */
    caption: z.string().max(4096).optional(),
  }),
  /** Reacts to a message of the chat, by the id that the prompt names; an empty emoji takes the reaction back. */
  z.object({
    ...base,
    type: z.literal('react'),
    chat_jid: chat.optional(),
    message_id: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
    emoji: z.string().max(16),
  }),
  /** Asks people with a button for each choice. Answered when somebody has chosen, or when the wait is over. */
  z.object({
    ...base,
    type: z.literal('ask_user'),
    chat_jid: chat.optional(),
    ...questionFields,
  }),
] as const;

/** An instant (2026-11-02T08:00:00Z), a day of the group's calendar (2026-11-02), or how long ago (2h, 3d). */
const moment = z.string().trim().min(1).max(40);
/** A topic of a forum by its id; 0 for what lies in none. */
const topic = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** out/messages/*.json: what was said in the chat. They change nothing; the answer is in the result, and nowhere else. */
const historyCommands = [
  /** The messages that have these words, the best first. */
  z.object({
    ...base,
    type: z.literal('search_history'),
    chat_jid: chat.optional(),
    query: z.string().min(1).max(500, 'expected at most 500 characters'),
    sender: z.string().max(200).optional(),
    since: moment.optional(),
    until: moment.optional(),
    topic: topic.optional(),
    limit: z.number().int().min(1).max(50).optional(),
  }),
  /** Messages in their order: around or on one side of a message, or the newest. */
  z.object({
    ...base,
    type: z.literal('read_history'),
    chat_jid: chat.optional(),
    message_id: z.number().int().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER).optional(),
    direction: z.enum(['around', 'before', 'after']).optional(),
    topic: topic.optional(),
    limit: z.number().int().min(1).max(50).optional(),
  }),
] as const;

/** out/tasks/*.json */
const adminCommands = [
  z.object({
    ...base,
    type: z.literal('register_group'),
    chat_jid: chat,
    name: z.string().min(1).max(128),
    folder: z.string(),
    trigger: z.string().min(1).max(64).optional(),
    requires_trigger: z.boolean().optional(),
    /** What the new group's agent may reach besides the model; open without it. */
    network: z.enum(['open', 'allowlist', 'none']).optional(),
    /** Hosts for allowlist: example.org, *.example.org, example.org:8443. */
    network_allow: z.array(z.string().max(300)).max(200).optional(),
  }),
  z.object({ ...base, type: z.literal('unregister_group'), chat_jid: chat }),
  z.object({ ...base, type: z.literal('refresh_groups') }),
] as const;

/** What a task is made of; the daemon checks the schedule itself and says what it expected. */
const taskFields = {
  /** May be left out, or empty, where the script is all: its output is posted, and no agent is woken. */
  prompt: z.string().trim().max(8000, 'expected at most 8,000 characters'),
  /** cron: five fields; interval: 15m, 2h, 1d or milliseconds; once: 2026-12-24T18:00, read in the zone. */
  schedule_type: z.enum(['cron', 'interval', 'once']),
  schedule_value: z.string().trim().max(200),
  /** IANA zone; default the group's. */
  timezone: z.string().min(1).max(64),
  /** group: in the group's conversation; isolated: in a fresh one each time. */
  context_mode: z.enum(['group', 'isolated']),
  /** What becomes of missed runs: run_once, skip, or within:<duration>. */
  misfire: z
    .string()
    .regex(
      /^(run_once|skip|within:.{1,20})$/,
      'expected run_once, skip or within:<duration>, like within:2h',
    ),
  /** Runs in the container before the agent is woken, or instead of it; empty removes it. */
  script: z.string().max(16_000),
};
const taskId = z.string().min(1).max(64);

/** out/tasks/*.json */
const taskCommands = [
  z.object({
    ...base,
    type: z.literal('schedule_task'),
    /** Main only: the group the task is for. */
    chat_jid: chat.optional(),
    prompt: taskFields.prompt.optional(),
    schedule_type: taskFields.schedule_type,
    schedule_value: taskFields.schedule_value,
    timezone: taskFields.timezone.optional(),
    context_mode: taskFields.context_mode.optional(),
    misfire: taskFields.misfire.optional(),
    script: taskFields.script.optional(),
  }),
  /** Changes nothing: answers with the next five runs. */
  z.object({
    ...base,
    type: z.literal('preview_task'),
    schedule_type: taskFields.schedule_type,
    schedule_value: taskFields.schedule_value,
    timezone: taskFields.timezone.optional(),
  }),
  z.object({ ...base, type: z.literal('pause_task'), task_id: taskId }),
  /** What was missed meanwhile is not made up for, unless run_missed asks for one run. */
  z.object({ ...base, type: z.literal('resume_task'), task_id: taskId, run_missed: z.boolean().optional() }),
  z.object({ ...base, type: z.literal('cancel_task'), task_id: taskId }),
  z.object({ ...base, type: z.literal('run_task'), task_id: taskId }),
  z.object({
    ...base,
    type: z.literal('update_task'),
    task_id: taskId,
    ...z.object(taskFields).partial().shape,
  }),
] as const;

/** Any command an agent may leave. Unknown keys are dropped: who asks is the folder, never the payload. */
export const commandSchema = z.discriminatedUnion('type', [
  ...messageCommands,
  ...historyCommands,
  ...taskCommands,
  ...adminCommands,
]);
export type Command = z.infer<typeof commandSchema>;
export type CommandType = Command['type'];

/** The out/ directory in which each command is expected. */
export const COMMAND_DIRECTORY: Record<CommandType, 'messages' | 'tasks'> = {
  send_message: 'messages',
  send_file: 'messages',
  react: 'messages',
  ask_user: 'messages',
  search_history: 'messages',
  read_history: 'messages',
  schedule_task: 'tasks',
  preview_task: 'tasks',
  pause_task: 'tasks',
  resume_task: 'tasks',
  cancel_task: 'tasks',
  run_task: 'tasks',
  update_task: 'tasks',
  register_group: 'tasks',
  unregister_group: 'tasks',
  refresh_groups: 'tasks',
};
