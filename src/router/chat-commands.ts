/**
 * What the daemon answers itself, without an agent: works also when Docker or the model does not.
 * Called inside the transaction that stores the message, so an answer and its effect are stored with it.
 */
import type { Db } from '../db.ts';
import { NanoClawError } from '../errors.ts';
import type { RegistryOptions } from '../registry.ts';
import { stopWaitingRuns } from '../tasks/waiting-runs.ts';
import { describeNext, describeSchedule, type TaskRules, titleOf } from '../tasks.ts';
import type { IncomingFile } from '../telegram/media.ts';
import type { BotCommand } from '../trigger.ts';
import { type ChatJid, conversationOf, type Group, iso } from '../types.ts';
import { explainMessage } from '../why.ts';
import { type CommandName, helpLine, REASONS, type Words } from '../words.ts';
import { allowance, usage } from './allowance-commands.ts';
import type { ChoiceKind } from './choices.ts';
import { context } from './context-command.ts';
import { FORGET } from './forget-command.ts';
import { MAIN_COMMANDS } from './main-commands.ts';
import { MCP_COMMANDS } from './mcp-commands.ts';
import { model } from './model-command.ts';
import { SKILL_COMMANDS } from './skill-commands.ts';
import { TEAM_COMMANDS } from './team-commands.ts';

export interface ChatCommandContext {
  db: Db;
  tasks: TaskRules;
  registry: RegistryOptions;
  group: Group;
  /** Telegram id of who asks. */
  sender: string;
  /** The topic where it is asked; null in General, and where there are none. */
  threadId: number | null;
  /** The message that the command replies to. */
  replyTo: number | null;
  /** What came with the message. */
  file: IncomingFile | null;
  assistantName: string;
  /** The daemon's sentences, for this group. */
  words: Words;
  /** Short lines about the daemon, for /status: what this group may know. */
  describe: (group: Group) => string;
}

export interface ChatAnswer {
  /** Empty when `ask` says it. */
  text: string;
  /** Which of them is meant is asked with buttons. */
  ask?: ChoiceKind;
  /** What that is about from the beginning, and the words to ask it with. */
  about?: { subject: string; text: string };
  /** Messages wait again in this chat. */
  wakeQueue?: ChatJid;
  /** The chat whose tasks have changed. */
  tasksChanged?: ChatJid;
  /** The running turn of this chat, if there is one, is to end, and what waits need not back off any longer. */
  stopTurn?: true;
  /** Groups were registered or unregistered. */
  groupsChanged?: true;
  /** More may be used than before. */
  allowancesChanged?: true;
  /** Something is to be forgotten. */
  forgets?: true;
  /** It is no command of the daemon after all: the message is the agent's. */
  toAgent?: true;
  /** Only main may. */
  forMain?: true;
  /** The message's file is to become a specialist of this group's, or of all. */
  addsSpecialist?: { folder: string };
}

export interface Handler {
  /** Whose /help and menu mention it; without it, nobody's. */
  listed?: 'everyone' | 'main';
  mainOnly?: true;
  run: (context: ChatCommandContext, args: string) => ChatAnswer | string;
}

const HANDLERS: Partial<Record<CommandName | 'pair', Handler>> = {
  help: { listed: 'everyone', run: help },
  status: { listed: 'everyone', run: ({ describe, group }) => describe(group) },
  tasks: { listed: 'everyone', run: listTasks },
  why: { listed: 'everyone', run: why },
  stop: { listed: 'everyone', run: stop },
  new: {
    listed: 'everyone',
    run: ({ db, group, threadId, words }) => {
      db.sessions.drop(group.folder, conversationOf(group, threadId));
      return words.freshConversation;
    },
  },
  context: { listed: 'everyone', run: context },
  ...TEAM_COMMANDS,
  ...SKILL_COMMANDS,
  ...MCP_COMMANDS,
  usage: { listed: 'everyone', run: usage },
  forget: FORGET,
  ping: { listed: 'everyone', run: ({ words }) => words.pong },
  chatid: { listed: 'everyone', run: ({ group }) => group.chatJid },
  pair: {
    run: ({ db, group, words }) =>
      db.groups.main() === null ? words.registeredAlready(group.folder) : words.hasMain,
  },
  ...MAIN_COMMANDS,
  model: { listed: 'main', mainOnly: true, run: model },
  allowance: { listed: 'main', mainOnly: true, run: allowance },
};

