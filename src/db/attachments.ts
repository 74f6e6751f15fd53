/**
 * Files that people sent: which are to be fetched, where they lie, why one is missing. A row belongs to a message, by its
 * sequence number, and there are at most two: the message's own file and that of the message it replies to.
 */
import type { AttachmentKind, ChatJid, Conversation, Folder, Iso, MessageFile, Seq } from '../types.ts';
import type { Sqlite } from './open.ts';

export type AttachmentState = 'pending' | 'stored' | 'failed' | 'unwanted' | 'gone';

export interface NewAttachment {
  folder: Folder;
  seq: Seq;
  ofReply: boolean;
  kind: AttachmentKind;
  fileId: string;
  uniqueId: string;
  name: string | null;
  mime: string | null;
  size: number | null;
  state: AttachmentState;
  error: string | null;
  at: Iso;
}

export interface Attachment extends Omit<NewAttachment, 'at'> {
  id: number;
  attempts: number;
  createdAt: Iso;
}

interface Row {
  id: number;
  group_folder: string;
  message_seq: number;
  of_reply: number;
  kind: string;
  file_id: string;
  file_unique_id: string;
  name: string | null;
  mime: string | null;
  size: number | null;
  state: string;
  error: string | null;
  attempts: number;
  created_at: string;
}

const toAttachment = (row: Row): Attachment => ({
  id: row.id,
  folder: row.group_folder as Folder,
  seq: row.message_seq as Seq,
  ofReply: row.of_reply === 1,
  kind: row.kind as AttachmentKind,
  fileId: row.file_id,
  uniqueId: row.file_unique_id,
  name: row.name,
  mime: row.mime,
  size: row.size,
  state: row.state as AttachmentState,
  error: row.error,
  attempts: row.attempts,
  createdAt: row.created_at as Iso,
});

interface ShownRow {
  of_reply: number;
  kind: string;
  name: string | null;
  mime: string | null;
  size: number | null;
  bytes: number | null;
  state: string;
  path: string | null;
  error: string | null;
  transcript: string | null;
}

const toFile = (row: ShownRow): MessageFile => ({
  kind: row.kind as AttachmentKind,
  name: row.name,
  mime: row.mime,
  bytes: row.bytes ?? row.size,
  path: row.state === 'stored' ? row.path : null,
  transcript: row.transcript,
  missing:
    row.state === 'stored'
      ? null
      : row.state === 'pending'
        ? 'it is still being fetched'
        : row.state === 'gone'
          ? 'it was removed, as it is old'
          : (row.error ?? 'unknown'),
});

const COLUMNS =
  'id, group_folder, message_seq, of_reply, kind, file_id, file_unique_id, name, mime, size, state, error, attempts, created_at';

