/**
 * What a command of main lets one choose from when it was sent without saying which: the tasks, groups, chats or failures
 * it could mean, whether a choice is asked once more, and what is done then: the same as by typing it.
 */
import type { Task } from '../db/tasks.ts';
import { NanoClawError } from '../errors.ts';
import { proposeFolder } from '../registry/propose-folder.ts';
import { recentFailures, retryTurn } from '../retry.ts';
import { describeSchedule, findTask, titleOf } from '../tasks.ts';
import { type ChatJid, chatJid, type Group, iso } from '../types.ts';
import type { CommandName, Sentence, Words } from '../words.ts';
import { TOP_UP } from './allowance-commands.ts';
import type { ChatAnswer, ChatCommandContext } from './chat-commands.ts';
import { FORGET_CHOICE } from './forget-command.ts';
import { MAIN_COMMANDS, retried } from './main-commands.ts';
import { MCP_CHOICE } from './mcp-commands.ts';
import { DISMISS_CHOICE } from './team-remove.ts';

export interface Option {
  /** At most 40 bytes: it is in the button. */
  value: string;
  label: string;
}

export interface Choice {
  title: Sentence;
  /** Said when there are no options. */
  none: Sentence;
  options(context: ChatCommandContext): Option[];
  /** For what cannot be undone, or says more than fits on a button. Throws NanoClawError when it is impossible by now. */
  confirm?(context: ChatCommandContext, value: string): { text: string; yes: string };
  /** Instead of "Never mind". */
  no?: Sentence;
  act(context: ChatCommandContext, value: string): ChatAnswer;
  /** Where "no" is a decision, too, and not that nothing changes. */
  decline?(context: ChatCommandContext, value: string): ChatAnswer;
  /** Where it is not for everybody who may ask in main, and for nobody else. `subject` as the question has it. */
  mayPress?(group: Group, sender: string, subject: string | null): boolean;
}

const FAILURES_KEPT_MS = 7 * 86_400_000;
const MOST_OPTIONS = 200;

const typed =
  (command: CommandName) =>
  (context: ChatCommandContext, args: string): ChatAnswer => {
    const answer = MAIN_COMMANDS[command]?.run(context, args) ?? '';
    return typeof answer === 'string' ? { text: answer } : answer;
  };

const ofTasks = (
  command: 'pause' | 'resume' | 'cancel' | 'run',
  isMeant: (task: Task) => boolean,
): Choice => ({
  title: (w) => w.whichTask[command],
  none: (w) => w.noSuchTask[command],
  options: ({ db, words }) =>
    db.tasks
      .all()
      .filter((task) => isMeant(task))
      .map((task) => ({ value: task.id, label: describeTask(task, words) })),
  act: typed(command),
});

const register: Choice = {
  title: (w) => w.whichChat,
  none: (w) => w.noChat,
  options: ({ db }) => {
    const former = new Set(db.groups.all().map((group) => group.formerJid));
    return db.groups
      .knownChats()
      .filter(
        (chat) =>
          chat.folder === null &&
          chat.type !== 'channel' &&
          !former.has(chat.chatJid) &&
          chat.botStatus !== 'kicked' &&
          chat.botStatus !== 'left',
      )
      .map((chat) => ({ value: chat.chatJid, label: `${chat.name} (${chat.type})` }));
  },
  confirm(context, value) {
    const { name, folder } = registrationOf(context, value);
    const { words } = context;
    return { text: words.confirmRegister(name, value, folder), yes: words.registerAs(folder) };
  },
  act(context, value) {
    return typed('register')(context, `${value} ${registrationOf(context, value).folder}`);
  },
};

const CHOICES = {
  pause: ofTasks('pause', ({ status }) => status === 'active'),
  resume: ofTasks('resume', ({ status }) => status === 'paused'),
  run: ofTasks('run', isOpen),
  cancel: {
    ...ofTasks('cancel', isOpen),
    confirm: (context, value) => {
      const task = findTask(context.tasks, value, context.group);
      const { words } = context;
      return { text: words.confirmCancel(describeTask(task, words)), yes: words.cancelIt };
    },
  },
  retry: {
    title: (w) => w.whichFailure,
    none: (w) => w.noFailure,
    options: ({ db, tasks, group, words }) => {
      const zone = group.timezone ?? tasks.defaultTimezone;
      return recentFailures(db, iso(tasks.now() - FAILURES_KEPT_MS), MOST_OPTIONS).map((failed) => ({
        value: failed.turnId,
        label: `${words.time(Date.parse(failed.finishedAt), zone)} ${failed.group.name}: ${failed.words}`,
      }));
    },
    act: (context, value) => retried(context, retryTurn(context.tasks, value, `telegram:${context.sender}`)),
  },
  unregister: {
    title: (w) => w.whichGroup,
    none: (w) => w.noGroup,
    options: ({ db }) =>
      db.groups
        .all()
        .filter((group) => !group.isMain)
        .map((group) => ({ value: group.chatJid, label: `${group.name} (${group.folder})` })),
    confirm: (context, value) => {
      const { name, folder } = registeredGroup(context, value);
      return { text: context.words.confirmUnregister(name, folder), yes: context.words.unregisterIt };
    },
    act: (context, value) => typed('unregister')(context, registeredGroup(context, value).folder),
  },
  forget: FORGET_CHOICE,
  register,
  /** Nobody has sent a command: the bot was added to a chat, and says so. */
  join: { ...register, no: (w) => w.notNow },
  /** The daemon asks it when an allowance is used up. */
  topup: TOP_UP,
  dismiss: DISMISS_CHOICE,
  /** The daemon asks it when a group's file names a server that nobody has decided about. */
  mcp: MCP_CHOICE,
} satisfies Record<string, Choice>;

export type ChoiceKind = keyof typeof CHOICES;

export const choiceOf = (kind: string): Choice | null =>
  Object.hasOwn(CHOICES, kind) ? CHOICES[kind as ChoiceKind] : null;

function isOpen({ status }: Task): boolean {
  return status === 'active' || status === 'paused';
}

const describeTask = (task: Task, words: Words): string =>
  `${task.id} [${task.folder}] ${describeSchedule(task, words)}: ${titleOf(task).replace(/\s+/g, ' ').slice(0, 200)}`;

function registeredGroup({ db }: ChatCommandContext, value: string): Group {
  const group = db.groups.find(chatJid(value));
  if (group === null) throw new NanoClawError('GROUP_UNKNOWN', (w) => w.refused.notRegisteredNow(value));
  return group;
}

/** Of a chat that the bot is in. */
function registrationOf(
  { db, registry }: ChatCommandContext,
  value: string,
): { chatJid: ChatJid; name: string; folder: string } {
  const chat = db.groups.chat(chatJid(value));
  if (chat === null) throw new NanoClawError('GROUP_UNKNOWN', (w) => w.refused.neverSeen(value));
  const name = chat.name.replace(/\s+/g, ' ').trim().slice(0, 100) || value;
  if (chat.botStatus === 'kicked' || chat.botStatus === 'left')
    throw new NanoClawError('GROUP_INVALID', (w) => w.refused.notThere(name));
  return { chatJid: chat.chatJid, name, folder: proposeFolder(db, registry.home, { ...chat, name }) };
}