/** False: it is the agent's. */
export const isHostCommand = (name: string): name is keyof typeof HANDLERS => Object.hasOwn(HANDLERS, name);

/** What Telegram's menu, and /help, offer to main or to the other groups, in their order. */
export const commandsFor = (isMain: boolean): CommandName[] =>
  (Object.entries(HANDLERS) as [CommandName, Handler][])
    .filter(([, { listed }]) => listed === 'everyone' || (isMain && listed === 'main'))
    .map(([name]) => name);

/** The answer to a command that isHostCommand. */
export function answerCommand(context: ChatCommandContext, command: BotCommand): ChatAnswer {
  const handler = isHostCommand(command.name) ? HANDLERS[command.name] : undefined;
  if (!handler) throw new Error(`/${command.name} is no command of the daemon`);
  if (handler.mainOnly && !context.group.isMain) return { text: refuse(context, command) };
  try {
    const answer = handler.run(context, command.args);
    if (typeof answer === 'string') return { text: answer };
    return answer.forMain ? { text: refuse(context, command) } : answer;
  } catch (error) {
    if (error instanceof NanoClawError && error.kind === 'rejected')
      return { text: context.words.didNotWork(error.in(context.words)) };
    throw error;
  }
}

function refuse({ db, tasks, group, sender, words }: ChatCommandContext, { name }: BotCommand): string {
  db.audit.note({
    at: iso(tasks.now()),
    actor: `telegram:${sender}`,
    group: group.folder,
    action: 'chat_command',
    outcome: 'refused',
    detail: `/${name} is for the main group`,
  });
  return words.onlyInMain(name);
}

function help({ group, assistantName, words }: ChatCommandContext): string {
  const lines = commandsFor(group.isMain).map((name) => helpLine(words, name));
  const how = words.howToAsk(group.requiresTrigger ? group.trigger : null);
  return [how, words.introduction(assistantName), ...lines].join('\n');
}

function why({ db, group, replyTo, tasks, words }: ChatCommandContext): string {
  if (replyTo === null) return words.whyNeedsReply;
  const zone = group.timezone ?? tasks.defaultTimezone;
  return explainMessage(db, group.chatJid, replyTo, zone, group, words).lines.join('\n');
}

/** What waits is stopped here and now; what runs is ended after the commit. In this conversation, or with `all` in the whole chat. */
function stop({ db, tasks, group, sender, threadId, words }: ChatCommandContext, args: string): ChatAnswer {
  const { chatJid } = group;
  const by = REASONS.stoppedBy(`telegram:${sender}`);
  const of = args.toLowerCase() === 'all' ? null : conversationOf(group, threadId);
  const isHere = (topic: number | null) => of === null || (topic ?? 0) === of;
  const messages = db.messages.disposeOpen(chatJid, 'stopped', by, of);
  const runs = stopWaitingRuns(tasks, chatJid, by, of);
  const open = db.turns.openOf(chatJid);
  const isRunning = open.some((turn) => isHere(turn.threadId));
  db.turns.requestStop(chatJid, by, of);
  if (isRunning || messages > 0 || runs > 0)
    return { text: words.stopped, stopTurn: true, ...(runs === 0 ? {} : { tasksChanged: chatJid }) };
  const goesOnElsewhere = open.length > 0 || db.messages.firstOpen(chatJid) !== null;
  return { text: goesOnElsewhere ? words.nothingToStopHere : words.nothingToStop };
}

function listTasks({ db, group, words }: ChatCommandContext): string {
  const all = group.isMain ? db.tasks.all() : db.tasks.ofGroup(group.folder);
  const open = all.filter((t) => t.status === 'active' || t.status === 'paused');
  if (open.length === 0) return words.noTasks;
  return open
    .slice(0, 50)
    .map(
      (t) =>
        `${t.id}${group.isMain ? ` [${t.folder}]` : ''}: ${describeSchedule(t, words)}, ${describeNext(t, words)} – ${excerpt(titleOf(t))}`,
    )
    .concat(open.length > 50 ? [words.andMore(open.length - 50)] : [])
    .join('\n');
}

const excerpt = (text: string): string =>
  (text.length > 80 ? `${text.slice(0, 80)}…` : text).replace(/\s+/g, ' ');
