/**
 * Whose turn is it within a chat? Where each topic is a conversation, the topic that had its last turn longest ago comes first, so
 * that a long backlog in one starves no other. Where the group is one conversation, what was asked first is answered first.
 */
import type { Turn } from '../db/turn-row.ts';
import type { Db } from '../db.ts';
import { type Conversation, conversationOf, type Group, type Seq } from '../types.ts';

/** A topic where messages wait for a turn. */
export interface WaitingTopic {
  /** Null: General, or a group without topics. */
  threadId: number | null;
  conversation: Conversation;
  /** The message that waits longest. */
  first: Seq;
  /** The attempt that these messages have behind them, if they were given back. */
  lastTry: Turn | null;
  /** Milliseconds until they may have their turn; 0: now. */
  dueInMs: number;
}

/** Those that may begin now, in the order in which they are to; then the others, the soonest first. */
export function waitingTopics(db: Db, group: Group, nowMs: number): WaitingTopic[] {
  const waiting = db.messages.waiting(group.chatJid);
  const next = group.topics === 'together' ? waiting.slice(0, 1) : waiting;
  return next
    .map(({ threadId, first }) => {
      const latest = db.turns.latestIn(group.chatJid, threadId);
      const lastTry = triedBefore(latest, first);
      const dueInMs = lastTry === null ? 0 : restOf(lastTry, nowMs);
      const conversation = conversationOf(group, threadId);
      return { threadId, conversation, first, lastTry, dueInMs, place: latest?.seq ?? 0 };
    })
    .sort((a, b) => a.dueInMs - b.dueInMs || a.place - b.place || a.first - b.first);
}

/** Null: they were settled meanwhile, by /stop perhaps, and what waits has come since. */
const triedBefore = (last: Turn | null, first: Seq): Turn | null =>
  last?.state === 'retried' && last.toSeq !== null && first <= last.toSeq ? last : null;

function restOf({ retryAt, finishedAt }: Turn, nowMs: number): number {
  if (!retryAt || !finishedAt) return 0;
  // A clock that was set back must not make a wait of seconds one of hours.
  if (nowMs < Date.parse(finishedAt)) return 0;
  return Math.max(0, Date.parse(retryAt) - nowMs);
}
