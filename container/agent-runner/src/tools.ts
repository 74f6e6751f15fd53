/**
 * The agent's own tools, for both providers. Each leaves one command for the host and tells the model what truly
 * became of it. The host decides who may do what; leaving admin tools out for ordinary groups only saves the asking.
 */
import { z } from 'zod';
import { LONGEST_ASK_S, USUAL_ASK_S } from '../../../src/protocol/commands.ts';
import { availableGroupsSchema, MAX_TEXT_LENGTH } from '../../../src/protocol.ts';
import type { CommandClient, CommandDraft, Patience } from './commands.ts';
import { createHistoryTools } from './history-tools.ts';
import type { Mailbox } from './mailbox.ts';
import { createTaskTools } from './task-tools.ts';
import { chatArgument, define, describe, type Tool, type ToolResult } from './tool.ts';

/** How many chats refresh_groups lists to the model; the whole snapshot is in in/available_groups.json. */
const LISTED_CHATS = 100;

/**
 * The daemon ends each wait. Should none run just then, the next one does: to give up before it would lose an answer that it
 * gives to this turn.
 */
const DAEMON_AWAY_MS = 60 * 60_000;

const text = z.string().min(1).max(MAX_TEXT_LENGTH).describe('Markdown, shown as in your final answer');
const anyChat = {
  chat_jid: chatArgument.optional().describe('another registered chat; without it, this chat'),
};

/** The tools of one turn. In main, they reach any registered chat and any task, and groups can be administered. */
export function createTools(options: {
  commands: CommandClient;
  mailbox: Mailbox;
  groupDir: string;
  isMain: boolean;
  /** Ends the turn, and with it the wait for people. */
  signal: AbortSignal;
}): Tool[] {
  const { mailbox, groupDir, isMain } = options;
  const target = isMain ? anyChat : {};
  const send = async (draft: CommandDraft, patience?: Patience): Promise<ToolResult> =>
    describe(await options.commands.send(draft, patience));

  const everyone = [
    define(
      'send_message',
      'Sends a message now, before the turn ends: for progress on long work, or from a scheduled task. ' +
        'The final answer is sent by itself; do not send it with this tool as well.',
      z.object({ text, ...target }),
      (args) => send({ type: 'send_message', ...args }),
    ),
    define(
      'send_file',
      'Sends a file of the workspace to the chat: pictures, music, voice messages (Ogg Opus) and videos (MP4) as such, else as a document; at most 50 MB. `path` is relative to the workspace.',
      z.object({ path: z.string().min(1), caption: z.string().max(4096).optional(), ...target }),
      (args) => send({ type: 'send_file', ...args }),
    ),
    define(
      'react',
      'Reacts to a message with one of Telegram’s reactions, such as 👍 ❤ 🔥 🎉 🙏 👌 🤔 👀 💯. `message_id` is the id of the message in <messages>. An empty emoji takes your reaction back.',
      z.object({ message_id: z.number().int().min(0), emoji: z.string().max(16), ...target }),
      (args) => send({ type: 'react', ...args }),
    ),
    define(
      'ask_user',
      'Asks the people of the chat a question with a button for each choice, and waits for the first press. Only for decisions that they must make and you cannot. If nobody chooses within wait_s seconds, you are told so: end your turn then; the choice comes later as a message of its own.',
      z.object({
        question: z.string().min(1).max(2000).describe('Markdown'),
        choices: z.array(z.string().min(1).max(64)).min(1).max(8),
        wait_s: z
          .number()
          .int()
          .min(0)
          .max(LONGEST_ASK_S)
          .optional()
          .describe(`seconds to wait within this turn, ${USUAL_ASK_S} if left out; 0: do not wait`),
        ...target,
      }),
      (args) => {
        const timeoutMs = 1000 * (args.wait_s ?? USUAL_ASK_S) + DAEMON_AWAY_MS;
        return send({ type: 'ask_user', ...args }, { timeoutMs, signal: options.signal });
      },
    ),
    ...createHistoryTools({ send, groupDir, isMain }),
    ...createTaskTools({ send, mailbox, isMain }),
  ];
  if (!isMain) return everyone;

  return [
    ...everyone,
    define(
      'register_group',
      'Registers a chat, so that the assistant answers there. `folder` is its new workspace: a-z, 0-9, - and _.',
      z.object({
        chat_jid: chatArgument,
        name: z.string().min(1).max(128),
        folder: z.string().min(1).max(63),
        trigger: z.string().min(1).max(64).optional().describe('such as "@Nina"'),
        requires_trigger: z.boolean().optional().describe('false: every message of the chat is answered'),
        network: z
          .enum(['open', 'allowlist', 'none'])
          .optional()
          .describe(
            'what its agent may reach: the public web (default), the hosts of network_allow, nothing',
          ),
        network_allow: z
          .array(z.string().max(300))
          .max(200)
          .optional()
          .describe('with allowlist: example.org, *.example.org, example.org:8443'),
      }),
      (args) => send({ type: 'register_group', ...args }),
    ),
    define(
      'unregister_group',
      'Ends the registration of a chat. Its folder stays.',
      z.object({ chat_jid: chatArgument }),
      (args) => send({ type: 'unregister_group', ...args }),
    ),
    define(
      'refresh_groups',
      'Writes the list of all chats the bot has seen anew, and returns it.',
      z.object({}),
      async () => {
        const result = await send({ type: 'refresh_groups' });
        const list = result.isError ? '' : listChats(mailbox);
        return list ? { ...result, text: `${result.text}\n${list}` } : result;
      },
    ),
  ];
}

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
