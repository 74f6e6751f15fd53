/** What an agent's world needs to be remembered outside of its files. */
import { ALLOWANCES } from './5-allowances.ts';
import type { Migration } from './migration.ts';

export const AGENTS_WORLD: Migration = {
  id: 5,
  name: 'search, specialists, allowances',
  sql: `${ALLOWANCES}
-- The words of messages, by their seq, each as <key of its chat>·<word> (lib/fold.ts): a word of one chat is none of another.
-- Only the daemon writes here. What is removed leaves no trace in it.
CREATE VIRTUAL TABLE search_words USING fts5 (words, who, tokenize = 'ascii');
INSERT INTO search_words (search_words, rank) VALUES ('secure-delete', 1);
CREATE TABLE search_chats (key INTEGER PRIMARY KEY, chat_jid TEXT NOT NULL UNIQUE) STRICT;
-- All messages from low to high are in search_words, but for those in search_due, which have changed or gone since.
-- Below low: old ones, which the daemon reads bit by bit; above high: the newest.
CREATE TABLE search_state (id INTEGER PRIMARY KEY CHECK (id = 1), low INTEGER NOT NULL, high INTEGER NOT NULL) STRICT;
INSERT INTO search_state SELECT 1, coalesce(max(seq), 0) + 1, coalesce(max(seq), 0) FROM messages;
CREATE TABLE search_due (seq INTEGER PRIMARY KEY) STRICT;
-- Triggers that need nothing but plain tables: whatever sqlite3 an operator has may change messages.
CREATE TRIGGER message_words_changed AFTER UPDATE OF content, edited_content, sender_name ON messages
BEGIN INSERT OR IGNORE INTO search_due VALUES (NEW.seq); END;
CREATE TRIGGER message_words_gone AFTER DELETE ON messages
BEGIN INSERT OR IGNORE INTO search_due VALUES (OLD.seq); END;

-- What is to be forgotten, bit by bit: the chat's messages from from_seq to to_seq, of one sender or of all, said since then.
-- cursor: up to where they are gone; NULL: archives come first. done: how much went, as JSON. told_jid: where that is to be said.
CREATE TABLE forgettings (
  id INTEGER PRIMARY KEY AUTOINCREMENT, chat_jid TEXT NOT NULL, sender TEXT, since TEXT NOT NULL,
  from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL, cursor INTEGER, done TEXT NOT NULL,
  told_jid TEXT, thread_id INTEGER, asked_by TEXT NOT NULL, asked_at TEXT NOT NULL
) STRICT;
-- Who quotes a message.
CREATE INDEX messages_by_reply ON messages (chat_jid, reply_to_message_id) WHERE reply_to_message_id IS NOT NULL;

-- Whoever writes from a chat that is no group is looked for here, too: with each of their messages.
CREATE INDEX registered_groups_former ON registered_groups (former_jid) WHERE former_jid IS NOT NULL;

-- A message of main's whose file is to become a specialist of a group's (folder), or of all (global), once it is fetched.
CREATE TABLE specialist_additions (
  message_seq INTEGER PRIMARY KEY, folder TEXT NOT NULL, actor TEXT NOT NULL
) STRICT;
`,
};
