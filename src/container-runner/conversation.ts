/**
 * Which conversation a turn goes on: the one that there is, unless it was not used for too long, or is another provider's, which
 * alone could go on with it. In the claim's transaction.
 */
import type { Session } from '../db/sessions.ts';
import type { Db } from '../db.ts';
import { type Conversation, type Group, iso, type ProviderName } from '../types.ts';

/** A conversation that is left for a fresh one, and why. */
export interface Left {
  session: Session;
  why: 'idle' | 'provider';
}

export interface Conversed {
  /** Null: a fresh one begins. */
  sessionId: string | null;
  left: Left | null;
}

export interface ConversedIn {
  db: Db;
  nowMs: number;
  /** Null: for ever. */
  sessionMaxIdleMs?: number | null | undefined;
  /** Who is to go on with it; null: nobody has said. */
  provider: ProviderName | null;
}

export function conversationFor(
  { db, nowMs, sessionMaxIdleMs = null, provider }: ConversedIn,
  { folder }: Group,
  conversation: Conversation,
): Conversed {
  const session = db.sessions.of(folder, conversation);
  if (session === null) return { sessionId: null, left: null };
  const isOthers = session.provider !== null && provider !== null && session.provider !== provider;
  const isIdle = sessionMaxIdleMs !== null && nowMs - Date.parse(session.usedAt) > sessionMaxIdleMs;
  if (isOthers || isIdle) {
    db.sessions.drop(folder, conversation);
    return { sessionId: null, left: { session, why: isOthers ? 'provider' : 'idle' } };
  }
  db.sessions.use(folder, conversation, iso(nowMs), provider);
  return { sessionId: session.sessionId, left: null };
}
