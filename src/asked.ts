/**
 * What agents ask people with buttons (`ask_user`), whoever deals with it: the mailbox that takes the question, the router that
 * takes a press, and what ends the wait. Everything here runs in the caller's transaction.
 *
 *   open, an agent waits ─┬─ press ──────────────► settled `result`: the answer is the command's result
 *                         └─ wait or turn over ──► open, nobody waits: the command's result says so
 *   open, nobody waits ───┬─ press ──────────────► settled `message`: the answer is a message meant for Nina
 *                         └─ nobody for seven days ► settled `expired`
 *   either ─ its group or chat is unregistered, or Telegram refuses the message ──► settled `dropped`
 *   settled `result`, and the turn fails and is begun again ──► settled `message`: the answer is said for its next attempt
 *
 * Invariants: a question is settled once; a press that comes when the wait is over by the clock, or its turn, counts as come
 * after it, whether that was noted or not; a result that is owed is a row until its file is written.
 */
import type { InlineKeyboardMarkup } from 'grammy/types';
import type { AgentQuestion, Chosen, SettledAs } from './db/agent-questions.ts';
import type { Db } from './db.ts';
import { oneLine } from './lib/one-line.ts';
import { type ChatJid, type Folder, type Group, type Iso, iso } from './types.ts';
import type { Words } from './words.ts';

/** How long people may take. */
export const ASKED_OPEN_MS = 7 * 86_400_000;
/** How long it is remembered what was decided. */
export const ASKED_KEPT_MS = 30 * 86_400_000;
/** Of one group at a time. */
export const MOST_ASKED = 5;
/** Answers have ids of their own, far below those of messages that moved with a group (db/group-move.ts). */
const ANSWERS_BELOW = -5e14;
/** How much of a chat's name is shown, in characters. */
const MOST_NAME = 64;

const PRESSED = /^ask\.([\w-]{8})\.([0-7])$/;

/** Null: it is no button of such a question. */
export function readAskedPress(data: string): { id: string; choice: number } | null {
  const [, id, choice] = PRESSED.exec(data) ?? [];
  return id === undefined ? null : { id, choice: Number(choice) };
}

export const askedKeyboard = (id: string, choices: readonly string[]): InlineKeyboardMarkup => ({
  inline_keyboard: choices.map((text, n) => [{ text, callback_data: `ask.${id}.${n}` }]),
});

/** What the agent is told while nobody has answered. In English, as all that models are told. */
export const notYet = (waitedS: number): string =>
  `Asked, and ${waitedS > 0 ? `nobody has answered within ${waitedS} seconds` : 'not waited for'}. The question stays in the chat: as soon as somebody chooses, the answer comes as a message of its own. End this turn without it, and do not ask again.`;

/** The same, where it is not waited for as long as was asked. */
export const notNow = (waitedS: number): string =>
  `Other chats wait for this agent's place, so the answer is waited for no longer. ${notYet(waitedS)}`;

/** The turn of its command runs, and nobody wants it to stop. */
export function isAwaited(db: Db, question: AgentQuestion, at: Iso): boolean {
  if (question.waitUntil === null || question.waitUntil <= at || question.turnId === null) return false;
  const turn = db.turns.byId(question.turnId);
  return turn?.state === 'running' && turn.stoppedBy === null;
}

/** What the agent is told that waits: the choice first, since people choose their names. In English. */
const resultOf = ({ choices }: AgentQuestion, { choice, sender, senderName }: Chosen): string =>
  `Choice ${choice + 1} of ${choices.length} was chosen: "${choices[choice] ?? ''}". By ${oneLine(senderName, MOST_NAME)} (user ${sender}).`;

/** The agent is owed that nobody has answered, or `why` nobody will, as the result of its command. */
export function endWait(db: Db, question: AgentQuestion, why?: string): void {
  const { id, folder, commandId, askedAt, waitUntil } = question;
  if (!db.asked.endWait(id)) return;
  const waitedMs = Date.parse(waitUntil ?? askedAt) - Date.parse(askedAt);
  db.agents.settleCommand(folder, commandId, why ?? notYet(Math.round(Math.max(0, waitedMs) / 1000)));
}

/** The turn has ended: nobody waits any more for what it has asked, or reads a result. */
export function turnWaitsNoMore(db: Db, turn: string): void {
  for (const id of db.asked.waitsOf(turn)) {
    const question = db.asked.byId(id);
    if (question === null) continue;
    endWait(db, question);
    db.asked.told(question);
  }
}

/** A turn of messages failed and begins again: what it was answered may be gone with it, so it is said to the next attempt. */
export function sayAgain(db: Db, turn: string, assistantName: string, at: Iso): void {
  for (const question of db.asked.answeredTo(turn)) {
    const asker = db.groups.byFolder(question.folder);
    if (asker === null || question.chosen === null) continue;
    db.asked.sayInstead(question.id);
    sayAnswer(db, { question, asker, chosen: question.chosen, assistantName, at });
  }
}

interface Said {
  question: AgentQuestion;
  asker: Group;
  chosen: Chosen;
  assistantName: string;
  /** The message that was pressed, if that is known. */
  pressed?: number;
  at: Iso;
}

