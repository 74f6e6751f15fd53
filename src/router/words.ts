/**
 * What the daemon says in chats by itself: commands, menus, questions with buttons, chats that come and go. All in this one
 * place, so that it can be said in another language. Sentences about tasks and errors come from those who find them.
 */
import type { Group } from '../types.ts';

/** What is said of a command: in Telegram's menu, and, where there is more to know, in /help. */
interface CommandWords {
  menu: string;
  /** Default: as in the menu. */
  help?: string;
}

export const COMMAND_WORDS = {
  help: { menu: 'what you can do here' },
  status: { menu: 'is everything all right?' },
  tasks: { menu: 'the scheduled tasks' },
  why: { menu: 'as a reply: what became of that message' },
  stop: { menu: 'end what I am doing here' },
  new: { menu: 'begin a fresh conversation' },
  ping: { menu: 'a sign of life' },
  chatid: { menu: 'the id of this chat' },
  groups: { menu: 'the groups, and the other chats I have seen' },
  register: {
    menu: 'make a chat a group',
    help: '[CHAT FOLDER [NAME]] – make a chat a group',
  },
  unregister: { menu: 'end a registration; its files stay', help: '[FOLDER] – its files stay' },
  pause: { menu: 'no further runs of a task', help: '[TASK] – no further runs' },
  resume: { menu: 'let a paused task run again', help: '[TASK] – run again from now on' },
  cancel: { menu: 'end a task for good', help: '[TASK] – end it for good' },
  run: { menu: 'run a task once, now', help: '[TASK] – run it once, now' },
  retry: { menu: 'try again what has failed', help: '– try again what has failed; also as a reply to it' },
  audit: { menu: 'who did, or tried, what', help: '[FOLDER] – who did, or tried, what' },
} as const satisfies Record<string, CommandWords>;

export type CommandName = keyof typeof COMMAND_WORDS;

/** The line of /help. */
export function helpLine(name: CommandName): string {
  const words: CommandWords = COMMAND_WORDS[name];
  if (words.help === undefined) return `/${name} – ${words.menu}`;
  return `/${name} ${words.help}`;
}

export const WORDS = {
  // Commands
  howToAsk: ({ requiresTrigger, trigger }: Group) =>
    requiresTrigger
      ? `Write ${trigger} anywhere in a message, or reply to one of mine, and I answer.`
      : 'Just write, and I answer.',
  introduction: (name: string) => `I am ${name}. Commands:`,
  onlyInMain: (command: string) => `/${command} works in the main group only.`,
  didNotWork: (why: string) => `That did not work: ${why}.`,
  pong: 'pong',
  whyNeedsReply: 'Send /why as a reply to the message you mean.',
  nothingToStop: 'There is nothing to stop.',
  stopped: 'Stopped.',
  freshConversation: 'A fresh conversation begins with your next message. Files and notes stay.',
  noTasks: 'There are no scheduled tasks.',
  andMore: (count: number) => `… and ${count} more`,
  registeredAlready: (folder: string) =>
    `This chat is registered already, with folder ${folder}. Send /pair from another chat, or unregister this one first (nanoclaw groups remove ${folder}).`,
  hasMain: 'There is a main group already.',
  taskPaused: (id: string) => `Task ${id} is paused.`,
  taskActive: (id: string, next: string) => `Task ${id} is active again, ${next}.`,
  taskCancelled: (id: string) => `Task ${id} is cancelled.`,
  taskRuns: (id: string) => `Task ${id} runs as soon as its group has time.`,
  expectedRegister: 'expected /register CHAT FOLDER [NAME]; /groups shows the chats',
  registered: (name: string, folder: string, trigger: string | null) =>
    `Registered "${name}" with folder ${folder}${trigger === null ? '' : `, trigger ${trigger}`}.`,
  unregistered: (name: string, folder: string) => `Unregistered "${name}". Its folder ${folder} stays.`,
  nothingNoted: (folder: string | undefined) =>
    folder === undefined ? 'Nothing is noted.' : `Nothing is noted for "${folder}".`,
  retryNeedsReply: 'Send /retry as a reply to the message that failed.',
  triedAgain: (group: string | null, taskId: string | null) => {
    const what = taskId === null ? 'it is tried again' : `task ${taskId} runs again`;
    return group === null ? `${what[0]?.toUpperCase()}${what.slice(1)}.` : `In ${group}: ${what}.`;
  },

  // Questions with buttons
  whichTask: {
    pause: 'Which task shall be paused?',
    resume: 'Which task shall run again?',
    cancel: 'Which task shall be cancelled?',
    run: 'Which task shall run now?',
  },
  noSuchTask: {
    pause: 'There is no active task.',
    resume: 'There is no paused task.',
    cancel: 'There are no scheduled tasks.',
    run: 'There are no scheduled tasks.',
  },
  confirmCancel: (task: string) => `Cancel this task? It cannot be undone.\n${task}`,
  cancelIt: 'Cancel the task',
  whichFailure: 'What shall be tried again?',
  noFailure: 'Nothing has failed within the last seven days that was not tried again.',
  whichGroup: 'Which group shall be unregistered?',
  noGroup: 'There is no group besides this one.',
  confirmUnregister: ({ name, folder }: Group) =>
    `Unregister “${name}”? I answer there no more, what waits there is dropped and its tasks are paused. Its folder ${folder} stays.`,
  unregisterIt: 'Unregister it',
  whichChat: 'Which chat shall be registered?',
  noChat: 'There is no other chat that I am in. Add me to one, or write to me from it.',
  confirmRegister: (name: string, jid: string, folder: string) =>
    `Register “${name}” with folder ${folder}? For another folder: /register ${jid} FOLDER`,
  registerAs: (folder: string) => `Register as ${folder}`,
  notThere: (name: string) => `I am not in “${name}” any more`,
  pageOf: (page: number, pages: number) => `(page ${page} of ${pages})`,
  before: '‹ Before',
  further: 'Further ›',
  back: '‹ Back',
  neverMind: 'Never mind',
  notNow: 'Not now',
  nothingChanged: 'Nothing was changed.',

  // Presses that do nothing
  mayNotDecide: 'You may not decide this.',
  outdated: 'These buttons are outdated. Send the command again.',
  tooLate: (question: string) => `${question}\nNobody decided for a day. Send the command again.`,
  decidedAlready: (answer: string) => `That was decided already: ${answer}`,
  changedMeanwhile: 'That has changed meanwhile. Please look again.',

  // Chats that come and go
  addedTo: (name: string, by: string, folder: string) =>
    `${by} added me to “${name}”. Register it with folder ${folder}, so that I answer there?`,
  addedToMany: (name: string, most: number) =>
    `I was added to “${name}” as well, and to more than ${most} chats within an hour. I ask no more about such chats for an hour; /register shows them all.`,
  removedFrom: (name: string, by: string) =>
    `${by} removed me from “${name}”: I neither hear nor answer anybody there. It stays registered; /unregister ends that.`,
  backIn: (name: string, by: string) => `${by} added me to “${name}” again.`,
} as const;
