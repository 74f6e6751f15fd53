/**
 * Everything that crosses the container wall, as zod schemas; types are inferred from them.
 * Shared with the agent runner, so it imports zod and nothing else. docs/ipc.md describes the same in prose.
 *
 * The mailbox of a group has one writer per directory. A file is written beside its directory, synced and
 * renamed in; no name is ever used twice. `in/` is the host's and read-only in the container, `out/` the agent's.
 */
import { z } from 'zod';

/** Raised when an older agent runner or daemon could not understand the other side any more. */
export const PROTOCOL_VERSION = 1;

/** Folders of a mailbox, relative to it. */
export const MAILBOX = {
  turns: 'in/turns',
  control: 'in/control',
  results: 'in/results',
  messages: 'out/messages',
  tasks: 'out/tasks',
  events: 'out/events',
  /** Where the agent writes a file before it renames it in; never read by the host. */
  staging: 'out/.staging',
} as const;

/** The largest mailbox file either side reads, in bytes. A bigger one is set aside. */
export const MAX_MAILBOX_FILE_BYTES = 1024 * 1024;
/** The longest text of one send_message or text event, in UTF-16 units. */
export const MAX_TEXT_LENGTH = 200_000;

const uuid = z.uuid();
const text = z.string().min(1).max(MAX_TEXT_LENGTH);
const chat = z.string().regex(/^-?\d{1,20}$/, 'expected a Telegram chat id such as "-1001234567890"');

// ---------------------------------------------------------------- host → agent

/** in/turns/<turn id>.json: a turn to run. Only the container named in it may take it. */
export const turnFileSchema = z.object({
  protocol: z.literal(PROTOCOL_VERSION),
  id: uuid,
  /** Name of the container this turn is for; a container ignores another's turns. */
  container: z.string(),
  kind: z.enum(['messages', 'task']),
  /** 1 for the first try of this work. */
  attempt: z.number().int().min(1),
  chat_jid: chat,
  thread_id: z.number().int().nullable(),
  group_name: z.string(),
  is_main: z.boolean(),
  assistant_name: z.string(),
  /** IANA zone in which times are shown to the agent. */
  timezone: z.string(),
  /** Session to resume, or null for a fresh one. */
  session_id: z.string().nullable(),
  /** The whole prompt, as XML. */
  prompt: z.string(),
  /** What was asked, in plain words without the mention, oldest first; the offline agent answers these. */
  requests: z.array(z.string()),
  /** Files that came with what is asked, oldest first. */
  attachments: z
    .array(
      z.object({
        /** Relative to the group's folder. */
        path: z.string(),
        /** photo, document, voice, … */
        kind: z.string(),
        /** As the sender's program announced it. */
        type: z.string().nullable(),
        bytes: z.number().int().min(0),
        /** To be shown to the model as an image, if it is one that a model takes. */
        as_image: z.boolean(),
      }),
    )
    .optional(),
  /** A task's gate: run by bash before the agent is woken; its last line decides (gateSchema). */
  gate_script: z.string().optional(),
});
export type TurnFile = z.infer<typeof turnFileSchema>;

/** The last line that a gate script prints. `data` is shown to the agent. */
export const gateSchema = z.object({ wakeAgent: z.boolean(), data: z.unknown().optional() });

/** in/control/<n>.json: `interrupt` ends the named turn early, `close` lets an idle agent exit. */
export const controlFileSchema = z.discriminatedUnion('type', [
  z.object({ container: z.string(), type: z.literal('interrupt'), turn: uuid }),
  z.object({ container: z.string(), type: z.literal('close') }),
]);
export type ControlFile = z.infer<typeof controlFileSchema>;

/** in/results/<command id>.json: what became of a command. `detail` is a sentence for the model. */
export const resultFileSchema = z.discriminatedUnion('ok', [
  z.object({ id: uuid, ok: z.literal(true), detail: z.string() }),
  z.object({ id: uuid, ok: z.literal(false), reason: z.string() }),
]);
export type ResultFile = z.infer<typeof resultFileSchema>;

/** in/available_groups.json (main only): every chat the bot has seen. */
export const availableGroupsSchema = z.object({
  written_at: z.string(),
  chats: z.array(
    z.object({
      chat_jid: z.string(),
      name: z.string(),
      type: z.string(),
      registered: z.boolean(),
      folder: z.string().nullable(),
      last_activity: z.string().nullable(),
    }),
  ),
});
export type AvailableGroups = z.infer<typeof availableGroupsSchema>;

/** in/current_tasks.json: the group's own tasks; all of them for main. */
export const currentTasksSchema = z.object({
  written_at: z.string(),
  tasks: z.array(
    z.object({
      id: z.string(),
      group_folder: z.string(),
      chat_jid: z.string(),
      prompt: z.string(),
      schedule_type: z.string(),
      schedule_value: z.string(),
      timezone: z.string(),
      context_mode: z.string(),
      misfire: z.string(),
      status: z.string(),
      /** ISO 8601 UTC, and the same in the task's zone. */
      next_run: z.string().nullable(),
      next_run_local: z.string().nullable(),
      last_run: z.string().nullable(),
      last_result: z.string().nullable(),
    }),
  ),
});
export type CurrentTasks = z.infer<typeof currentTasksSchema>;

