/** Who is to be woken after a batch of updates was stored, and in which order. */
import type { ChatJid, TurnId } from '../types.ts';
import type { ChatAnswer } from './chat-commands.ts';

export interface Wakes {
  /** There is a message to answer in this chat. */
  wakeQueue: (jid: ChatJid) => void;
  /** There is something to send to this chat. */
  wakeDelivery: (jid: ChatJid) => void;
  /** A group has another chat id now: all who know it by the old one are to go on with the new one. */
  chatMoved: (from: ChatJid, to: ChatJid) => void;
  /** Somebody has written in a paused chat. */
  heardPaused: (jid: ChatJid) => void;
  /** The list of known chats has changed. */
  chatsChanged: () => void;
  /** Telegram is to be told that a button was pressed. */
  wakeAnswers: () => void;
  /** Something is to be forgotten. */
  wakeForgetting?: () => void;
  /** Somebody has answered an agent that may wait for it. */
  wakeAsked: () => void;
  tasksChanged: (jid: ChatJid) => void;
  /** Somebody wants the chat's running turn to end, or only this one of it. */
  stopTurn: (jid: ChatJid, only?: TurnId) => void;
  /** A message that showed how this turn goes still stands. */
  turnIsOver: (turn: TurnId) => void;
  /** There may be files to fetch. */
  filesCame: () => void;
  /** More may be used than before. */
  allowancesChanged: () => void;
}

/** What to do after the commit. */
export interface Woken {
  moved: { from: ChatJid; to: ChatJid }[];
  heard: Set<ChatJid>;
  queue: Set<ChatJid>;
  delivery: Set<ChatJid>;
  tasks: Set<ChatJid>;
  stop: Set<ChatJid>;
  stopOnly: Map<TurnId, ChatJid>;
  over: Set<TurnId>;
  chats: boolean;
  answers: boolean;
  forgets: boolean;
  asked: boolean;
  files: boolean;
  allowances: boolean;
}

export const nobodyYet = (): Woken => ({
  moved: [],
  heard: new Set(),
  queue: new Set(),
  delivery: new Set(),
  tasks: new Set(),
  stop: new Set(),
  stopOnly: new Map(),
  over: new Set(),
  chats: false,
  answers: false,
  forgets: false,
  asked: false,
  files: false,
  allowances: false,
});

/** What a command, typed or pressed in this chat, has changed. */
export function noteEffect(woken: Woken, effect: ChatAnswer, jid: ChatJid): void {
  if (effect.groupsChanged) woken.chats = true;
  if (effect.stopTurn) woken.stop.add(jid);
  if (effect.tasksChanged) woken.tasks.add(effect.tasksChanged);
  if (effect.wakeQueue) woken.queue.add(effect.wakeQueue);
  if (effect.allowancesChanged) woken.allowances = true;
  if (effect.forgets) woken.forgets = true;
}

/** Each to be called, also when one before it throws. */
export function wakesOf(woken: Woken, wakes: Wakes): (() => void)[] {
  const each = <T>(all: Iterable<T>, wake: (one: T) => void) => [...all].map((one) => () => wake(one));
  return [
    ...each(woken.moved, ({ from, to }) => wakes.chatMoved(from, to)),
    ...each(woken.delivery, wakes.wakeDelivery),
    // Before the queue, which asks what it should wait for.
    ...(woken.files ? [wakes.filesCame] : []),
    ...each(woken.queue, wakes.wakeQueue),
    ...each(woken.tasks, wakes.tasksChanged),
    ...each(woken.stop, (jid) => wakes.stopTurn(jid)),
    ...each(woken.stopOnly, ([turn, jid]) => wakes.stopTurn(jid, turn)),
    ...each(woken.over, wakes.turnIsOver),
    ...each(woken.heard, wakes.heardPaused),
    ...(woken.chats ? [wakes.chatsChanged] : []),
    ...(woken.allowances ? [wakes.allowancesChanged] : []),
    ...(woken.asked ? [wakes.wakeAsked] : []),
    ...(woken.forgets && wakes.wakeForgetting ? [wakes.wakeForgetting] : []),
    ...(woken.answers ? [wakes.wakeAnswers] : []),
  ];
}
