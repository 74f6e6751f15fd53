/**
 * The agent's own tools, for both providers. Each leaves one command for the host and tells the model what truly
 * became of it. The host decides who may do what; leaving admin tools out for ordinary groups only saves the asking.
 */
import { z } from 'zod';
import { availableGroupsSchema, MAX_TEXT_LENGTH } from '../../../src/protocol.ts';
import type { CommandClient, CommandOutcome } from './commands.ts';
import type { Mailbox } from './mailbox.ts';

export interface ToolResult {
  text: string;
  isError: boolean;
}

export interface Tool {
  readonly name: string;
  readonly description: string;
  /** The arguments, as a zod shape. */
  readonly shape: z.ZodRawShape;
  /** Parses the arguments, acts, and tells what became of it. Never rejects. */
  call(args: unknown): Promise<ToolResult>;
}

/** How many chats refresh_groups lists to the model; the whole snapshot is in in/available_groups.json. */
const LISTED_CHATS = 100;

const text = z.string().min(1).max(MAX_TEXT_LENGTH).describe('Markdown text');
const chat = z.string().describe('chat id, such as "-1001234567890"');
const anyChat = { chat_jid: chat.optional().describe('another registered chat; without it, this chat') };

/** The tools of one turn. In main, messages may go to any registered chat and groups can be administered. */
export function createTools(options: { commands: CommandClient; mailbox: Mailbox; isMain: boolean }): Tool[] {
  const { commands, mailbox, isMain } = options;
  const target = isMain ? anyChat : {};

  const everyone = [
    define(
      'send_message',
      'Sends a message now, before the turn ends: for progress on long work, or from a scheduled task. ' +
        'The final answer is sent by itself; do not send it with this tool as well.',
      z.object({ text, ...target }),
      (args) => commands.send({ type: 'send_message', ...args }),
    ),
    define(
      'send_file',
      'Sends a file of the workspace to the chat. `path` is relative to the workspace.',
      z.object({ path: z.string().min(1), caption: z.string().max(1024).optional(), ...target }),
      (args) => commands.send({ type: 'send_file', ...args }),
    ),
  ];
  if (!isMain) return everyone;

  return [
    ...everyone,
    define(
      'register_group',
      'Registers a chat, so that the assistant answers there. `folder` is its new workspace: a-z, 0-9, - and _.',
      z.object({
        chat_jid: chat,
        name: z.string().min(1).max(128),
        folder: z.string().min(1).max(63),
        trigger: z.string().min(1).max(64).optional().describe('such as "@Nina"'),
        requires_trigger: z.boolean().optional().describe('false: every message of the chat is answered'),
      }),
      (args) => commands.send({ type: 'register_group', ...args }),
    ),
    define(
      'unregister_group',
      'Ends the registration of a chat. Its folder stays.',
      z.object({ chat_jid: chat }),
      (args) => commands.send({ type: 'unregister_group', ...args }),
    ),
    define(
      'refresh_groups',
      'Writes the list of all chats the bot has seen anew, and returns it.',
      z.object({}),
      () => commands.send({ type: 'refresh_groups' }),
      () => listChats(mailbox),
    ),
  ];
}

function define<Shape extends z.ZodRawShape>(
  name: string,
  description: string,
  schema: z.ZodObject<Shape>,
  act: (args: z.infer<z.ZodObject<Shape>>) => Promise<CommandOutcome>,
  afterwards: () => string = () => '',
): Tool {
  return {
    name,
    description,
    shape: schema.shape,
    async call(args) {
      const parsed = schema.safeParse(args);
      if (!parsed.success) return failure(`not done: ${z.prettifyError(parsed.error)}`);
      try {
        const result = describe(await act(parsed.data));
        const more = result.isError ? '' : afterwards();
        return more ? { text: `${result.text}\n${more}`, isError: false } : result;
      } catch (error) {
        return failure(`not done: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
  };
}

/** What became of a command, in words for the model. */
export function describe(outcome: CommandOutcome): ToolResult {
  switch (outcome.kind) {
    case 'done':
      return { text: outcome.detail, isError: false };
    case 'refused':
      return failure(`refused: ${outcome.reason}`);
    case 'invalid':
      return failure(`not done: ${outcome.reason}`);
    case 'unanswered':
      return failure(
        `No answer came within ${Math.round(outcome.afterMs / 1000)} seconds. It is not known whether it was done; ` +
          'it may still be done later. Do not repeat it; say so if it matters.',
      );
  }
}

const failure = (message: string): ToolResult => ({ text: message, isError: true });

function listChats(mailbox: Mailbox): string {
  let parsed: ReturnType<typeof availableGroupsSchema.safeParse>;
  try {
    parsed = availableGroupsSchema.safeParse(mailbox.readSnapshot('available_groups.json'));
  } catch {
    return '';
  }
  if (!parsed.success) return '';
  const lines = parsed.data.chats
    .slice(0, LISTED_CHATS)
    .map(
      (seen) =>
        `${seen.chat_jid} ${seen.name} (${seen.type})${seen.folder ? ` registered as ${seen.folder}` : ''}`,
    );
  const left = parsed.data.chats.length - lines.length;
  return [...lines, ...(left > 0 ? [`and ${left} more, in available_groups.json of the mailbox`] : [])].join(
    '\n',
  );
}
