/**
 * What is to be forgotten, and the forgetting of one message: its row and index entry, what quotes it, its files' rows, and
 * what Nina answered to it. In the caller's transaction. Not forgotten: what waits for an answer, is being answered, or whose
 * answer is still to be sent.
 */
import type { ChatJid, Folder, Iso, Seq, TurnId } from '../types.ts';
import type { Sqlite } from './open.ts';
import { searchIndexRepository } from './search-index.ts';

/** Whose messages: of one sender or, null, of all; said since then ('': ever); up to `toSeq`. */
export interface Scope {
  chatJid: ChatJid;
  sender: string | null;
  since: Iso | '';
  fromSeq: Seq;
  toSeq: Seq;
}

/** How much went. */
export interface Done {
  messages: number;
  entries: number;
  answers: number;
  files: number;
  lines: number;
  /** What stays, as it is still being worked on. */
  kept: number;
  /** Files that could not be looked through, changed or removed. */
  left: number;
  /** Conversations with the model that held it. */
  conversations: number;
  /** Those of them that went on until now. */
  renewed: number;
  /** A turn ran meanwhile: what it still writes down was not looked for. */
  busy: number;
  /** Where notes quote it still. */
  notes: string[];
  /** Main's conversations were looked through, too. */
  mains: boolean;
}

export interface Forgetting extends Scope {
  id: number;
  /** Null: archives come first. */
  cursor: Seq | null;
  done: Done;
  toldJid: ChatJid | null;
  threadId: number | null;
  askedBy: string;
}

/** A message that is to go, and what lies in files because of it. */
export interface Leaving {
  seq: Seq;
  chatJid: ChatJid;
  messageId: number;
  turnId: TurnId | null;
  files: { folder: Folder; path: string }[];
}

export const NOTHING_DONE: Done = {
  messages: 0,
  entries: 0,
  answers: 0,
  files: 0,
  lines: 0,
  kept: 0,
  left: 0,
  conversations: 0,
  renewed: 0,
  busy: 0,
  notes: [],
  mains: false,
};
/** Of a chat, the newest so many are counted, and looked through for a name. */
const LOOKED_AT = 20_000;

interface Row extends Scope {
  id: number;
  cursor: number | null;
  done: string;
  toldJid: string | null;
  threadId: number | null;
  askedBy: string;
}