// ---------------------------------------------------------------- agent → host: commands

const base = { id: uuid };

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
    caption: z.string().max(1024).optional(),
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
  prompt: z
    .string()
    .trim()
    .min(1, 'expected what to do, in words')
    .max(8000, 'expected at most 8,000 characters'),
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
  /** Runs in the container before the agent is woken; empty removes it. */
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
    prompt: taskFields.prompt,
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
  ...taskCommands,
  ...adminCommands,
]);
export type Command = z.infer<typeof commandSchema>;
export type CommandType = Command['type'];

/** The out/ directory in which each command is expected. */
export const COMMAND_DIRECTORY: Record<CommandType, 'messages' | 'tasks'> = {
  send_message: 'messages',
  send_file: 'messages',
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

// ---------------------------------------------------------------- agent → host: events

/** Why a turn failed, as far as the agent runner can tell. */
export const agentErrorCodes = [
  'credential',
  'quota',
  'overload',
  'context_too_long',
  'stale_session',
  'interrupted',
  'max_turns',
  'workspace',
  'out_of_memory',
  'stalled',
  'gate',
  'agent',
] as const;
export type AgentErrorCode = (typeof agentErrorCodes)[number];

export const usageSchema = z.object({
  input_tokens: z.number().int().min(0),
  output_tokens: z.number().int().min(0),
  cost_usd: z.number().min(0),
});
export type Usage = z.infer<typeof usageSchema>;

/** Activities that are no word of the model's yet: the turn's first output is any other, or a `text`. */
export const SILENT_ACTIVITIES: ReadonlySet<string> = new Set([
  'waiting',
  'gate script',
  'retrying',
  'compacting',
]);

/**
 * out/events/<turn id>-<n, six digits>.json. `n` counts up from 1 within a turn without a gap:
 * the host takes them in order of the names and each number once.
 */
const eventBase = {
  protocol: z.literal(PROTOCOL_VERSION),
  turn: uuid,
  n: z.number().int().min(1).max(999_999),
};
export const eventSchema = z.discriminatedUnion('type', [
  z.object({ ...eventBase, type: z.literal('turn_started') }),
  /** A sign of life; `activity` is a tool's name or "thinking", never content. At most one every two seconds. */
  z.object({ ...eventBase, type: z.literal('progress'), activity: z.string().max(128) }),
  /** A part of the reply, in order. The parts of a turn are sent when it finishes. */
  z.object({ ...eventBase, type: z.literal('text'), text }),
  /** The session that this group's next turn should resume. `fresh` says that the asked-for one was gone. */
  z.object({
    ...eventBase,
    type: z.literal('session'),
    session_id: z.string().min(1).max(256),
    fresh: z.boolean(),
  }),
  z.object({
    ...eventBase,
    type: z.literal('turn_finished'),
    status: z.enum(['ok', 'error', 'interrupted']),
    /** The gate script said that there is nothing to do: the agent was not woken. */
    gated: z.boolean().optional(),
    /** `resets_at`: when the limit that was hit is lifted, ISO 8601, if the model said so. */
    error: z
      .object({
        code: z.enum(agentErrorCodes),
        message: z.string().max(4000),
        resets_at: z.iso.datetime().optional(),
      })
      .optional(),
    usage: usageSchema.optional(),
  }),
]);
export type AgentEvent = z.infer<typeof eventSchema>;

/** The event file's name: sorted by name, a turn's events are in order. */
export const eventFileName = (turn: string, n: number): string =>
  `${turn}-${String(n).padStart(6, '0')}.json`;

// ---------------------------------------------------------------- the agent's environment

/**
 * What the agent runner is told at its start, as environment variables. Nothing here is a secret of the host:
 * ANTHROPIC_AUTH_TOKEN is the container's own, good only at the daemon's proxy and only while the container lives.
 */
export const agentEnvironmentSchema = z.object({
  NANOCLAW_PROTOCOL: z.coerce.number().int(),
  /** This container's name; the runner takes only turns that name it. */
  NANOCLAW_CONTAINER: z.string().min(1),
  NANOCLAW_PROVIDER: z.enum(['claude', 'offline']),
  /** The group's folder, its workspace: /workspace/group in a container. */
  NANOCLAW_GROUP_DIR: z.string().min(1),
  NANOCLAW_GLOBAL_DIR: z.string().min(1),
  /** The mailbox: the directory that holds in/ and out/ (/workspace/ipc in a container). */
  NANOCLAW_IPC_DIR: z.string().min(1),
  /** The agent exits by itself after so long without a turn (ms); a safety net for a daemon that is gone. */
  NANOCLAW_IDLE_EXIT_MS: z.coerce.number().int().min(1000),
  /** How often the mailbox is looked at when no file event came (ms). */
  NANOCLAW_SWEEP_MS: z.coerce.number().int().min(50),
  HOME: z.string().min(1),
  ANTHROPIC_BASE_URL: z.url().optional(),
  ANTHROPIC_AUTH_TOKEN: z.string().optional(),
});
export type AgentEnvironment = z.infer<typeof agentEnvironmentSchema>;

/** Exit code of an agent that found its folder, home or mailbox not writable; its stderr names the path. */
export const EXIT_WORKSPACE_UNWRITABLE = 70;
