/**
 * "Why?": what became of a message, and when, in plain words. Reads only. For /why in a chat and `nanoclaw why`.
 */

import { formerMessageId, turnLimitKey } from './db/group-move.ts';
import type { Trace } from './db/trace.ts';
import type { Db } from './db.ts';
import type { ChatJid, Group } from './types.ts';
import { ENGLISH, inWords, type Words } from './words.ts';

export interface Explanation {
  /** Null when no such message was stored. */
  trace: Trace | null;
  /** One thought per line. */
  lines: string[];
}

/** `viewer`: the group that asks, which is told nothing of another group's turn; without it, whoever may see all. */
export function explainMessage(
  db: Db,
  jid: ChatJid,
  messageId: number,
  timezone: string,
  viewer?: Group,
  w: Words = ENGLISH,
): Explanation {
  const group = db.groups.find(jid);
  const trace = traceOf(db, jid, messageId, group);
  if (!trace) {
    const why = group !== null ? w.beforeRegistration : w.onlyNameKept;
    return { trace: null, lines: [`${w.noMessage(messageId)} ${why}`] };
  }
  const at = (time: string | null) => (time === null ? '?' : w.time(Date.parse(time), timezone));
  const { message, turns, sent } = trace;
  const lines = [
    w.messageFrom(messageId, message.senderName, at(message.timestamp), at(message.receivedAt)),
    meaning(message, w),
    ...paused(db, group, trace, at, w),
    ...limited(db, group, jid, message, w, at),
    ...lacking(db, group, message, w),
  ];
  if (viewer && !viewer.isMain && turns.some(({ folder }) => folder !== viewer.folder))
    return { trace, lines: [...lines, w.fromElsewhere] };
  for (const turn of turns) {
    const took =
      turn.startedAt && turn.finishedAt
        ? ` ${w.after(w.duration(Date.parse(turn.finishedAt) - Date.parse(turn.startedAt)))}`
        : '';
    const state = w.turnStates[turn.state];
    const how = turn.finishedAt === null ? state : `${state} ${at(turn.finishedAt)}${took}`;
    const error = turn.errorCode === null ? '' : ` (${turn.errorCode})`;
    const id = turn.id.slice(0, 8);
    const begin = w.attemptOf(turn.kind, id, turn.attempt, at(turn.queuedAt), at(turn.startedAt));
    lines.push(ended(`${begin}, ${how}${error}`));
  }
  for (const reply of sent) {
    const arrived =
      reply.sentAt === null ? w.replyStates[reply.state] : w.sentAs(at(reply.sentAt), reply.sentMessageId);
    const error = reply.error === null || reply.sentAt !== null ? '' : ` (${inWords(w, reply.error)})`;
    const tries = reply.attempts > 1 ? `, ${w.tries(reply.attempts)}` : '';
    lines.push(ended(w.replyIs(reply.id, `${arrived}${tries}${error}`)));
  }
  if (message.disposition === 'answered' && turns.length === 0) lines.push(w.detailsGone);
  else if (message.disposition === 'answered' && sent.length === 0) lines.push(w.nothingToSay);
  return { trace, lines };
}

/** A unit may end with a full stop of its own ("3 Min."). */
const ended = (sentence: string): string => (sentence.endsWith('.') ? sentence : `${sentence}.`);

/** Of a chat that became a supergroup, also what was written before, by the id that it had then. */
function traceOf(db: Db, jid: ChatJid, messageId: number, group: Group | null): Trace | null {
  if (group === null || group.formerJid === null) return db.trace(jid, messageId);
  const before = () => db.trace(group.chatJid, formerMessageId(messageId));
  return jid === group.formerJid ? before() : (db.trace(jid, messageId) ?? before());
}

/** Where it, or a reply to it, waits since the chat takes nothing now. */
function paused(
  db: Db,
  group: Group | null,
  { message, sent }: Trace,
  at: (time: string) => string,
  w: Words,
): string[] {
  const waits =
    message.disposition === null || sent.some(({ state }) => state !== 'sent' && state !== 'failed');
  const pause = group === null || !waits ? null : db.pauses.of(group.chatJid);
  return pause === null ? [] : [w.waitsForPause(w.pauses[pause.reason], at(pause.since))];
}

/** It waits since the group's model cannot be asked. */
function lacking(db: Db, group: Group | null, { disposition, turnId }: Trace['message'], w: Words): string[] {
  if (group === null || disposition !== null || turnId !== null) return [];
  const isOpen = db.problems.open().some((p) => p.kind === 'provider' && p.subject === group.folder);
  return isOpen ? [w.waitsForModel] : [];
}

/** What the group has had enough of, as it was told so where it was asked. */
function limited(
  db: Db,
  group: Group | null,
  jid: ChatJid,
  { disposition, turnId, threadId, receivedAt }: Trace['message'],
  w: Words,
  at: (time: string) => string,
): string[] {
  if (disposition !== null || turnId !== null) return [];
  const turns = db.inbox.meta(turnLimitKey(group?.chatJid ?? jid, threadId));
  const allowance = group === null ? null : db.allowances.waitsUntil(group.folder, threadId);
  return [
    ...(turns === null || turns < receivedAt ? [] : [w.turnsUsedUp(at(turns))]),
    ...(allowance === null || allowance < receivedAt ? [] : [w.allowanceUsedUp(at(allowance))]),
  ];
}

function meaning({ disposition, reason: stored, triggerKind, turnId }: Trace['message'], w: Words): string {
  const reason = stored === null ? null : inWords(w, stored);
  const kinds: Record<string, string> = w.because;
  const because = triggerKind === null ? '' : ` (${kinds[triggerKind] ?? triggerKind})`;
  switch (disposition) {
    case null:
      return turnId === null ? w.waitsForTurn(because) : w.beingAnswered(because);
    case 'not_for_nina':
      return w.notForNina(reason ?? w.noTrigger, turnId !== null);
    case 'not_allowed':
      return w.notAllowed(reason ?? w.unknown);
    case 'answered':
      return w.answered(because);
    case 'failed':
      return w.failed(because, reason ?? w.unknown);
    case 'stopped':
      return w.wasStopped(because, reason);
    case 'host_command':
      return w.wasCommand(reason ?? '?');
    case 'own':
      return w.own;
    case 'service':
      return w.service;
    case 'unregistered':
      return w.unregisteredMessage(reason);
  }
}