export function forgettingRepository(db: Sqlite) {
  const index = searchIndexRepository(db);
  const insert = db.prepare(
    `INSERT INTO forgettings (chat_jid, sender, since, from_seq, to_seq, done, told_jid, thread_id, asked_by, asked_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const first = db.prepare<[], Row>(
    `SELECT id, chat_jid AS chatJid, sender, since, from_seq AS fromSeq, to_seq AS toSeq, cursor, done, told_jid AS toldJid,
       thread_id AS threadId, asked_by AS askedBy FROM forgettings ORDER BY id LIMIT 1`,
  );
  const update = db.prepare('UPDATE forgettings SET cursor = ?, done = ? WHERE id = ?');
  const finish = db.prepare('DELETE FROM forgettings WHERE id = ?');
  const lastSeq = db.prepare<[], number>('SELECT coalesce(max(seq), 0) FROM messages').pluck();
  const looked = db.prepare<[string, number], { sender: string; name: string; timestamp: string }>(
    `SELECT sender, sender_name AS name, timestamp FROM messages WHERE chat_jid = ? AND seq <= ? ORDER BY seq DESC LIMIT ${LOOKED_AT}`,
  );
  const window = db.prepare<
    [string, number, number, number],
    {
      seq: number;
      messageId: number;
      sender: string;
      timestamp: string;
      content: string;
      edited: string | null;
    }
  >(
    `SELECT seq, message_id AS messageId, sender, timestamp, content, edited_content AS edited FROM messages
     WHERE chat_jid = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?`,
  );
  const leaving = db.prepare<[number], { messageId: number; chatJid: string; turnId: string | null }>(
    `SELECT message_id AS messageId, chat_jid AS chatJid, turn_id AS turnId FROM messages WHERE seq = ? AND disposition IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM turns t WHERE t.id = messages.turn_id AND t.state IN ('queued', 'running'))
       AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.turn_id = messages.turn_id AND o.state IN ('pending', 'sending', 'uncertain'))`,
  );
  const repliesTo = db
    .prepare<[string, number], number>(
      'SELECT seq FROM messages INDEXED BY messages_by_reply WHERE chat_jid = ? AND reply_to_message_id = ?',
    )
    .pluck();
  const unquote = db.prepare("UPDATE messages SET reply_to_text = '' WHERE seq = ? AND reply_to_text <> ''");
  const stored = db.prepare<[number, number], { folder: string; path: string }>(
    `SELECT group_folder AS folder, path FROM attachments WHERE message_seq = ? AND of_reply >= ? AND state = 'stored' AND path IS NOT NULL`,
  );
  const dropFiles = db.prepare('DELETE FROM attachments WHERE message_seq = ? AND of_reply >= ?');
  const removeMessage = db.prepare('DELETE FROM messages WHERE seq = ?');
  const dropReaction = db.prepare('DELETE FROM reactions WHERE chat_jid = ? AND message_id = ? AND open = 0');
  const dropHeard = db.prepare('DELETE FROM heard_reactions WHERE chat_jid = ? AND message_id = ?');
  const askedStill = db
    .prepare<[string], number>(
      `SELECT 1 FROM messages INDEXED BY messages_by_turn WHERE turn_id = ? AND is_bot_message = 0
         AND disposition IS NOT 'not_for_nina' LIMIT 1`,
    )
    .pluck();
  const answersOf = db.prepare<[string], { seq: number; messageId: number; chatJid: string }>(
    `SELECT seq, message_id AS messageId, chat_jid AS chatJid FROM messages INDEXED BY messages_by_turn
     WHERE turn_id = ? AND is_bot_message = 1`,
  );
  const dropReplies = db.prepare(
    "DELETE FROM outbox WHERE turn_id = ? AND state IN ('sent', 'failed') AND edit_of IS NULL",
  );
  const dropQuestions = db.prepare(
    'DELETE FROM agent_questions WHERE turn_id = ? AND settled_as IS NOT NULL',
  );
  const dropReply = db.prepare(
    "DELETE FROM outbox WHERE turn_id = ? AND sent_message_id = ? AND state IN ('sent', 'failed')",
  );
  const dropOwn = db.prepare(
    `DELETE FROM outbox INDEXED BY outbox_settled WHERE turn_id IS NULL AND state IN ('sent', 'failed')
       AND created_at >= ? AND chat_jid = ?`,
  );
  const CHAIN = 'chain = (SELECT chain FROM turns WHERE id = ?)';
  const silence = db.prepare(
    `UPDATE turns SET reply = '' WHERE ${CHAIN} AND state NOT IN ('queued', 'running')`,
  );
  const attempts = db.prepare<[string], { id: string; folder: string }>(
    `SELECT id, group_folder AS folder FROM turns WHERE ${CHAIN}`,
  );
  const said = db.prepare<[number], string>('SELECT received_at FROM messages WHERE seq = ?').pluck();
  const emptyUpdates = db.prepare(
    'UPDATE inbox SET payload = NULL WHERE received_at >= ? AND chat_jid = ? AND payload IS NOT NULL',
  );

  const isMeant = (scope: Scope, row: { sender: string; timestamp: string }): boolean =>
    (scope.sender === null || row.sender === scope.sender) && row.timestamp >= scope.since;

  /** One message with all that hangs on it. */
  function remove(chatJid: string, seq: number, messageId: number, done: Done): void {
    for (const reply of repliesTo.all(chatJid, messageId)) {
      unquote.run(reply);
      dropFiles.run(reply, 1);
    }
    dropFiles.run(seq, 0);
    dropReaction.run(chatJid, messageId);
    dropHeard.run(chatJid, messageId);
    removeMessage.run(seq);
    done.entries += index.removeEntries([seq as Seq]);
  }

  return {
    add(
      scope: Scope,
      by: { askedBy: string; toldJid: ChatJid | null; threadId: number | null; at: Iso },
    ): void {
      const { chatJid, sender, since, fromSeq, toSeq } = scope;
      const done = JSON.stringify(NOTHING_DONE);
      insert.run(chatJid, sender, since, fromSeq, toSeq, done, by.toldJid, by.threadId, by.askedBy, by.at);
    },
    /** The one that was asked for first. */
    next(): Forgetting | null {
      const row = first.get();
      return row === undefined
        ? null
        : ({ ...row, done: { ...NOTHING_DONE, ...JSON.parse(row.done) } } as Forgetting);
    },
    progress(id: number, cursor: Seq, done: Done): void {
      update.run(cursor, JSON.stringify(done), id);
    },
    finish(id: number): void {
      finish.run(id);
    },
    lastSeq: (): Seq => (lastSeq.get() ?? 0) as Seq,
    /** How many are meant among the chat's newest; `more`: the chat has older ones that were not counted. */
    count(scope: Scope): { count: number; more: boolean } {
      const rows = looked.all(scope.chatJid, scope.toSeq);
      return { count: rows.filter((row) => isMeant(scope, row)).length, more: rows.length === LOOKED_AT };
    },
    /** Who has written in the chat, with the name of the newest message. */
    senders(jid: ChatJid): { sender: string; name: string }[] {
      const names = new Map<string, string>();
      for (const { sender, name } of looked.all(jid, Number.MAX_SAFE_INTEGER))
        if (!names.has(sender)) names.set(sender, name);
      return [...names].map(([sender, name]) => ({ sender, name }));
    },
    /** The next `limit` messages behind `cursor`, and those of them that are meant. `next`: null behind the last one. */
    window(
      scope: Scope,
      cursor: Seq,
      limit: number,
    ): { next: Seq | null; meant: { seq: Seq; messageId: number; texts: string[] }[] } {
      const rows = window.all(scope.chatJid, cursor, scope.toSeq, limit);
      const meant = rows
        .filter((row) => isMeant(scope, row))
        .map((row) => ({
          seq: row.seq as Seq,
          messageId: row.messageId,
          texts: [row.content, ...(row.edited === null ? [] : [row.edited])],
        }));
      return { next: rows.length < limit ? null : ((rows.at(-1)?.seq ?? null) as Seq | null), meant };
    },
    /** Null: it is still being worked on. */
    leaving(seq: Seq): Leaving | null {
      const row = leaving.get(seq);
      if (row === undefined) return null;
      const replies = repliesTo.all(row.chatJid, row.messageId);
      const files = [stored.all(seq, 0), ...replies.map((reply) => stored.all(reply, 1))].flat();
      return {
        seq,
        chatJid: row.chatJid as ChatJid,
        messageId: row.messageId,
        turnId: row.turnId as TurnId | null,
        files: files.map(({ folder, path }) => ({ folder: folder as Folder, path })),
      };
    },
    /** The turn and its earlier attempts. */
    attempts: (turn: TurnId) => attempts.all(turn) as { id: TurnId; folder: Folder }[],
    /** The message goes; and with the last message that a turn was asked with, what it answered. */
    forget({ seq, chatJid, messageId, turnId }: Leaving, done: Done): void {
      remove(chatJid, seq, messageId, done);
      done.messages += 1;
      if (turnId === null) return;
      silence.run(turnId);
      dropReply.run(turnId, messageId);
      if (askedStill.get(turnId) !== undefined) return;
      for (const answer of answersOf.all(turnId)) {
        remove(answer.chatJid, answer.seq, answer.messageId, done);
        done.answers += 1;
      }
      dropReplies.run(turnId);
      dropQuestions.run(turnId);
    },
    /** When the message came; null when it is gone. */
    cameAt: (seq: Seq): Iso | null => (said.get(seq) ?? null) as Iso | null,
    /** What the chat's updates since then were as they came: they hold the text, its edits and quotes of it. */
    emptyUpdates(jid: ChatJid, since: Iso): void {
      emptyUpdates.run(since, jid);
    },
    /** What the daemon itself has answered in the chat since then. */
    dropOwnReplies(jid: ChatJid, since: Iso): void {
      dropOwn.run(since, jid);
    },
  };
}