export function attachmentRepository(db: Sqlite) {
  const insert = db.prepare(
    `INSERT INTO attachments (group_folder, message_seq, of_reply, kind, file_id, file_unique_id, name, mime, size, state,
       error, created_at, settled_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, iif(? = 'pending', NULL, ?))
     ON CONFLICT (message_seq, of_reply) DO NOTHING`,
  );
  const refer = db.prepare(
    `INSERT INTO attachments (group_folder, message_seq, of_reply, same_as, kind, file_id, file_unique_id, state, created_at)
       SELECT group_folder, ?, 1, id, kind, file_id, file_unique_id, 'gone', ? FROM attachments WHERE id = ?
     ON CONFLICT (message_seq, of_reply) DO NOTHING`,
  );
  const detach = db.prepare(
    "UPDATE attachments SET message_seq = -id WHERE message_seq = ? AND of_reply = 0 AND state IN ('pending', 'stored')",
  );
  const remove = db.prepare('DELETE FROM attachments WHERE message_seq = ? AND of_reply = 0');
  const removeDetached = db.prepare('DELETE FROM attachments WHERE id = ? AND message_seq < 0');
  const ofMessage = db.prepare<[number], Row>(
    `SELECT ${COLUMNS} FROM attachments WHERE message_seq = ? AND of_reply = 0`,
  );
  const byId = db.prepare<[number], Row>(`SELECT ${COLUMNS} FROM attachments WHERE id = ?`);
  const pending = db.prepare<[], Row>(
    `SELECT ${COLUMNS} FROM attachments INDEXED BY attachments_pending WHERE state = 'pending' ORDER BY id`,
  );
  const again = db.prepare(
    "UPDATE attachments SET state = 'pending', file_id = ?, attempts = 0, error = NULL, settled_at = NULL WHERE id = ? AND state <> 'pending'",
  );
  const attempt = db.prepare(
    "UPDATE attachments SET attempts = attempts + 1, error = ? WHERE id = ? AND state = 'pending'",
  );
  const stored = db.prepare(
    "UPDATE attachments SET state = 'stored', path = ?, bytes = ?, error = NULL, settled_at = ? WHERE id = ? AND state = 'pending'",
  );
  const failed = db.prepare(
    "UPDATE attachments SET state = 'failed', error = ?, settled_at = ? WHERE id = ? AND state = 'pending'",
  );
  const setTranscript = db.prepare('UPDATE attachments SET transcript = ? WHERE id = ?');
  const gone = db.prepare("UPDATE attachments SET state = 'gone' WHERE id = ? AND state = 'stored'");
  const dropLoose = db.prepare(
    'DELETE FROM attachments WHERE id = ? AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.seq = attachments.message_seq)',
  );
  const shown = db.prepare<[number], ShownRow>(
    `SELECT r.of_reply, a.kind, a.name, a.mime, a.size, a.bytes, a.state, a.path, a.error, a.transcript
     FROM attachments r JOIN attachments a ON a.id = coalesce(r.same_as, r.id) WHERE r.message_seq = ?`,
  );
  const since = db
    .prepare<[string, string], number>(
      'SELECT count(*) FROM attachments WHERE group_folder = ? AND created_at > ? AND same_as IS NULL',
    )
    .pluck();
  /** Of one conversation, or of all. */
  const WITHIN = 'coalesce(m.thread_id, 0) IS coalesce(?, m.thread_id, 0)';
  const pendingOfOpen = db
    .prepare<[string, Conversation], number>(
      `SELECT a.id FROM messages m INDEXED BY messages_open JOIN attachments r ON r.message_seq = m.seq
         JOIN attachments a ON a.id = coalesce(r.same_as, r.id)
       WHERE m.chat_jid = ? AND m.disposition IS NULL AND m.turn_id IS NULL AND a.state = 'pending' AND ${WITHIN}`,
    )
    .pluck();
  const pendingOfContext = db
    .prepare<[string, Conversation], number>(
      `SELECT a.id FROM attachments a INDEXED BY attachments_pending JOIN messages m ON m.seq = a.message_seq
       WHERE a.state = 'pending' AND m.chat_jid = ? AND m.disposition = 'not_for_nina' AND m.turn_id IS NULL
         AND ${WITHIN}`,
    )
    .pluck();
  const oldest = db.prepare<[string, number], { id: number; path: string; bytes: number; at: string }>(
    `SELECT id, path, coalesce(bytes, 0) AS bytes, settled_at AS at FROM attachments INDEXED BY attachments_stored
     WHERE group_folder = ? AND state = 'stored' ORDER BY settled_at, id LIMIT ?`,
  );
  const total = db
    .prepare<[string], number>(
      "SELECT coalesce(sum(bytes), 0) FROM attachments INDEXED BY attachments_stored WHERE group_folder = ? AND state = 'stored'",
    )
    .pluck();
  const nextFolder = db
    .prepare<[string], string | null>(
      "SELECT min(group_folder) FROM attachments INDEXED BY attachments_stored WHERE state = 'stored' AND group_folder > ?",
    )
    .pluck();
  const albums = db.prepare<[string, Conversation], { newest: string }>(
    `SELECT max(received_at) AS newest FROM messages m INDEXED BY messages_open
     WHERE chat_jid = ? AND disposition IS NULL AND turn_id IS NULL AND album_id IS NOT NULL AND ${WITHIN}`,
  );
  const sentWith = db.prepare<[number], { message_id: number; timestamp: string }>(
    `SELECT m.message_id, m.timestamp FROM attachments a JOIN messages m ON m.seq = a.message_seq WHERE a.id = ?`,
  );
  const find = (row: Row | undefined) => (row === undefined ? null : toAttachment(row));

  return {
    /** False when the message has one already. */
    insert(a: NewAttachment): boolean {
      const { folder, seq, ofReply, kind, fileId, uniqueId, name, mime, size, state, error, at } = a;
      const values = [folder, seq, +ofReply, kind, fileId, uniqueId, name, mime, size, state, error, at];
      return insert.run(...values, state, at).changes === 1;
    },
    /** The message at `seq` replies to the one that this file came with. */
    refer(seq: Seq, to: number, at: Iso): void {
      refer.run(seq, at, to);
    },
    /**
     * Another file has taken its place. What lies in the folder is still the group's, and counted: who edits a message again
     * and again fills no disk.
     */
    forget(seq: Seq): void {
      detach.run(seq);
      remove.run(seq);
    },
    byId: (id: number): Attachment | null => find(byId.get(id)),
    /** The file that came with the message itself. */
    ofMessage: (seq: Seq): Attachment | null => find(ofMessage.get(seq)),
    /** The message it came with (or that replies to it); its day and number where that is gone. */
    sentWith(id: number): { messageId: number; timestamp: Iso } {
      const row = sentWith.get(id);
      return row
        ? { messageId: row.message_id, timestamp: row.timestamp as Iso }
        : { messageId: id, timestamp: byId.get(id)?.created_at as Iso };
    },
    /** All that are to be fetched, oldest first. */
    pending: (): Attachment[] => pending.all().map(toAttachment),
    /** Fetches one that failed, is gone or was not wanted. */
    fetchAgain(id: number, fileId: string): void {
      again.run(fileId, id);
    },
    countAttempt(id: number, error: string): void {
      attempt.run(error, id);
    },
    /** `path` is relative to the group's folder. False when it was not pending any more. */
    markStored: (id: number, path: string, bytes: number, at: Iso): boolean =>
      stored.run(path, bytes, at, id).changes === 1,
    markFailed(id: number, error: string, at: Iso): boolean {
      const isNew = failed.run(error, at, id).changes === 1;
      if (isNew) removeDetached.run(id);
      return isNew;
    },
    /** What is spoken in it. */
    setTranscript(id: number, words: string): void {
      setTranscript.run(words, id);
    },
    /** The row stays as long as its message. */
    markGone(id: number): void {
      gone.run(id);
      removeDetached.run(id);
      dropLoose.run(id);
    },
    /** What a prompt shows of a message's files. */
    shownWith(seq: Seq): { own: MessageFile | null; quoted: MessageFile | null } {
      const rows = shown.all(seq);
      const one = (ofReply: number) => rows.find((row) => row.of_reply === ofReply);
      const [own, quoted] = [one(0), one(1)];
      return { own: own ? toFile(own) : null, quoted: quoted ? toFile(quoted) : null };
    },
    /** How many came since then. */
    countSince: (folder: Folder, at: Iso): number => since.get(folder, at) ?? 0,
    /** Ids of what is to be fetched and belongs to what the conversation's next turn would show. */
    awaited: (jid: ChatJid, of: Conversation): number[] => [
      ...new Set([...pendingOfOpen.all(jid, of), ...pendingOfContext.all(jid, of)]),
    ],
    /** When the newest message of an album came that waits for a turn. */
    newestOfAlbums: (jid: ChatJid, of: Conversation): Iso | null =>
      (albums.get(jid, of)?.newest ?? null) as Iso | null,
    /** What lies in the group's folder, oldest first. */
    oldest: (folder: Folder, limit: number) => oldest.all(folder, limit),
    totalBytes: (folder: Folder): number => total.get(folder) ?? 0,
    /** The next folder in order that has stored files; '' for the first. */
    nextFolder: (after: string): Folder | null => (nextFolder.get(after) ?? null) as Folder | null,
  };
}

export type AttachmentRepository = ReturnType<typeof attachmentRepository>;
