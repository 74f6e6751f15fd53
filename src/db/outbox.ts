/**
 * Replies, stored before they are sent. Per chat strictly in order of id.
 *   pending → sending → sent | pending (said no, try later) | uncertain (nobody knows) | failed
 *   uncertain → sending once more, marked ↻ → sent | failed
 */
import type { Entity } from '../format/entities.ts';
import type { ChatJid, FileKind, Iso, TurnId } from '../types.ts';
import { formerMessageId } from './group-move.ts';
import type { Sqlite } from './open.ts';

export interface OutboxEntry {
  id: number;
  chatJid: ChatJid;
  threadId: number | null;
  turnId: TurnId | null;
  replyTo: number | null;
  text: string;
  /** The formatting of `text`. */
  entities: readonly Entity[];
  /** The same as Markdown, to be tried first as a rich message. */
  rich: string | null;
  /** A file to send, relative to the group's folder; `text` is its caption. */
  filePath: string | null;
  fileKind: FileKind;
  /** The buttons under it, as the Bot API takes them (JSON). */
  keyboard: string | null;
  /** It changes this message of ours instead of being a new one. */
  editOf: number | null;
  /** A line before the text: where it was meant to go. */
  preface: string | null;
  state: 'pending' | 'sending' | 'uncertain';
  attempts: number;
  /** True once a send with an unknown result has been repeated. */
  repeated: boolean;
  notBefore: Iso | null;
}

interface Row {
  id: number;
  chat_jid: string;
  thread_id: number | null;
  turn_id: string | null;
  reply_to: number | null;
  text: string;
  entities: string | null;
  rich: string | null;
  file_path: string | null;
  file_kind: string | null;
  keyboard: string | null;
  edit_of: number | null;
  preface: string | null;
  state: string;
  attempts: number;
  repeated: number;
  not_before: string | null;
}

/** More than may be sent in a minute. */
const NEWEST = 2000;
/** By the waits between the tries of one entry. */
const MOST_TRIES_A_MINUTE = 5;
const FILE_KINDS: readonly FileKind[] = ['photo', 'audio', 'voice', 'video'];
const OPEN = "state IN ('pending', 'sending', 'uncertain')";

