/** The first tables: messages, turns, replies, groups. */
import type { Migration } from './migration.ts';

export const SPINE: Migration = {
  id: 1,
  name: 'the spine',
  sql: `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Telegram updates, stored in the transaction that moves the offset. No payload for unregistered chats.
CREATE TABLE inbox (
  bot_id INTEGER NOT NULL, update_id INTEGER NOT NULL, kind TEXT NOT NULL, chat_jid TEXT,
  received_at TEXT NOT NULL, payload TEXT, error TEXT,
  PRIMARY KEY (bot_id, update_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_by_age ON inbox (received_at);

CREATE TABLE chats (
  chat_jid TEXT PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, username TEXT,
  is_forum INTEGER NOT NULL DEFAULT 0, bot_status TEXT, first_seen TEXT NOT NULL, last_activity TEXT NOT NULL,
  -- A stranger is told once that this is not for them.
  refused_at TEXT,
  -- Wrong pairing codes in a row, and when the last one came.
  pair_wrong INTEGER NOT NULL DEFAULT 0, pair_wrong_at TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX chats_by_activity ON chats (last_activity);

-- Ids of a chat's administrators as Telegram told them at that time, where the sender rules speak of them.
CREATE TABLE chat_admins (chat_jid TEXT PRIMARY KEY, ids TEXT NOT NULL, at TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE registered_groups (
  chat_jid TEXT PRIMARY KEY, name TEXT NOT NULL, folder TEXT NOT NULL UNIQUE, "trigger" TEXT NOT NULL,
  requires_trigger INTEGER NOT NULL, is_main INTEGER NOT NULL, timezone TEXT, added_at TEXT NOT NULL,
  -- What its agent may reach besides the model; network_allow is a JSON array of hosts.
  network TEXT NOT NULL DEFAULT 'open' CHECK (network IN ('open', 'allowlist', 'none')),
  network_allow TEXT NOT NULL DEFAULT '[]',
  -- JSON array of {name, hostPath, writable}: the extra mounts the operator gave it.
  mounts TEXT NOT NULL DEFAULT '[]',
  -- Messages up to this one have been shown to the agent (or counted as left out).
  shown_seq INTEGER NOT NULL DEFAULT 0,
  -- The chat's id before it became a supergroup.
  former_jid TEXT
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX registered_groups_one_main ON registered_groups (is_main) WHERE is_main = 1;

-- The pairing code that is open, hashed.
CREATE TABLE pairing (
  id INTEGER PRIMARY KEY CHECK (id = 1), salt TEXT NOT NULL, sha256 TEXT NOT NULL,
  created_at TEXT NOT NULL, expires_at TEXT NOT NULL, wrong INTEGER NOT NULL
) STRICT;

CREATE TABLE messages (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, chat_jid TEXT NOT NULL, message_id INTEGER NOT NULL, thread_id INTEGER,
  sender TEXT NOT NULL, sender_name TEXT NOT NULL, content TEXT NOT NULL, timestamp TEXT NOT NULL,
  is_bot_message INTEGER NOT NULL DEFAULT 0, turn_id TEXT,
  -- NULL: meant for Nina and not settled yet. See docs/durability.md for the values.
  disposition TEXT, reason TEXT, trigger_kind TEXT, request TEXT,
  reply_to_message_id INTEGER, reply_to_name TEXT, reply_to_text TEXT, forwarded_from TEXT,
  edited_at TEXT, edited_content TEXT, received_at TEXT NOT NULL,
  UNIQUE (chat_jid, message_id)
) STRICT;
CREATE INDEX messages_by_time ON messages (chat_jid, timestamp);
CREATE INDEX messages_by_seq ON messages (chat_jid, seq);
CREATE INDEX messages_open ON messages (chat_jid, seq) WHERE disposition IS NULL;
CREATE INDEX messages_by_turn ON messages (turn_id) WHERE turn_id IS NOT NULL;

CREATE TABLE turns (
  -- Order of claiming: what came before what is never asked of the wall clock, which may be set back.
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, chat_jid TEXT NOT NULL, group_folder TEXT NOT NULL, thread_id INTEGER, kind TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'retried', 'failed', 'stopped')),
  -- chain: the first attempt's id, for all attempts at the same messages or the same run.
  attempt INTEGER NOT NULL, chain TEXT NOT NULL, container_id TEXT,
  queued_at TEXT NOT NULL, started_at TEXT, finished_at TEXT, error_code TEXT, error TEXT,
  input_tokens INTEGER, output_tokens INTEGER, cost_usd REAL,
  -- The conversation it was to resume, NULL for a fresh one; and not before when a retried one is repeated.
  session_id TEXT, retry_at TEXT,
  -- Messages after from_seq up to to_seq are this turn's; omitted of them did not fit into its prompt.
  from_seq INTEGER, to_seq INTEGER, omitted INTEGER NOT NULL DEFAULT 0,
  -- Events taken so far, and the reply they have brought.
  last_event INTEGER NOT NULL DEFAULT 0, reply TEXT NOT NULL DEFAULT '',
  -- Who wanted it to stop, as long as it runs and afterwards; whatever ends it then, it was stopped.
  stopped_by TEXT
) STRICT;
CREATE INDEX turns_open ON turns (chat_jid) WHERE state IN ('queued', 'running');
CREATE INDEX turns_by_chat ON turns (chat_jid, kind, seq);
-- For retention, as all indexes of this kind: what is over, oldest first.
CREATE INDEX turns_ended ON turns (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT, chat_jid TEXT NOT NULL, thread_id INTEGER, turn_id TEXT, reply_to INTEGER,
  text TEXT NOT NULL, file_path TEXT,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sending', 'sent', 'uncertain', 'failed')),
  attempts INTEGER NOT NULL DEFAULT 0, repeated INTEGER NOT NULL DEFAULT 0, not_before TEXT, sent_message_id INTEGER,
  error TEXT, created_at TEXT NOT NULL, tried_at TEXT, sent_at TEXT
) STRICT;
CREATE INDEX outbox_open ON outbox (chat_jid, id) WHERE state IN ('pending', 'sending', 'uncertain');
CREATE INDEX outbox_by_turn ON outbox (turn_id) WHERE turn_id IS NOT NULL;
CREATE INDEX outbox_settled ON outbox (created_at) WHERE turn_id IS NULL AND state IN ('sent', 'failed');
-- Copies of files that are still to be sent, or could not be.
CREATE INDEX outbox_files ON outbox (file_path) WHERE file_path IS NOT NULL AND state <> 'sent';

CREATE TABLE sessions (
  group_folder TEXT NOT NULL, thread_id INTEGER NOT NULL DEFAULT 0, session_id TEXT NOT NULL, updated_at TEXT NOT NULL,
  PRIMARY KEY (group_folder, thread_id)
) STRICT, WITHOUT ROWID;

-- Agents that were started. token_sha256 is the hash of the container's own token for the model proxy.
CREATE TABLE containers (
  name TEXT PRIMARY KEY, group_folder TEXT NOT NULL, runtime TEXT NOT NULL, engine_id TEXT, token_sha256 TEXT,
  -- Which extra mounts it was given, in a form to compare; empty for none.
  mounts TEXT NOT NULL DEFAULT '',
  started_at TEXT NOT NULL, ended_at TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX containers_live ON containers (group_folder) WHERE ended_at IS NULL;
CREATE INDEX containers_ended ON containers (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX containers_by_token ON containers (token_sha256) WHERE ended_at IS NULL;

-- What each group has asked of the model, by UTC day.
CREATE TABLE model_usage (
  group_folder TEXT NOT NULL, day TEXT NOT NULL, requests INTEGER NOT NULL, failures INTEGER NOT NULL,
  -- Read from and written to the model's cache count as input.
  input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
  PRIMARY KEY (group_folder, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE ipc_commands (
  id TEXT NOT NULL, group_folder TEXT NOT NULL, type TEXT NOT NULL,
  -- done, refused, or repeated: an earlier attempt of the same turn had done the same.
  outcome TEXT NOT NULL, reason TEXT, created_at TEXT NOT NULL,
  turn_id TEXT, digest TEXT,
  PRIMARY KEY (group_folder, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX ipc_commands_by_age ON ipc_commands (group_folder, created_at);

-- What only the operator can put right, and what chats were told meanwhile. Open while closed_at is NULL.
CREATE TABLE problems (
  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL,
  opened_at TEXT NOT NULL, told_at TEXT, closed_at TEXT
) STRICT;
CREATE UNIQUE INDEX problems_open ON problems (kind, subject) WHERE closed_at IS NULL;
CREATE INDEX ipc_commands_by_turn ON ipc_commands (turn_id, digest) WHERE digest IS NOT NULL;
CREATE INDEX turns_by_chain ON turns (chain);

CREATE TABLE audit_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, actor TEXT NOT NULL, group_folder TEXT,
  action TEXT NOT NULL, outcome TEXT NOT NULL, detail TEXT,
  -- How often within the minute of at: refusals that are alike are one row.
  times INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX audit_log_by_time ON audit_log (at);
-- Append only: a row may count up, and go when retention has declared its time over.
CREATE TRIGGER audit_log_unchanged BEFORE UPDATE ON audit_log
WHEN NEW.times <= OLD.times OR NEW.id <> OLD.id OR NEW.at <> OLD.at OR NEW.actor <> OLD.actor
  OR NEW.group_folder IS NOT OLD.group_folder OR NEW.action <> OLD.action OR NEW.outcome <> OLD.outcome
  OR NEW.detail IS NOT OLD.detail
BEGIN SELECT RAISE(ABORT, 'audit_log is append only'); END;
CREATE TRIGGER audit_log_kept BEFORE DELETE ON audit_log
WHEN OLD.at >= coalesce((SELECT value FROM meta WHERE key = 'audit_kept_from'), '')
BEGIN SELECT RAISE(ABORT, 'audit_log is append only'); END;
`,
};