/** The answer as a message that is meant for Nina, in the conversation that asked. Its chat's queue is to be woken. */
export function sayAnswer(db: Db, { question, asker, chosen, assistantName, pressed, at }: Said): void {
  const words = db.languages.wordsFor(asker.chatJid);
  const label = question.choices[chosen.choice] ?? '';
  const where = question.chatJid === asker.chatJid ? null : db.groups.byJid(question.chatJid);
  const content =
    where === null ? words.chosen(label) : words.chosenIn(label, oneLine(where.name, MOST_NAME));
  db.messages.insert({
    chatJid: asker.chatJid,
    messageId: ANSWERS_BELOW - question.outboxId,
    threadId: question.replyThreadId,
    sender: chosen.sender,
    senderName: chosen.senderName,
    content,
    timestamp: at,
    isBotMessage: false,
    turnId: null,
    disposition: null,
    reason: null,
    triggerKind: 'answer',
    request: content,
    replyTo: {
      messageId: where === null ? (pressed ?? db.outbox.sentAs(question.outboxId, question.chatJid)) : null,
      name: assistantName,
      text: question.question,
      chat: where?.name ?? null,
    },
    forwardedFrom: null,
    receivedAt: at,
  });
}

export interface Settling {
  as: SettledAs;
  /** What the message says from now on, behind the question. */
  line: string;
  /** Null: nobody. */
  by: Chosen | null;
  nowMs: number;
  /** Why nobody will answer, for the agent that waits. */
  why?: string;
  /** The message that was pressed, below zero in the chat that the group was before; it loses its buttons. */
  pressed?: number;
}

/** False when it was settled before; then nothing has changed. The chat's delivery is to be woken. */
export function settleAsked(db: Db, question: AgentQuestion, settling: Settling): boolean {
  const { as, line, by, nowMs, why } = settling;
  const at = iso(nowMs);
  const answered = as === 'result' ? by : null;
  if (answered === null) endWait(db, question, why);
  if (!db.asked.settle(question.id, as, line, by, at)) return false;
  if (answered !== null)
    db.agents.settleCommand(question.folder, question.commandId, resultOf(question, answered));
  const { pressed } = settling;
  const sent = db.outbox.sentAs(question.outboxId, question.chatJid);
  // Nothing can be changed in the chat that the group was before.
  if (pressed !== undefined && pressed < 0) showSettled(db, question, line, null, at);
  // A send whose result was unknown was repeated: the question may stand twice.
  else
    for (const messageId of new Set([sent, pressed]))
      if (messageId != null && messageId >= 0) showSettled(db, question, line, messageId, at);
  return true;
}

/** Telegram will never show this entry of the outbox: what it asks is asked of nobody. True when somebody is to be told. */
export function askedInVain(db: Db, outboxId: number, reason: string, nowMs: number): boolean {
  const question = db.asked.openByOutbox(outboxId);
  if (question === null) return false;
  const why = `Not asked: Telegram refuses the message (${reason}).`;
  const line = db.languages.wordsFor(question.chatJid).askedOver;
  return settleAsked(db, question, { as: 'dropped', line, by: null, nowMs, why });
}

/** The group goes: what it has asked, and what others have asked in its chat, is void. Its chat is not written to for that. */
export function dropAsked(db: Db, folder: Folder, jid: ChatJid, at: Iso): void {
  for (const question of db.asked.openOf(folder, jid)) {
    endWait(db, question, 'Nobody can answer any more: the group was unregistered.');
    db.asked.settle(question.id, 'dropped', db.languages.wordsFor(question.chatJid).askedOver, null, at);
  }
}

/**
 * The message shows the question, as far as we know. A press comes with whatever a program makes up: none may have another
 * message of ours say something else. One that we do not know may be the question, sent when its result was unknown.
 */
export const standsAs = (
  db: Db,
  question: Pick<AgentQuestion, 'outboxId' | 'chatJid'>,
  messageId: number,
): boolean =>
  messageId === db.outbox.sentAs(question.outboxId, question.chatJid) ||
  db.messages.byMessageId(question.chatJid, messageId) === null;

/** It was settled before, and the message says something else. */
export function showAgain(db: Db, question: AgentQuestion, messageId: number, at: Iso): void {
  const { answer } = question;
  if (answer === null || messageId < 0) return;
  if (db.messages.byMessageId(question.chatJid, messageId)?.now !== settledText(question, answer))
    showSettled(db, question, answer, messageId, at);
}

const settledText = ({ question }: Pick<AgentQuestion, 'question'>, line: string): string =>
  `${question}\n\n${line}`;

/** The message as it is once it is settled; `messageId` null: it stayed in another chat, so it is said anew. */
function showSettled(
  db: Db,
  question: Pick<AgentQuestion, 'chatJid' | 'threadId' | 'question' | 'entities'>,
  line: string,
  messageId: number | null,
  at: Iso,
): void {
  const { chatJid, threadId, entities } = question;
  const text = settledText(question, line);
  const common = { chatJid, threadId, turnId: null, replyTo: null, text, entities };
  db.outbox.add({ ...common, editOf: messageId, at });
}

/** Too old by now; true when it was settled for that. */
export function expireAsked(db: Db, question: AgentQuestion, words: Words, nowMs: number): boolean {
  // A clock that was set back makes nothing older.
  if (nowMs - Date.parse(question.askedAt) <= ASKED_OPEN_MS) return false;
  return settleAsked(db, question, { as: 'expired', line: words.askedExpired, by: null, nowMs });
}
