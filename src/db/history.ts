/** Pages of what was said in a chat, in the order of arrival, for those who read back and forth. */
import type { ChatJid, Iso, Seq } from '../types.ts';
import type { Sqlite } from './open.ts';

export interface Said {
  seq: Seq;
  messageId: number;
  threadId: number | null;
  senderName: string;
  content: string;
  timestamp: Iso;
}

export function historyRepository(db: Sqlite) {
  const COLUMNS = `seq, message_id AS messageId, thread_id AS threadId, sender_name AS senderName,
    coalesce(edited_content, content) AS content, timestamp`;
  // What Nina's sender rules keep from her is not hers to read later.
  const HERS = "disposition IS NOT 'not_allowed'";
  const before = db.prepare<[string, number, number], Said>(
    `SELECT ${COLUMNS} FROM messages WHERE chat_jid = ? AND seq < ? AND ${HERS} ORDER BY seq DESC LIMIT ?`,
  );
  const beforeIn = db.prepare<[string, number | null, number, number], Said>(
    `SELECT ${COLUMNS} FROM messages WHERE chat_jid = ? AND thread_id IS ? AND seq < ? AND ${HERS} ORDER BY seq DESC LIMIT ?`,
  );
  const from = db.prepare<[string, number, number], Said>(
    `SELECT ${COLUMNS} FROM messages WHERE chat_jid = ? AND seq >= ? AND ${HERS} ORDER BY seq LIMIT ?`,
  );
  const fromIn = db.prepare<[string, number | null, number, number], Said>(
    `SELECT ${COLUMNS} FROM messages WHERE chat_jid = ? AND thread_id IS ? AND seq >= ? AND ${HERS} ORDER BY seq LIMIT ?`,
  );
  const thread = (topic: number): number | null => (topic === 0 ? null : topic);
  return {
    /** The last `limit` messages before `seq`, oldest first. `topic` null: all of the chat; 0: what lies in none. */
    before: (jid: ChatJid, seq: Seq, limit: number, topic: number | null): Said[] =>
      (topic === null ? before.all(jid, seq, limit) : beforeIn.all(jid, thread(topic), seq, limit)).reverse(),
    /** The first `limit` messages from `seq` on. */
    from: (jid: ChatJid, seq: Seq, limit: number, topic: number | null): Said[] =>
      topic === null ? from.all(jid, seq, limit) : fromIn.all(jid, thread(topic), seq, limit),
  };
}
