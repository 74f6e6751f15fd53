/**
 * What the daemon answers itself, without an agent: works also when Docker or the model does not.
 * Called inside the transaction that stores the message, so an answer and its effect are stored with it.
 */
import type { Db } from '../db.ts';
import { NanoClawError } from '../errors.ts';
import type { RegistryOptions } from '../registry.ts';
import { describeNext, describeSchedule, stopWaitingRuns, type TaskRules } from '../tasks.ts';
import type { BotCommand } from '../trigger.ts';
import { type ChatJid, type Group, iso } from '../types.ts';
import { explainMessage } from '../why.ts';
import { MAIN_COMMANDS } from './main-commands.ts';

export interface ChatCommandContext {
  db: Db;
  tasks: TaskRules;
  registry: RegistryOptions;
  group: Group;
  /** Telegram id of who asks. */
  sender: string;
  /** The message that the command replies to. */
  replyTo: number | null;
  assistantName: string;
  /** Short lines about the daemon, for /status: what this group may know. */
  describe: (group: Group) => string;
}

export interface ChatAnswer {
  text: string;
  /** The chat whose tasks have changed. */
  tasksChanged?: ChatJid;
  /** The running turn of this chat, if there is one, is to end, and what waits need not back off any longer. */
  stopTurn?: true;
  /** Groups were registered or unregistered. */
  groupsChanged?: true;
}

export interface Handler {
  /** Without it, /help does not mention the command. */
  help?: string;
  mainOnly?: true;
  run: (context: ChatCommandContext, args: string) => ChatAnswer | string;
}

const HANDLERS: Record<string, Handler> = {
  help: { help: 'what you can do here', run: help },
  status: { help: 'is everything all right?', run: ({ describe, group }) => describe(group) },
  tasks: { help: 'the scheduled tasks', run: listTasks },
  why: { help: 'as a reply: what became of that message', run: why },
  stop: { help: 'end what I am doing here', run: stop },
  new: {
    help: 'begin a fresh conversation',
    run: ({ db, group }) => {
      db.agents.dropSession(group.folder, null);
      return 'A fresh conversation begins with your next message. Files and notes stay.';
    },
  },
  ping: { help: 'a sign of life', run: () => 'pong' },
  chatid: { help: 'the id of this chat', run: ({ group }) => group.chatJid },
  pair: {
    run: ({ db, group }) =>
      db.groups.main() === null
        ? `This chat is registered already, with folder ${group.folder}. Send /pair from another chat, or unregister this one first (nanoclaw groups remove ${group.folder}).`
        : 'There is a main group already.',
  },
  ...MAIN_COMMANDS,
};

/** False: it is the agent's. */
export const isHostCommand = (name: string): boolean => Object.hasOwn(HANDLERS, name);

/** The answer to a command that isHostCommand. */
export function answerCommand(context: ChatCommandContext, command: BotCommand): ChatAnswer {
  const handler = HANDLERS[command.name];
  if (!handler) throw new Error(`/${command.name} is no command of the daemon`);
  if (handler.mainOnly && !context.group.isMain) return { text: refuse(context, command) };
  try {
    const answer = handler.run(context, command.args);
    return typeof answer === 'string' ? { text: answer } : answer;
  } catch (error) {
    if (error instanceof NanoClawError && error.kind === 'rejected')
      return { text: `That did not work: ${error.message}.` };
    throw error;
  }
}

function refuse({ db, tasks, group, sender }: ChatCommandContext, { name }: BotCommand): string {
  db.audit.note({
    at: iso(tasks.now()),
    actor: `telegram:${sender}`,
    group: group.folder,
    action: 'chat_command',
    outcome: 'refused',
    detail: `/${name} is for the main group`,
  });
  return `/${name} works in the main group only.`;
}

function help({ group, assistantName }: ChatCommandContext): string {
  const offered = Object.entries(HANDLERS).filter(
    ([, handler]) => handler.help !== undefined && (group.isMain || !handler.mainOnly),
  );
  return [
    group.requiresTrigger
      ? `Write ${group.trigger} anywhere in a message, or reply to one of mine, and I answer.`
      : 'Just write, and I answer.',
    `I am ${assistantName}. Commands:`,
    ...offered.map(([name, handler]) => `/${name} – ${handler.help}`),
  ].join('\n');
}

function why({ db, group, replyTo, tasks }: ChatCommandContext): string {
  if (replyTo === null) return 'Send /why as a reply to the message you mean.';
  const zone = group.timezone ?? tasks.defaultTimezone;
  return explainMessage(db, group.chatJid, replyTo, zone).lines.join('\n');
}

/** What waits is stopped here and now; what runs is ended after the commit. */
function stop({ db, tasks, group, sender }: ChatCommandContext): ChatAnswer {
  const by = `by telegram:${sender}`;
  const messages = db.messages.disposeOpen(group.chatJid, 'stopped', by);
  const runs = stopWaitingRuns(tasks, group.chatJid, by);
  const running = db.turns.openOf(group.chatJid).length > 0;
  db.turns.requestStop(group.chatJid, by);
  if (!running && messages === 0 && runs === 0) return { text: 'There is nothing to stop.' };
  return { text: 'Stopped.', stopTurn: true, ...(runs === 0 ? {} : { tasksChanged: group.chatJid }) };
}

function listTasks({ db, group }: ChatCommandContext): string {
  const all = group.isMain ? db.tasks.all() : db.tasks.ofGroup(group.folder);
  const open = all.filter((t) => t.status === 'active' || t.status === 'paused');
  if (open.length === 0) return 'There are no scheduled tasks.';
  return open
    .slice(0, 50)
    .map(
      (t) =>
        `${t.id}${group.isMain ? ` [${t.folder}]` : ''}: ${describeSchedule(t)}, ${describeNext(t)} – ${excerpt(t.prompt)}`,
    )
    .concat(open.length > 50 ? [`… and ${open.length - 50} more`] : [])
    .join('\n');
}

const excerpt = (text: string): string =>
  (text.length > 80 ? `${text.slice(0, 80)}…` : text).replace(/\s+/g, ' ');
