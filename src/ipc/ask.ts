/**
 * ask_user: a question with buttons into the chat, inside the transaction that notes the command. What an earlier attempt of
 * the same turn has asked is not asked again: it is waited for, or answered as it was then.
 */
import { createHash } from 'node:crypto';
import { askedKeyboard, MOST_ASKED, notYet } from '../asked.ts';
import type { AgentQuestion } from '../db/agent-questions.ts';
import type { Turn } from '../db/turn-row.ts';
import type { Db } from '../db.ts';
import { NanoClawError } from '../errors.ts';
import { stripInternal } from '../format/reply-text.ts';
import { formatReply } from '../format.ts';
import type { Random } from '../lib/random.ts';
import { type Command, USUAL_ASK_S } from '../protocol/commands.ts';
import { type Group, type Iso, iso } from '../types.ts';
import type { CommandEffect } from './commands.ts';

type Ask = Extract<Command, { type: 'ask_user' }>;

/** Room for who chose what, behind it. */
const MOST_SHOWN = 3500;

export interface AskContext {
  db: Db;
  random: Random;
  nowMs: number;
}

/** `turn`: the one that asks, if it still runs. Throws COMMAND_REFUSED and COMMAND_INVALID. */
export function askUser(
  context: AskContext,
  asker: Group,
  target: Group,
  turn: Turn | null,
  command: Ask,
): CommandEffect {
  const { db, nowMs } = context;
  const waitMs = turn === null || turn.stoppedBy !== null ? 0 : 1000 * (command.wait_s ?? USUAL_ASK_S);
  const waitUntil = waitMs > 0 ? iso(nowMs + waitMs) : null;
  const digest = digestOf(target, command);
  const before = turn === null ? null : db.asked.ofAttempts(turn.id, digest);
  const again = before && turn ? askedBefore(db, before, turn, command, waitUntil) : null;
  if (again !== null) return again;
  if (db.asked.countOpen(asker.folder) >= MOST_ASKED)
    throw new NanoClawError(
      'COMMAND_REFUSED',
      `${MOST_ASKED} questions of this chat are open already; ask again when they are answered`,
    );
  ask(context, { asker, target, turn, command, digest, waitUntil });
  return waitUntil === null
    ? { detail: notYet(0), wakeDelivery: target.chatJid }
    : { detail: '', waits: true, wakeDelivery: target.chatJid };
}

const ALREADY_SAID =
  'This was asked before, and somebody has chosen: the answer is a message of its own, which you have or will get. Do not ask again.';

/** The same question, by this turn or an attempt before it; null when it is to be asked anew. */
function askedBefore(
  db: Db,
  question: AgentQuestion,
  turn: Turn,
  { id }: Ask,
  waitUntil: Iso | null,
): CommandEffect | null {
  const isSameAttempt = question.turnId === turn.id;
  if (question.settledAs !== null) {
    // What one attempt asks twice is meant twice.
    if (isSameAttempt) return null;
    if (question.settledAs === 'message') return { detail: ALREADY_SAID };
    if (question.settledAs !== 'result') return null;
    const detail = db.agents.command(question.folder, question.commandId)?.reason ?? question.answer ?? '';
    return { detail };
  }
  if (isSameAttempt && question.waitUntil !== null)
    throw new NanoClawError('COMMAND_REFUSED', 'this question is asked and waited for already');
  db.asked.attach(question.id, turn.id, id, waitUntil);
  return waitUntil === null ? { detail: notYet(0) } : { detail: '', waits: true };
}

interface NewQuestion {
  asker: Group;
  target: Group;
  turn: Turn | null;
  command: Ask;
  digest: string;
  waitUntil: Iso | null;
}

function ask(
  { db, random, nowMs }: AskContext,
  { asker, target, turn, command, digest, waitUntil }: NewQuestion,
): void {
  const source = stripInternal(command.question);
  const { parts, whole } = formatReply(source, target.format === 'plain' ? 'plain' : 'markdown');
  const [shown] = parts;
  if (shown === undefined || parts.length > 1 || whole !== null || shown.text.length > MOST_SHOWN)
    throw new NanoClawError('COMMAND_INVALID', 'expected a question that fits one message');
  const id = Buffer.from(random.bytes(6)).toString('base64url');
  const { chatJid } = target;
  const reply = turn?.threadId ?? null;
  const threadId = chatJid === asker.chatJid ? reply : null;
  const outboxId = db.outbox.add({
    chatJid,
    threadId,
    turnId: turn?.id ?? null,
    replyTo: null,
    text: shown.text,
    entities: shown.entities,
    keyboard: JSON.stringify(askedKeyboard(id, command.choices)),
    at: iso(nowMs),
  });
  db.asked.add({
    id,
    folder: asker.folder,
    chatJid,
    threadId,
    replyThreadId: reply,
    turnId: turn?.id ?? null,
    commandId: command.id,
    digest,
    question: shown.text,
    entities: shown.entities,
    choices: command.choices,
    outboxId,
    askedAt: iso(nowMs),
    waitUntil,
  });
}

function digestOf({ folder }: Group, { question, choices }: Ask): string {
  return createHash('sha256')
    .update(JSON.stringify([folder, question, choices]))
    .digest('base64url');
}
