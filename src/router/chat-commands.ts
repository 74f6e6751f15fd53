/**
 * What the daemon answers itself, without an agent: works also when Docker or the model does not.
 * Called inside the transaction that stores the message: synchronous, reads only, returns the answer's text.
 */
import type { Db } from '../db.ts';
import type { BotCommand } from '../trigger.ts';
import type { Group } from '../types.ts';

export interface ChatCommandContext {
  db: Db;
  group: Group;
  assistantName: string;
  /** One line about the daemon, for /status. */
  describe: (group: Group) => string;
}

type Handler = (context: ChatCommandContext, args: string) => string;

const HANDLERS: Record<string, { help: string; run: Handler }> = {
  help: {
    help: 'what you can do here',
    run: ({ group, assistantName }) =>
      [
        group.requiresTrigger
          ? `Write ${group.trigger} anywhere in a message, or reply to one of mine, and I answer.`
          : 'Just write, and I answer.',
        `I am ${assistantName}. Commands:`,
        ...Object.entries(HANDLERS).map(([name, { help }]) => `/${name} – ${help}`),
      ].join('\n'),
  },
  status: { help: 'is everything all right?', run: ({ describe, group }) => describe(group) },
  new: {
    help: 'begin a fresh conversation',
    run: ({ db, group }) => {
      db.agents.dropSession(group.folder, null);
      return 'A fresh conversation begins with your next message. Files and notes stay.';
    },
  },
  ping: { help: 'a sign of life', run: () => 'pong' },
  chatid: { help: 'the id of this chat', run: ({ group }) => group.chatJid },
};

/** The answer, or null when the daemon does not know this command: then it is the agent's. */
export function answerCommand(context: ChatCommandContext, command: BotCommand): string | null {
  const handler = Object.hasOwn(HANDLERS, command.name) ? HANDLERS[command.name] : undefined;
  return handler ? handler.run(context, command.args) : null;
}
