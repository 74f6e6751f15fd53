/** Which conversation a turn goes on: the one that there is, unless it was not used for too long. In the claim's transaction. */
import type { Session } from '../db/sessions.ts';
import type { Db } from '../db.ts';
import { type Conversation, type Group, iso } from '../types.ts';

export interface Conversed {
  /** Null: a fresh one begins. */
  sessionId: string | null;
  /** The one that is left for it. */
  left: Session | null;
}

/** `sessionMaxIdleMs`: null, for ever. */
export function conversationFor(
  { db, nowMs, sessionMaxIdleMs = null }: { db: Db; nowMs: number; sessionMaxIdleMs?: number | null },
  { folder }: Group,
  conversation: Conversation,
): Conversed {
  const session = db.sessions.of(folder, conversation);
  if (session === null) return { sessionId: null, left: null };
  if (sessionMaxIdleMs !== null && nowMs - Date.parse(session.usedAt) > sessionMaxIdleMs) {
    db.sessions.drop(folder, conversation);
    return { sessionId: null, left: session };
  }
  db.sessions.use(folder, conversation, iso(nowMs));
  return { sessionId: session.sessionId, left: null };
}
