/** Everything that is known about one message: itself, its turns, what was sent for it. */
import type { ChatJid, Disposition } from '../types.ts';
import type { Sqlite } from './open.ts';
import type { Turn } from './turn-row.ts';
import { turnRepository } from './turns.ts';

export interface Trace {
  message: {
    seq: number;
    messageId: number;
    senderName: string;
    timestamp: string;
    receivedAt: string;
    disposition: Disposition | null;
    reason: string | null;
    triggerKind: string | null;
    turnId: string | null;
    editedAt: string | null;
    threadId: number | null;
  };
  /** Oldest first: earlier attempts over the same messages, too. */
  turns: Turn[];
  sent: {
    id: number;
    state: 'pending' | 'sending' | 'sent' | 'uncertain' | 'failed';
    attempts: number;
    sentAt: string | null;
    sentMessageId: number | null;
    error: string | null;
  }[];
}

/** How many attempts back a trace looks. */
const MAX_ATTEMPTS = 10;

export function traceQuery(db: Sqlite): (jid: ChatJid, messageId: number) => Trace | null {
  const turns = turnRepository(db);
  const message = db.prepare<[string, number], Trace['message']>(
    `SELECT seq, message_id AS messageId, sender_name AS senderName, timestamp, received_at AS receivedAt, disposition,
       reason, trigger_kind AS triggerKind, turn_id AS turnId, edited_at AS editedAt, thread_id AS threadId
     FROM messages WHERE chat_jid = ? AND message_id = ?`,
  );
  const attempts = db
    .prepare<[string, number, number, number], string>(
      `SELECT id FROM turns WHERE chat_jid = ? AND kind = 'messages' AND from_seq < ? AND to_seq >= ? AND state = 'retried'
         AND (conversation IS NULL OR conversation = ?)
       ORDER BY seq DESC LIMIT ${MAX_ATTEMPTS}`,
    )
    .pluck();
  const sent = db.prepare<[string], Trace['sent'][number]>(
    `SELECT id, state, attempts, sent_at AS sentAt, sent_message_id AS sentMessageId, error
     FROM outbox WHERE turn_id = ? ORDER BY id`,
  );
  return (jid, messageId) => {
    const found = message.get(jid, messageId);
    if (!found) return null;
    const ids = attempts.all(jid, found.seq, found.seq, found.threadId ?? 0).reverse();
    if (found.turnId !== null && !ids.includes(found.turnId)) ids.push(found.turnId);
    return {
      message: found,
      turns: ids.map((id) => turns.byId(id)).filter((turn) => turn !== null),
      sent: found.turnId === null ? [] : sent.all(found.turnId),
    };
  };
}
