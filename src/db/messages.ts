/**
 * Messages of registered groups. `disposition` NULL means: meant for Nina and not settled yet.
 * Every query that runs per message is an index search (test/behaviour/query-plans.test.ts).
 */
import type {
  ChatJid,
  Conversation,
  Disposition,
  Iso,
  NewMessage,
  Seq,
  StoredMessage,
  TurnId,
} from '../types.ts';
import { MESSAGE as COLUMNS, type MessageRow as Row, toMessage } from './message-row.ts';
import type { Sqlite } from './open.ts';
import { NOT_SHOWN, topicRepository } from './topics.ts';
import type { Turn } from './turn-row.ts';

/** As messages have it in their column. */
const threadOf = (conversation: number): number | null => (conversation === 0 ? null : conversation);

interface Waiting {
  sender: string;
  threadId: number | null;
  messageId: number;
}

export function messageRepository(db: Sqlite) {
  const topics = topicRepository(db);
  const insert = db.prepare(
    `INSERT INTO messages (chat_jid, message_id, thread_id, sender, sender_name, content, timestamp, is_bot_message,
       turn_id, disposition, reason, trigger_kind, request, reply_to_message_id, reply_to_name, reply_to_text,
       reply_to_quote, reply_to_chat, forwarded_from, received_at, album_id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (chat_jid, message_id) DO NOTHING`,
  );
  const byId = db.prepare<[string, number], Row & { now: string }>(
    `SELECT ${COLUMNS}, coalesce(edited_content, content) AS now FROM messages WHERE chat_jid = ? AND message_id = ?`,
  );
  const replace = db.prepare(
    `UPDATE messages SET content = ?, edited_at = ?, disposition = ?, trigger_kind = ?, request = ?,
       reason = iif(?, reason, ?), turn_id = NULL, edited_content = NULL WHERE seq = ?`,
  );
  const noteEdit = db.prepare('UPDATE messages SET edited_content = ?, edited_at = ? WHERE seq = ?');
  const noteSame = db.prepare('UPDATE messages SET edited_at = ? WHERE seq = ? AND edited_at < ?');
  const firstOpen = db
    .prepare<[string], number | null>(
      'SELECT min(seq) FROM messages WHERE chat_jid = ? AND disposition IS NULL AND turn_id IS NULL',
    )
    .pluck();
  const waiting = db.prepare<[string], { threadId: number | null; first: Seq }>(
    `SELECT thread_id AS threadId, min(seq) AS first FROM messages INDEXED BY messages_open_by_topic
     WHERE chat_jid = ? AND disposition IS NULL AND turn_id IS NULL GROUP BY thread_id`,
  );
  const forward = db.prepare<[string, number, number], Row>(
    `SELECT ${COLUMNS} FROM messages WHERE chat_jid = ? AND seq >= ?
       AND ((disposition IS NULL AND turn_id IS NULL) OR (disposition = 'not_for_nina' AND ${NOT_SHOWN}))
     ORDER BY seq LIMIT ?`,
  );
  const forwardIn = db.prepare<[string, number | null, number, number, number], Row>(
    `SELECT ${COLUMNS} FROM messages WHERE chat_jid = ? AND thread_id IS ? AND seq >= ?
       AND ((disposition IS NULL AND turn_id IS NULL) OR (disposition = 'not_for_nina' AND seq > ?))
     ORDER BY seq LIMIT ?`,
  );
  const CONTEXT = "chat_jid = ? AND seq > ? AND seq < ? AND disposition = 'not_for_nina'";
  const CONTEXT_IN = `thread_id IS ? AND ${CONTEXT}`;
  const before = db.prepare<[string, number, number, number], Row>(
    `SELECT ${COLUMNS} FROM messages WHERE ${CONTEXT} AND ${NOT_SHOWN} ORDER BY seq DESC LIMIT ?`,
  );
  const beforeIn = db.prepare<[number | null, string, number, number, number], Row>(
    `SELECT ${COLUMNS} FROM messages WHERE ${CONTEXT_IN} ORDER BY seq DESC LIMIT ?`,
  );
  const countBefore = db
    .prepare<[string, number, number], number>(
      `SELECT count(*) FROM messages WHERE ${CONTEXT} AND ${NOT_SHOWN}`,
    )
    .pluck();
  const countBeforeIn = db
    .prepare<[number | null, string, number, number], number>(
      `SELECT count(*) FROM messages WHERE ${CONTEXT_IN}`,
    )
    .pluck();
  const openChats = db
    .prepare<[], string>(
      'SELECT DISTINCT chat_jid FROM messages INDEXED BY messages_open WHERE disposition IS NULL',
    )
    .pluck();
  const newer = db
    .prepare<[string, number | null, number], number>(
      `SELECT 1 FROM messages WHERE chat_jid = ? AND thread_id IS ? AND seq > ? AND is_bot_message = 0
         AND disposition IS NOT 'service' LIMIT 1`,
    )
    .pluck();
  const disposeOpen = db.prepare<[string, string, string, Conversation]>(
    `UPDATE messages SET disposition = ?, reason = ? WHERE chat_jid = ? AND disposition IS NULL AND turn_id IS NULL
       AND coalesce(thread_id, 0) IS coalesce(?, thread_id, 0)`,
  );
  const bySeq = db.prepare<[number], Row & { reason: string | null; is_fresh: number }>(
    `SELECT ${COLUMNS}, reason, disposition = 'not_for_nina' AND turn_id IS NULL AND ${NOT_SHOWN} AS is_fresh
     FROM messages WHERE seq = ?`,
  );
  const hear = db.prepare('UPDATE messages SET content = ?, request = ? WHERE seq = ?');
  const openAs = db.prepare(
    'UPDATE messages SET disposition = NULL, trigger_kind = ? WHERE seq = ? AND turn_id IS NULL',
  );
  const album = 'chat_jid = ? AND album_id = ? AND sender = ? AND turn_id IS NULL';
  const openOfAlbum = db
    .prepare<[string, string, string, number], number>(
      `SELECT 1 FROM messages INDEXED BY messages_by_album WHERE ${album} AND disposition IS NULL
         AND trigger_kind <> 'album' AND seq <> ? LIMIT 1`,
    )
    .pluck();
  const openAlbum = db.prepare(
    `UPDATE messages INDEXED BY messages_by_album SET disposition = NULL, trigger_kind = 'album', request = '' WHERE ${album}
       AND disposition = 'not_for_nina' AND ${NOT_SHOWN}`,
  );
  const closeAlbum = db.prepare(
    `UPDATE messages INDEXED BY messages_by_album SET disposition = 'not_for_nina', trigger_kind = NULL, reason = ?
       WHERE ${album} AND disposition IS NULL AND trigger_kind = 'album'
       AND NOT EXISTS (SELECT 1 FROM messages o INDEXED BY messages_by_album WHERE o.chat_jid = messages.chat_jid
         AND o.album_id = messages.album_id AND o.disposition IS NULL AND o.trigger_kind <> 'album')`,
  );

  const waitingSenders = db.prepare<[string], Waiting>(
    `SELECT sender, thread_id AS threadId, message_id AS messageId FROM messages INDEXED BY messages_open
     WHERE chat_jid = ? AND disposition IS NULL AND turn_id IS NULL ORDER BY seq`,
  );
  const refuse = db.prepare(
    `UPDATE messages INDEXED BY messages_open SET disposition = 'not_allowed', reason = ?
     WHERE chat_jid = ? AND thread_id IS ? AND sender = ? AND disposition IS NULL AND turn_id IS NULL`,
  );

  const latestSenders = db.prepare<[string], { sender: string; sender_name: string }>(
    'SELECT sender, sender_name FROM messages WHERE chat_jid = ? ORDER BY seq DESC LIMIT 2000',
  );
  const reopen = db.prepare(
    `UPDATE messages SET disposition = NULL, reason = NULL, turn_id = NULL, content = coalesce(edited_content, content),
       edited_content = NULL, request = CASE WHEN edited_content IS NULL THEN request END
     WHERE turn_id = ? AND disposition = 'failed'`,
  );
  const failedWords = db
    .prepare<[string], string>(
      `SELECT coalesce(nullif(request, ''), content) FROM messages WHERE turn_id = ? AND disposition = 'failed'
       ORDER BY seq DESC LIMIT 1`,
    )
    .pluck();

  return {
    /** Returns the new sequence number, or null when this chat already has the message. */
    insert(m: NewMessage): Seq | null {
      const done = insert.run(
        m.chatJid,
        m.messageId,
        m.threadId,
        m.sender,
        m.senderName,
        m.content,
        m.timestamp,
        +m.isBotMessage,
        m.turnId,
        m.disposition,
        m.reason,
        m.triggerKind,
        m.request,
        m.replyTo?.messageId ?? null,
        m.replyTo?.name ?? null,
        m.replyTo?.text ?? null,
        +(m.replyTo?.isQuote === true),
        m.replyTo?.chat ?? null,
        m.forwardedFrom,
        m.receivedAt,
        m.albumId ?? null,
      );
      return done.changes === 0 ? null : (Number(done.lastInsertRowid) as Seq);
    },
    /** `claimed`: a turn has it or has had it. `now`: what it says by now, `content` what it said when it was claimed. */
    byMessageId(
      jid: ChatJid,
      messageId: number,
    ): (StoredMessage & { claimed: boolean; disposition: string | null; now: string }) | null {
      const row = byId.get(jid, messageId);
      if (row === undefined) return null;
      const { disposition, now } = row;
      return { ...toMessage(row), claimed: row.turn_id !== null, disposition, now };
    },
    /** An edit before any turn answered the message: the new text is the message, and no turn has it. */
    replaceContent(
      at: Seq,
      content: string,
      editedAt: Iso,
      d: Disposition | null,
      triggerKind: string | null,
      request: string | null,
      /** `keep`: as it was. */
      reason: string | null | 'keep',
    ): void {
      replace.run(content, editedAt, d, triggerKind, request, +(reason === 'keep'), reason, at);
    },
    /** An edit afterwards is kept beside the text that was answered. */
    noteEdit(at: Seq, content: string, editedAt: Iso): void {
      noteEdit.run(content, editedAt, at);
    },
    /** An edit that changed no word: what was offered before it and comes late is not taken either. */
    noteSameWords(at: Seq, editedAt: Iso): void {
      noteSame.run(editedAt, at, editedAt);
    },
    /** The oldest message of the chat that waits for an answer and that no turn has. */
    firstOpen: (jid: ChatJid): Seq | null => (firstOpen.get(jid) ?? null) as Seq | null,
    /** In which topics something waits for a turn, and from where on; the one that waits longest comes first. */
    waiting: (jid: ChatJid): { threadId: number | null; first: Seq }[] =>
      waiting.all(jid).sort((a, b) => a.first - b.first),
    /** From `start` on, oldest first: what waits for a turn, and the context in between that was not shown yet. */
    forward(jid: ChatJid, of: Conversation, start: Seq, shownSeq: Seq, limit: number): StoredMessage[] {
      const rows =
        of === null
          ? forward.all(jid, start, limit)
          : forwardIn.all(jid, threadOf(of), start, shownSeq, limit);
      return rows.map(toMessage);
    },
    /** Context that was not shown yet, after `shownSeq` and before `end`, NEWEST first. */
    contextBefore(jid: ChatJid, of: Conversation, shownSeq: Seq, end: Seq, limit: number): StoredMessage[] {
      const rows =
        of === null
          ? before.all(jid, shownSeq, end, limit)
          : beforeIn.all(threadOf(of), jid, shownSeq, end, limit);
      return rows.map(toMessage);
    },
    countContextBefore: (jid: ChatJid, of: Conversation, shownSeq: Seq, end: Seq): number =>
      (of === null
        ? countBefore.get(jid, shownSeq, end)
        : countBeforeIn.get(threadOf(of), jid, shownSeq, end)) ?? 0,
    /** Somebody has written in this topic since. */
    hasNewer: (jid: ChatJid, threadId: number | null, after: Seq): boolean =>
      newer.get(jid, threadId, after) === 1,
    /** `isFreshContext`: it is not for Nina, and she was not shown it yet. */
    bySeq(seq: Seq): (StoredMessage & { reason: string | null; isFreshContext: boolean }) | null {
      const row = bySeq.get(seq);
      return row ? { ...toMessage(row), reason: row.reason, isFreshContext: row.is_fresh === 1 } : null;
    },
    /** What was spoken in a message is known now. */
    hear(seq: Seq, content: string, request: string): void {
      hear.run(content, request, seq);
    },
    /** Context becomes a message for Nina. */
    openAs(seq: Seq, triggerKind: string): void {
      openAs.run(triggerKind, seq);
    },
    /** Another message of this sender's album is for Nina by itself and waits for a turn. */
    isAlbumOpen: (jid: ChatJid, albumId: string, sender: string, except: Seq | null): boolean =>
      openOfAlbum.get(jid, albumId, sender, except ?? -1) === 1,
    /** The album is for Nina: those of its messages that she was not shown yet wait for a turn, too. */
    openAlbum(jid: ChatJid, albumId: string, sender: string): void {
      openAlbum.run(jid, albumId, sender);
    },
    /** No message of the album is for Nina by itself any more: then those that waited with it are not either. */
    closeAlbum(jid: ChatJid, albumId: string, sender: string, reason: string): void {
      closeAlbum.run(reason, jid, albumId, sender);
    },
    chatsWithOpen: (): ChatJid[] => openChats.all() as ChatJid[],
    /** What was last asked of a turn that failed; null when none of its messages still counts as failed. */
    failedWords: (turn: TurnId): string | null => failedWords.get(turn) ?? null,
    /**
     * What failed with this turn waits again, as it was edited meanwhile, and with the context it came with, unless later
     * turns have been shown more since. Returns how many messages that were.
     */
    reopen(turn: Pick<Turn, 'id' | 'chatJid' | 'conversation' | 'fromSeq' | 'toSeq'>): number {
      topics.moveShownBack(turn.chatJid, turn.conversation, turn.toSeq, turn.fromSeq);
      return reopen.run(turn.id).changes;
    },
    /** Who waits for a turn in which topic, and the newest message of each. */
    waitingSenders: (jid: ChatJid): Waiting[] => [
      ...new Map(waitingSenders.all(jid).map((m) => [`${m.sender} ${m.threadId}`, m])).values(),
    ],
    /** As this person was called here lately; null when they have not written. */
    nameOf(jid: ChatJid, sender: string): string | null {
      for (const row of latestSenders.iterate(jid)) if (row.sender === sender) return row.sender_name;
      return null;
    },
    /** What this person has waiting in a topic is not answered. */
    refuse(jid: ChatJid, threadId: number | null, sender: string, reason: string): void {
      refuse.run(reason, jid, threadId, sender);
    },
    /** Settles whatever waits in a chat, or in one conversation of it, and is in no turn. */
    disposeOpen: (jid: ChatJid, disposition: Disposition, reason: string, of: Conversation = null): number =>
      disposeOpen.run(disposition, reason, jid, of).changes,
  };
}

export type MessageRepository = ReturnType<typeof messageRepository>;
