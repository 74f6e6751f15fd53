/** Messages that were edited while a turn had them, until the next turn of their conversation is told what they say now. */
import type { ChatJid, Conversation, Iso, Seq, TurnId } from '../types.ts';
import type { Sqlite } from './open.ts';

export interface Correction {
  messageId: number;
  sender: string;
  senderName: string;
  editedAt: Iso;
  /** What it says now. */
  text: string;
}

/** For one turn; what is beyond waits for the one after. */
const MOST_AT_ONCE = 20;

export function correctionRepository(db: Sqlite) {
  const OPEN = "t.state IN ('queued', 'running')";
  const atWork = db
    .prepare<[number, number], number>(
      `SELECT 1 FROM messages m JOIN turns t ON t.id = m.turn_id WHERE m.seq = ? AND ${OPEN}
       UNION SELECT 1 FROM corrections c JOIN turns t ON t.id = c.turn_id WHERE c.message_seq = ? AND ${OPEN}`,
    )
    .pluck();
  const note = db.prepare(
    `INSERT INTO corrections (message_seq, chat_jid) VALUES (?, ?)
     ON CONFLICT (message_seq) DO UPDATE SET turn_id = NULL`,
  );
  const take = db.prepare<[string, string, Conversation, number]>(
    `UPDATE corrections SET turn_id = ? WHERE message_seq IN (
       SELECT message_seq FROM corrections c INDEXED BY corrections_open JOIN messages m ON m.seq = c.message_seq
       WHERE c.chat_jid = ? AND c.turn_id IS NULL AND coalesce(m.thread_id, 0) IS coalesce(?, m.thread_id, 0)
       ORDER BY message_seq LIMIT ?)`,
  );
  const taken = db.prepare<[string], Correction>(
    `SELECT m.message_id AS messageId, m.sender, m.sender_name AS senderName, m.edited_at AS editedAt,
       coalesce(m.edited_content, m.content) AS text
     FROM corrections c JOIN messages m ON m.seq = c.message_seq WHERE c.turn_id = ?`,
  );

  return {
    /** A turn has the message now, or is told how it was edited: another edit is one more correction. */
    isAtWork: (seq: Seq): boolean => atWork.get(seq, seq) === 1,
    /** The next turn is to be told. Once, however often it is edited until then. */
    note(seq: Seq, jid: ChatJid): void {
      note.run(seq, jid);
    },
    /** In the transaction that claims a turn: what it is to be told. A turn that is given back gives them back. */
    takeFor(turn: TurnId, jid: ChatJid, of: Conversation): Correction[] {
      take.run(turn, jid, of, MOST_AT_ONCE);
      return taken.all(turn);
    },
  };
}
