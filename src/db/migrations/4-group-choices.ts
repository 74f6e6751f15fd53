/** Settings of a group that are one of a few words; what shows how a turn goes; reactions. */
import type { Migration } from './migration.ts';

export const GROUP_CHOICES_STEP: Migration = {
  id: 4,
  name: 'settings of groups, progress, reactions',
  sql: `
-- Topics of forums, and in every chat what lies in none (thread_id 0: General). The name as far as it is known. shown_seq: what its
-- own turns have shown, where each topic is a conversation; what turns of the whole group have shown is in registered_groups.
CREATE TABLE topics (
  chat_jid TEXT NOT NULL, thread_id INTEGER NOT NULL, name TEXT, shown_seq INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (chat_jid, thread_id)
) STRICT, WITHOUT ROWID;
-- The conversation that it goes on: a topic's, 0: General's, NULL: the whole group's.
ALTER TABLE turns ADD COLUMN conversation INTEGER;
CREATE INDEX turns_by_topic ON turns (chat_jid, kind, thread_id, seq);
CREATE INDEX messages_by_topic ON messages (chat_jid, thread_id, seq);
CREATE INDEX messages_open_by_topic ON messages (chat_jid, thread_id, seq, turn_id) WHERE disposition IS NULL;
-- A line before the text, about where it was meant to go.
ALTER TABLE outbox ADD COLUMN preface TEXT;

-- reply_to_text is a part that was picked out; and the name of the chat it is in, where that is another one.
ALTER TABLE messages ADD COLUMN reply_to_quote INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN reply_to_chat TEXT;

-- Words as types.ts names them; the default is the first there, too.
ALTER TABLE registered_groups ADD COLUMN topics TEXT NOT NULL DEFAULT 'separate';
ALTER TABLE registered_groups ADD COLUMN progress TEXT NOT NULL DEFAULT 'progress';
ALTER TABLE registered_groups ADD COLUMN reactions TEXT NOT NULL DEFAULT 'off';
ALTER TABLE registered_groups ADD COLUMN language TEXT NOT NULL DEFAULT 'auto';

-- As what the file is sent: photo, audio, voice, video; NULL: as a document.
ALTER TABLE outbox ADD COLUMN file_kind TEXT;

-- What the Telegram of whoever asked here last is set to ("de", "pt-br"); NULL while nobody's said it.
ALTER TABLE chats ADD COLUMN language TEXT;

-- What a chat said before it became a supergroup is the group's, under its present id (group-move.ts).
UPDATE messages SET chat_jid = g.chat_jid, message_id = -1 - message_id, reply_to_message_id = -1 - reply_to_message_id
  FROM registered_groups g WHERE g.former_jid = messages.chat_jid;
UPDATE turns SET chat_jid = g.chat_jid FROM registered_groups g WHERE g.former_jid = turns.chat_jid;
CREATE INDEX questions_by_chat ON questions (chat_jid);

-- A message that shows how a turn goes, from before it is sent until it is deleted. message_id NULL: it is being sent, or
-- nobody knows whether it was.
CREATE TABLE progress_messages (
  turn_id TEXT PRIMARY KEY, chat_jid TEXT NOT NULL, message_id INTEGER, created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What Nina's reactions are to be. working: a turn has the message, and its group shows that. open: Telegram is to be told.
CREATE TABLE reactions (
  chat_jid TEXT NOT NULL, message_id INTEGER NOT NULL, emoji TEXT,
  working INTEGER NOT NULL DEFAULT 0, open INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (chat_jid, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX reactions_open ON reactions (chat_jid, message_id) WHERE open = 1;
-- Whatever settles a message, nobody works on it any more.
CREATE TRIGGER reaction_over AFTER UPDATE OF disposition ON messages
WHEN NEW.disposition IS NOT NULL AND OLD.disposition IS NULL
BEGIN
  UPDATE reactions SET working = 0, open = max(open, emoji IS NULL)
    WHERE chat_jid = NEW.chat_jid AND message_id = NEW.message_id AND working = 1;
  DELETE FROM reactions WHERE chat_jid = NEW.chat_jid AND message_id = NEW.message_id AND working = 0 AND open = 0;
END;

-- People's reactions to messages of Nina's: the last one of each to each. turn_id: the turn that was shown it.
CREATE TABLE heard_reactions (
  chat_jid TEXT NOT NULL, message_id INTEGER NOT NULL, sender TEXT NOT NULL, sender_name TEXT NOT NULL,
  emoji TEXT NOT NULL, at TEXT NOT NULL, turn_id TEXT,
  PRIMARY KEY (chat_jid, message_id, sender)
) STRICT, WITHOUT ROWID;
CREATE INDEX heard_reactions_by_age ON heard_reactions (chat_jid, at, message_id);

-- Since when and why the bot may not write in the chat: removed, blocked, restricted, gone; NULL while it may (db/pauses.ts).
ALTER TABLE registered_groups ADD COLUMN paused TEXT;
ALTER TABLE registered_groups ADD COLUMN paused_detail TEXT;
ALTER TABLE registered_groups ADD COLUMN paused_at TEXT;
-- Of what waited there meanwhile, so much was given up.
ALTER TABLE registered_groups ADD COLUMN paused_gave_up INTEGER NOT NULL DEFAULT 0;

-- Messages that were edited while a turn had them: what they say now is told to the next turn of their conversation.
-- turn_id: the turn that is told; NULL: none yet.
CREATE TABLE corrections (
  message_seq INTEGER PRIMARY KEY REFERENCES messages (seq) ON DELETE CASCADE, chat_jid TEXT NOT NULL, turn_id TEXT
) STRICT;
CREATE INDEX corrections_open ON corrections (chat_jid, message_seq) WHERE turn_id IS NULL;
CREATE INDEX corrections_told ON corrections (turn_id) WHERE turn_id IS NOT NULL;
-- A turn that is given back gives them back. What it did not answer itself is read anew, or not at all: no correction.
CREATE TRIGGER corrections_over AFTER UPDATE OF state ON turns WHEN NEW.state IN ('done', 'retried', 'failed', 'stopped')
BEGIN
  DELETE FROM corrections WHERE turn_id = NEW.id AND NEW.state <> 'retried';
  DELETE FROM corrections WHERE NEW.state <> 'done' AND turn_id IS NULL
    AND message_seq IN (SELECT seq FROM messages WHERE turn_id = NEW.id);
  UPDATE corrections SET turn_id = NULL WHERE turn_id = NEW.id;
END;

-- What agents ask people with buttons (ask_user), open while settled_as is NULL. group_folder: who asks; chat_jid, thread_id: where
-- it stands; reply_thread_id: the topic in which the answer is said, if it comes as a message. wait_until: the agent of turn_id
-- waits in command_id; NULL: it does not. settled_as: result (given to the turn), message, expired, dropped. choice: counted from 0.
-- owed: the result file of command_id is to be written.
CREATE TABLE agent_questions (
  id TEXT PRIMARY KEY, group_folder TEXT NOT NULL, chat_jid TEXT NOT NULL, thread_id INTEGER, reply_thread_id INTEGER,
  turn_id TEXT, command_id TEXT NOT NULL, digest TEXT NOT NULL,
  question TEXT NOT NULL, entities TEXT, choices TEXT NOT NULL, outbox_id INTEGER NOT NULL,
  asked_at TEXT NOT NULL, wait_until TEXT, owed INTEGER NOT NULL DEFAULT 0,
  settled_as TEXT, choice INTEGER, answer TEXT, answered_by TEXT, answered_name TEXT, settled_at TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_questions_open ON agent_questions (group_folder, asked_at) WHERE settled_as IS NULL;
CREATE INDEX agent_questions_waits ON agent_questions (wait_until) WHERE wait_until IS NOT NULL;
CREATE INDEX agent_questions_owed ON agent_questions (id) WHERE owed = 1;
CREATE INDEX agent_questions_by_turn ON agent_questions (turn_id, outbox_id);
CREATE INDEX agent_questions_by_chat ON agent_questions (chat_jid);
CREATE INDEX agent_questions_by_outbox ON agent_questions (outbox_id) WHERE settled_as IS NULL;
CREATE INDEX agent_questions_by_age ON agent_questions (asked_at);
`,
};