export function outboxRepository(db: Sqlite) {
  const insert = db.prepare(
    `INSERT INTO outbox (chat_jid, thread_id, turn_id, reply_to, text, entities, rich, file_path, file_kind, keyboard, edit_of, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const next = db.prepare<[string], Row>(
    `SELECT id, chat_jid, thread_id, turn_id, reply_to, text, entities, rich, file_path, file_kind, keyboard, edit_of, preface, state, attempts, repeated, not_before
     FROM outbox WHERE chat_jid = ? AND ${OPEN} ORDER BY id LIMIT 1`,
  );
  const chats = db
    .prepare<[], string>(`SELECT DISTINCT chat_jid FROM outbox INDEXED BY outbox_open WHERE ${OPEN}`)
    .pluck();
  const count = db
    .prepare<[], number>(`SELECT count(*) FROM outbox INDEXED BY outbox_open WHERE ${OPEN}`)
    .pluck();
  const waiting = db.prepare<[string], { messages: number; files: number }>(
    `SELECT count(*) AS messages, count(file_path) AS files FROM outbox WHERE chat_jid = ? AND ${OPEN}`,
  );
  const openOfTurn = db
    .prepare<[string], number>(`SELECT 1 FROM outbox WHERE turn_id = ? AND ${OPEN} LIMIT 1`)
    .pluck();
  const oldest = db
    .prepare<[], string | null>(`SELECT min(created_at) FROM outbox INDEXED BY outbox_open WHERE ${OPEN}`)
    .pluck();
  const sentAs = db.prepare<[number], { chatJid: string; messageId: number | null }>(
    'SELECT chat_jid AS chatJid, sent_message_id AS messageId FROM outbox WHERE id = ?',
  );
  const fate = db.prepare<[number], { state: string; error: string | null }>(
    'SELECT state, error FROM outbox WHERE id = ?',
  );
  const sending = db.prepare(
    `UPDATE outbox SET state = 'sending', attempts = attempts + 1, repeated = max(repeated, ?), tried_at = ?
       WHERE id = ?`,
  );
  const takeBack = db.prepare(
    "UPDATE outbox SET state = 'pending', attempts = attempts - 1 WHERE id = ? AND state = 'sending'",
  );
  const sent = db.prepare(
    "UPDATE outbox SET state = 'sent', sent_message_id = ?, sent_at = ?, error = NULL WHERE id = ?",
  );
  const later = db.prepare("UPDATE outbox SET state = 'pending', not_before = ?, error = ? WHERE id = ?");
  const uncertain = db.prepare(
    "UPDATE outbox SET state = 'uncertain', not_before = ?, error = ? WHERE id = ?",
  );
  const failed = db.prepare("UPDATE outbox SET state = 'failed', error = ? WHERE id = ?");
  const toGeneral = db.prepare(
    `UPDATE outbox SET reply_to = NULL, thread_id = NULL, preface = iif(id = ?, ?, preface)
     WHERE chat_jid = ? AND thread_id = ? AND (id = ? OR turn_id = ?) AND ${OPEN}`,
  );
  const simpler = db.prepare(
    'UPDATE outbox SET entities = iif(rich IS NULL, NULL, entities), rich = NULL WHERE id = ?',
  );
  const asDocument = db.prepare('UPDATE outbox SET file_kind = NULL WHERE id = ?');
  const recover = db.prepare<
    [],
    {
      id: number;
      chatJid: ChatJid;
      threadId: number | null;
      turnId: TurnId | null;
      text: string;
      editOf: number | null;
      state: string;
    }
  >(
    `UPDATE outbox INDEXED BY outbox_open SET state = CASE repeated WHEN 1 THEN 'failed' ELSE 'uncertain' END,
       error = 'the daemon ended while it was being sent' WHERE ${OPEN} AND state = 'sending'
     RETURNING id, chat_jid AS chatJid, thread_id AS threadId, turn_id AS turnId, text, edit_of AS editOf, state`,
  );
  const TRY = `id, chat_jid AS chatJid, tried_at AS at, min(attempts, ${MOST_TRIES_A_MINUTE}) AS times FROM outbox`;
  const tried = db.prepare<[Iso, Iso], { chatJid: ChatJid; at: Iso; times: number }>(
    `SELECT ${TRY} WHERE id > (SELECT max(id) FROM outbox) - ${NEWEST} AND tried_at >= ?
     UNION SELECT ${TRY} INDEXED BY outbox_open WHERE ${OPEN} AND tried_at >= ? ORDER BY at`,
  );
  const move = db.prepare(`UPDATE outbox SET chat_jid = ?, reply_to = NULL WHERE chat_jid = ? AND ${OPEN}`);
  const dropEdits = db.prepare(
    `UPDATE outbox SET state = 'failed', error = ? WHERE chat_jid = ? AND edit_of IS NOT NULL AND ${OPEN}`,
  );

  return {
    add(entry: {
      chatJid: ChatJid;
      threadId: number | null;
      turnId: TurnId | null;
      replyTo: number | null;
      text: string;
      entities?: readonly Entity[];
      rich?: string | null;
      filePath?: string | null;
      fileKind?: FileKind;
      keyboard?: string | null;
      editOf?: number | null;
      at: Iso;
    }): number {
      const done = insert.run(
        entry.chatJid,
        entry.threadId,
        entry.turnId,
        entry.replyTo,
        entry.text,
        entry.entities && entry.entities.length > 0 ? JSON.stringify(entry.entities) : null,
        entry.rich ?? null,
        entry.filePath ?? null,
        entry.fileKind === 'document' ? null : (entry.fileKind ?? null),
        entry.keyboard ?? null,
        entry.editOf ?? null,
        entry.at,
      );
      return Number(done.lastInsertRowid);
    },
    /** The chat's oldest entry that is not settled. */
    next(jid: ChatJid): OutboxEntry | null {
      const row = next.get(jid);
      if (!row) return null;
      return {
        id: row.id,
        chatJid: row.chat_jid as ChatJid,
        threadId: row.thread_id,
        turnId: row.turn_id as TurnId | null,
        replyTo: row.reply_to,
        text: row.text,
        entities: row.entities === null ? [] : (JSON.parse(row.entities) as Entity[]),
        rich: row.rich,
        filePath: row.file_path,
        fileKind: FILE_KINDS.find((kind) => kind === row.file_kind) ?? 'document',
        keyboard: row.keyboard,
        editOf: row.edit_of,
        preface: row.preface,
        state: row.state as OutboxEntry['state'],
        attempts: row.attempts,
        repeated: row.repeated === 1,
        notBefore: row.not_before as Iso | null,
      };
    },
    /** Telegram's id of the message as which an entry of this chat, or of what the chat was before, was sent; null: not known. */
    sentAs(id: number, jid: ChatJid): number | null {
      const { chatJid, messageId = null } = sentAs.get(id) ?? {};
      return messageId === null || chatJid === jid ? messageId : formerMessageId(messageId);
    },
    /** What became of an entry; null when there is none. */
    fate: (id: number): { state: string; error: string | null } | null => fate.get(id) ?? null,
    chatsWithOpen: (): ChatJid[] => chats.all() as ChatJid[],
    /** How many entries of this chat are not settled, and how many of them are files. */
    waiting: (jid: ChatJid): { messages: number; files: number } =>
      waiting.get(jid) ?? { messages: 0, files: 0 },
    /** Something that this turn has to say is not settled. */
    hasOpenOf: (turn: TurnId): boolean => openOfTurn.get(turn) === 1,
    backlog: (): { count: number; oldest: Iso | null } => ({
      count: count.get() ?? 0,
      oldest: (oldest.get() ?? null) as Iso | null,
    }),
    markSending(id: number, repeat: boolean, at: Iso): void {
      sending.run(+repeat, at, id);
    },
    /** It was to be sent, and surely was not. */
    takeBack(id: number): void {
      takeBack.run(id);
    },
    markSent(id: number, sentMessageId: number, at: Iso): void {
      sent.run(sentMessageId, at, id);
    },
    /** Telegram did not take it; try again at `notBefore`. */
    postpone(id: number, notBefore: Iso, error: string): void {
      later.run(notBefore, error, id);
    },
    markUncertain(id: number, notBefore: Iso, error: string): void {
      uncertain.run(notBefore, error, id);
    },
    markFailed(id: number, error: string): void {
      failed.run(error, id);
    },
    /**
     * Its topic takes nothing any more: it goes to General, with the rest of what its turn has to say there, and without the
     * reply mark, since what it replied to is not there.
     */
    toGeneral({ id, chatJid, threadId, turnId }: OutboxEntry, preface: string | null): void {
      toGeneral.run(id, preface, chatJid, threadId, id, turnId);
    },
    /** Refused as it is: rich becomes ordinary, formatted becomes plain. */
    simplify(id: number): void {
      simpler.run(id);
    },
    /** Refused as what it is. */
    sendAsDocument(id: number): void {
      asDocument.run(id);
    },
    /** What was tried since then, oldest first: for each entry its last try, and how many it may have been. */
    triedSince: (since: Iso) => tried.all(since, since),
    /** The chat has a new id. What was replied to has none there, nor what was to be changed. */
    move(from: ChatJid, to: ChatJid): void {
      dropEdits.run('the message stayed behind in the old chat', from);
      move.run(to, from);
    },
    /**
     * At start: what was being sent when the last daemon ended has an unknown result: `uncertain`, to be repeated
     * once, or `failed` when it was the repeat.
     */
    recover: () => recover.all(),
  };
}
