/**
 * Everything that crosses the container wall, as zod schemas; types are inferred from them.
 * Shared with the agent runner, so it imports zod and nothing else. Commands and the agent's environment have rooms of their own: protocol/. docs/ipc.md describes the same in prose.
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

/** The longest draft of a progress event, in UTF-16 units. */
export const MAX_DRAFT_LENGTH = 4000;

/** Shapes that several of the files share. */
export const uuid = z.uuid();
export const text = z.string().min(1).max(MAX_TEXT_LENGTH);
export const chat = z.string().regex(/^-?\d{1,20}$/, 'expected a Telegram chat id such as "-1001234567890"');

// ---------------------------------------------------------------- host → agent

/** An MCP server that the group's agent may use. One by HTTP is spoken to through the daemon, by its name alone. */
export const mcpServerSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('stdio'),
    name: z.string(),
    command: z.string(),
    args: z.array(z.string()),
    env: z.record(z.string(), z.string()),
  }),
  /** `problem`: why the daemon does not reach it now. */
  z.object({ type: z.literal('http'), name: z.string(), problem: z.string().optional() }),
]);
export type TurnMcpServer = z.infer<typeof mcpServerSchema>;

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
  /** One that was left for this turn: what was said in it is archived first. */
  left_session: z.string().optional(),
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
  /** A task's script, run by bash before the agent is woken; its last line decides (gateSchema). */
  gate_script: z.string().optional(),
  /** The script is all there is to do: no agent is woken, what it prints is the reply. */
  script_only: z.boolean().optional(),
  /** Somebody watches it being written: progress events are to bear drafts. */
  drafts: z.boolean().optional(),
  /** Those that people have approved, as of now. */
  mcp: z.array(mcpServerSchema).optional(),
  /** What to think with; without it the provider's own choice. */
  model: z.string().min(1).max(200).optional(),
  effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).optional(),
  /** Requests to the model within this turn. */
  max_turns: z.number().int().min(1).optional(),
  /** Tokens of thinking before an answer; 0: none. */
  max_thinking: z.number().int().min(0).optional(),
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

// ---------------------------------------------------------------- agent → host: events

/** In what the daemon's proxy answers when it asks the model no more, since the allowance is used up. */
export const ALLOWANCE_USED_UP = 'allowance_used_up';

/** Why a turn failed, as far as the agent runner can tell. */
export const agentErrorCodes = [
  'credential',
  'quota',
  'overload',
  'context_too_long',
  'model',
  'stale_session',
  'interrupted',
  'max_turns',
  'allowance',
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

const tokens = z.number().int().min(0);
/** How full a conversation is, in tokens as the model's server counts them, or as the agent guesses. */
export const contextSchema = z.object({
  /** The session that it is about. */
  session_id: z.string().min(1).max(256),
  /** What the next request begins with. */
  tokens,
  /** What the model takes, prompt and answer together. */
  window: tokens.min(1),
  /** From so many on it is summed up, where it is. */
  compact_at: tokens.optional(),
  /** About how much of it goes with every request, as far as that is known. */
  instructions: tokens.optional(),
  tools: tokens.optional(),
});
export type Context = z.infer<typeof contextSchema>;

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
  /**
   * A sign of life; `activity` is a tool's name or "thinking", never content. At most one every two seconds. `draft`: what is
   * being written just now, or its end, where the turn asks for it; it may never become part of the reply.
   */
  z.object({
    ...eventBase,
    type: z.literal('progress'),
    activity: z.string().max(128),
    draft: z.string().max(MAX_DRAFT_LENGTH).optional(),
  }),
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
    /** How long the reply is, its parts joined by an empty line (UTF-16): one that is shorter has lost words in a power cut. */
    words: z.int().nonnegative().optional(),
    /** The gate script said that there is nothing to do: the agent was not woken. */
    gated: z.boolean().optional(),
    /** The task was only a script: its output came as text, and no agent was woken. */
    scripted: z.boolean().optional(),
    /** `resets_at`: when the limit that was hit is lifted, ISO 8601, if the model said so. */
    error: z
      .object({
        code: z.enum(agentErrorCodes),
        message: z.string().max(4000),
        resets_at: z.iso.datetime().optional(),
      })
      .optional(),
    usage: usageSchema.optional(),
    context: contextSchema.optional(),
    /** How the turn's MCP servers went: what did not work of one, or null. */
    mcp: z
      .array(z.object({ name: z.string().max(64), problem: z.string().max(1000).nullable() }))
      .max(20)
      .optional(),
  }),
]);
export type AgentEvent = z.infer<typeof eventSchema>;

/** The event file's name: sorted by name, a turn's events are in order. */
export const eventFileName = (turn: string, n: number): string =>
  `${turn}-${String(n).padStart(6, '0')}.json`;
