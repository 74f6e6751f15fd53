/** Messages that show how a turn goes: one row from before it is sent until it is deleted, whoever has to see to that. */
import type { ChatJid, Iso, TurnId } from '../types.ts';
import type { Sqlite } from './open.ts';

export interface ProgressMessage {
  turnId: TurnId;
  /** Where it was sent, whatever id the chat has by now. */
  chatJid: ChatJid;
  /** Null: it is being sent, or nobody knows whether it was. */
  messageId: number | null;
  createdAt: Iso;
}

export function progressRepository(db: Sqlite) {
  const COLUMNS = 'turn_id AS turnId, chat_jid AS chatJid, message_id AS messageId, created_at AS createdAt';
  const insert = db.prepare('INSERT INTO progress_messages (turn_id, chat_jid, created_at) VALUES (?, ?, ?)');
  const noteSent = db.prepare('UPDATE progress_messages SET message_id = ? WHERE turn_id = ?');
  const find = db.prepare(
    `INSERT INTO progress_messages (turn_id, chat_jid, message_id, created_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (turn_id) DO UPDATE SET message_id = coalesce(message_id, excluded.message_id)`,
  );
  const byTurn = db.prepare<[string], ProgressMessage>(
    `SELECT ${COLUMNS} FROM progress_messages WHERE turn_id = ?`,
  );
  const all = db.prepare<[], ProgressMessage>(`SELECT ${COLUMNS} FROM progress_messages`);
  const remove = db.prepare('DELETE FROM progress_messages WHERE turn_id = ?');

  return {
    /** It is about to be sent. */
    begin(turn: TurnId, jid: ChatJid, at: Iso): void {
      insert.run(turn, jid, at);
    },
    noteSent(turn: TurnId, messageId: number): void {
      noteSent.run(messageId, turn);
    },
    /** Somebody has met a message of a turn that is over. */
    found(turn: TurnId, jid: ChatJid, messageId: number, at: Iso): void {
      find.run(turn, jid, messageId, at);
    },
    ofTurn: (turn: TurnId): ProgressMessage | null => byTurn.get(turn) ?? null,
    all: (): ProgressMessage[] => all.all(),
    /** It is gone, or nobody will ever find it. */
    remove(turn: TurnId): void {
      remove.run(turn);
    },
  };
}
