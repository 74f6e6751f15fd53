/** Phases and counts of turns and messages, questions with buttons, attachments, formatting. */
import type { Migration } from './migration.ts';

export const PHASES_QUESTIONS_FORMATTING: Migration = {
  id: 3,
  name: 'phases and counts, questions with buttons, formatting',
  sql: `
-- When what the turn answers was asked for (or its task was due), when its agent began, when the model first answered.
ALTER TABLE turns ADD COLUMN asked_at TEXT;
ALTER TABLE turns ADD COLUMN agent_started_at TEXT;
ALTER TABLE turns ADD COLUMN first_output_at TEXT;
CREATE INDEX turns_failed ON turns (seq) WHERE state = 'failed';

-- What the model cost, as agents report it at the end of a turn, by the UTC day of that end.
ALTER TABLE model_usage ADD COLUMN cost_usd REAL NOT NULL DEFAULT 0;
CREATE INDEX model_usage_by_day ON model_usage (day);

-- What became of the messages of a UTC day (by received_at), so that nobody has to count them: open while disposition is
-- NULL. standing: how many are this now; given: how often it was the answer, which only grows. Ten rows a day, for ever.
CREATE TABLE message_counts (
  day TEXT NOT NULL, disposition TEXT NOT NULL, standing INTEGER NOT NULL, given INTEGER NOT NULL,
  PRIMARY KEY (day, disposition)
) STRICT, WITHOUT ROWID;
INSERT INTO message_counts
  SELECT substr(received_at, 1, 10), coalesce(disposition, 'open'), count(*), count(*) FROM messages GROUP BY 1, 2;
CREATE TRIGGER message_counted AFTER INSERT ON messages
BEGIN
  INSERT INTO message_counts VALUES (substr(NEW.received_at, 1, 10), coalesce(NEW.disposition, 'open'), 1, 1)
    ON CONFLICT DO UPDATE SET standing = standing + 1, given = given + 1;
END;
CREATE TRIGGER message_recounted AFTER UPDATE OF disposition ON messages WHEN OLD.disposition IS NOT NEW.disposition
BEGIN
  UPDATE message_counts SET standing = standing - 1
    WHERE day = substr(OLD.received_at, 1, 10) AND disposition = coalesce(OLD.disposition, 'open');
  INSERT INTO message_counts VALUES (substr(NEW.received_at, 1, 10), coalesce(NEW.disposition, 'open'), 1, 1)
    ON CONFLICT DO UPDATE SET standing = standing + 1, given = given + 1;
END;

-- keyboard: the buttons under it, as the Bot API takes them. edit_of: it changes this message of ours instead of being a new one.
ALTER TABLE outbox ADD COLUMN keyboard TEXT;
ALTER TABLE outbox ADD COLUMN edit_of INTEGER;

-- What people are asked with buttons. A press names the question and its rev: one that names an earlier rev is outdated.
CREATE TABLE questions (
  id TEXT PRIMARY KEY, chat_jid TEXT NOT NULL, kind TEXT NOT NULL,
  -- What was chosen, or what it is about from the beginning; asks to be confirmed while there is no answer.
  subject TEXT, page INTEGER NOT NULL DEFAULT 0, rev INTEGER NOT NULL DEFAULT 0, asked_at TEXT NOT NULL,
  answer TEXT, answered_by TEXT, answered_at TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX questions_by_age ON questions (asked_at);
CREATE INDEX questions_by_subject ON questions (kind, subject, asked_at);

-- Presses that Telegram is still to be told about, so that the button stops waiting.
CREATE TABLE callback_answers (
  id TEXT PRIMARY KEY, text TEXT NOT NULL, alert INTEGER NOT NULL, created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Which commands Telegram offers in a chat, as a digest of what was set last; scope is a chat's id, or default.
CREATE TABLE command_menus (
  bot_id INTEGER NOT NULL, scope TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (bot_id, scope)
) STRICT, WITHOUT ROWID;
-- Messages of one album, which come one by one.
ALTER TABLE messages ADD COLUMN album_id TEXT;
CREATE INDEX messages_by_album ON messages (chat_jid, album_id) WHERE album_id IS NOT NULL;

-- Files that people sent. state: pending: to be fetched; stored: lies at path below the group's folder; failed: error says why;
-- unwanted: its sender may not ask Nina, so it is named only; gone: it was stored, and its time is over.
CREATE TABLE attachments (
  id INTEGER PRIMARY KEY AUTOINCREMENT, group_folder TEXT NOT NULL, message_seq INTEGER NOT NULL,
  -- 0: it came with the message; 1: with the one that this message replies to, and same_as is its row there, if it has one.
  of_reply INTEGER NOT NULL DEFAULT 0, same_as INTEGER,
  kind TEXT NOT NULL, file_id TEXT NOT NULL, file_unique_id TEXT NOT NULL,
  -- As the sender's program announced them.
  name TEXT, mime TEXT, size INTEGER,
  state TEXT NOT NULL CHECK (state IN ('pending', 'stored', 'failed', 'unwanted', 'gone')),
  attempts INTEGER NOT NULL DEFAULT 0, path TEXT, bytes INTEGER, error TEXT,
  -- What is spoken in it.
  transcript TEXT, created_at TEXT NOT NULL, settled_at TEXT,
  UNIQUE (message_seq, of_reply)
) STRICT;
CREATE INDEX attachments_pending ON attachments (id) WHERE state = 'pending';
CREATE INDEX attachments_stored ON attachments (group_folder, settled_at, id) WHERE state = 'stored';
CREATE INDEX attachments_recent ON attachments (group_folder, created_at);

-- The formatting of the text, as the Bot API takes it (JSON); and the text as Markdown, to be tried as a rich message.
ALTER TABLE outbox ADD COLUMN entities TEXT;
ALTER TABLE outbox ADD COLUMN rich TEXT;
ALTER TABLE registered_groups ADD COLUMN format TEXT NOT NULL DEFAULT 'formatted';
`,
};
