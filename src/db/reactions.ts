/**
 * Reactions. Nina's: what a message is to show, and whether Telegram is still to be told; setting one twice is the same, so
 * there is no more to remember. People's, to messages of hers: until she was shown them, one of each person to each message.
 */
import type { ChatJid, Conversation, Iso, TurnId } from '../types.ts';
import type { Sqlite } from './open.ts';

export interface OpenReaction {
  chatJid: ChatJid;
  messageId: number;
  /** The agent's own. */
  emoji: string | null;
  /** A turn works on the message, and its group shows that. */
  isWorking: boolean;
}

/** Of a person to a message of Nina's. */
export interface HeardReaction {
  messageId: number;
  sender: string;
  senderName: string;
  emoji: string;
  at: Iso;
  /** The message that it is to. */
  text: string;
}

/** Of people's reactions a chat keeps the newest. */
const MOST_HEARD = 20;

export function reactionRepository(db: Sqlite) {
  const open = db.prepare<[], Omit<OpenReaction, 'isWorking'> & { working: number }>(
    `SELECT chat_jid AS chatJid, message_id AS messageId, emoji, working FROM reactions INDEXED BY reactions_open
     WHERE open = 1 ORDER BY chat_jid, message_id LIMIT 500`,
  );
  const count = db
    .prepare<[string], number>('SELECT count(*) FROM reactions WHERE chat_jid = ? AND open = 1')
    .pluck();
  const work = db.prepare(
    `INSERT INTO reactions (chat_jid, message_id, working)
       SELECT chat_jid, message_id, 1 FROM messages
       WHERE turn_id = ? AND disposition IS NULL AND trigger_kind IS NOT NULL AND message_id >= 0
     ON CONFLICT (chat_jid, message_id) DO UPDATE SET open = max(open, working = 0 AND emoji IS NULL), working = 1`,
  );
  const set = db.prepare(
    `INSERT INTO reactions (chat_jid, message_id, emoji) VALUES (?, ?, ?)
     ON CONFLICT (chat_jid, message_id) DO UPDATE SET emoji = excluded.emoji, open = 1`,
  );
  const told = db.prepare(
    'UPDATE reactions SET open = 0 WHERE chat_jid = ? AND message_id = ? AND emoji IS ? AND working = ?',
  );
  const drop = db.prepare('DELETE FROM reactions WHERE chat_jid = ? AND message_id = ?');
  const forget = db.prepare(
    'DELETE FROM reactions WHERE chat_jid = ? AND message_id = ? AND open = 0 AND working = 0',
  );

  const hear = db.prepare(
    `INSERT INTO heard_reactions (chat_jid, message_id, sender, sender_name, emoji, at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (chat_jid, message_id, sender) DO UPDATE SET sender_name = excluded.sender_name, emoji = excluded.emoji,
       at = excluded.at, turn_id = NULL`,
  );
  const unhear = db.prepare(
    'DELETE FROM heard_reactions WHERE chat_jid = ? AND message_id = ? AND sender = ? AND turn_id IS NULL',
  );
  const trim = db.prepare(
    `DELETE FROM heard_reactions WHERE chat_jid = ? AND (message_id, sender) NOT IN
       (SELECT message_id, sender FROM heard_reactions WHERE chat_jid = ? ORDER BY at DESC, message_id DESC LIMIT ${MOST_HEARD})`,
  );
  const forgetShown = db.prepare(
    `DELETE FROM heard_reactions WHERE chat_jid = ? AND turn_id IS NOT NULL
       AND coalesce((SELECT state FROM turns WHERE id = heard_reactions.turn_id), 'done') NOT IN ('retried', 'queued', 'running')`,
  );
  const show = db.prepare<[string, string, Conversation]>(
    `UPDATE heard_reactions SET turn_id = ? WHERE chat_jid = ?
       AND coalesce((SELECT state FROM turns WHERE id = heard_reactions.turn_id), 'retried') = 'retried'
       AND EXISTS (SELECT 1 FROM messages m WHERE m.chat_jid = heard_reactions.chat_jid
         AND m.message_id = heard_reactions.message_id AND coalesce(m.thread_id, 0) IS coalesce(?, m.thread_id, 0))`,
  );
  const shown = db.prepare<[string, string], HeardReaction>(
    `SELECT h.message_id AS messageId, h.sender, h.sender_name AS senderName, h.emoji, h.at, m.content AS text
     FROM heard_reactions h JOIN messages m ON m.chat_jid = h.chat_jid AND m.message_id = h.message_id
     WHERE h.chat_jid = ? AND h.turn_id = ? ORDER BY h.at, h.message_id`,
  );

  return {
    /** What Telegram is to be told, some of it. */
    open: (): OpenReaction[] =>
      open.all().map(({ working, ...row }) => ({ ...row, isWorking: working === 1 })),
    waiting: (jid: ChatJid): number => count.get(jid) ?? 0,
    /** The turn works on its messages from now on, until they are settled (a trigger sees to that). */
    work(turn: TurnId): void {
      work.run(turn);
    },
    /** The agent's reaction to a message is this; null takes it back. */
    set(jid: ChatJid, messageId: number, emoji: string | null): void {
      set.run(jid, messageId, emoji);
    },
    /** Telegram has taken this. What has changed meanwhile stays open. */
    told({ chatJid, messageId, emoji, isWorking }: OpenReaction): void {
      db.transaction(() => {
        told.run(chatJid, messageId, emoji, +isWorking);
        forget.run(chatJid, messageId);
      })();
    },
    /** Telegram will never take it. */
    drop({ chatJid, messageId }: Pick<OpenReaction, 'chatJid' | 'messageId'>): void {
      drop.run(chatJid, messageId);
    },

    hear(jid: ChatJid, reaction: Omit<HeardReaction, 'text'>): void {
      const { messageId, sender, senderName, emoji, at } = reaction;
      hear.run(jid, messageId, sender, senderName, emoji, at);
      trim.run(jid, jid);
    },
    /** It was taken back before Nina was shown it. */
    unhear(jid: ChatJid, messageId: number, sender: string): void {
      unhear.run(jid, messageId, sender);
    },
    /** In the transaction that claims a turn: what of its conversation it is to be shown, oldest first; a turn that is given back gives them back. */
    showTo(turn: TurnId, jid: ChatJid, of: Conversation): HeardReaction[] {
      forgetShown.run(jid);
      show.run(turn, jid, of);
      return shown.all(jid, turn);
    },
  };
}
