/**
 * The schema, as numbered steps. A step is one transaction together with its own record; steps are only added,
 * never changed. The columns named in DESIGN.md are public: operators query them.
 */
export interface Migration {
  id: number;
  name: string;
  sql: string;
}

export const MIGRATIONS: readonly Migration[] = [
  {
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
  },
  {
    id: 2,
    name: 'scheduled tasks',
    sql: `
CREATE TABLE scheduled_tasks (
  id TEXT PRIMARY KEY, group_folder TEXT NOT NULL, chat_jid TEXT NOT NULL, prompt TEXT NOT NULL,
  schedule_type TEXT NOT NULL CHECK (schedule_type IN ('cron', 'interval', 'once')), schedule_value TEXT NOT NULL,
  timezone TEXT NOT NULL, context_mode TEXT NOT NULL CHECK (context_mode IN ('group', 'isolated')),
  misfire TEXT NOT NULL, script TEXT, thread_id INTEGER,
  status TEXT NOT NULL CHECK (status IN ('active', 'paused', 'done', 'cancelled')), status_reason TEXT,
  -- Intervals count from here.
  anchor TEXT NOT NULL,
  next_run TEXT, last_run TEXT, last_result TEXT, failures INTEGER NOT NULL DEFAULT 0,
  created_by TEXT NOT NULL, created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX scheduled_tasks_due ON scheduled_tasks (next_run) WHERE status = 'active' AND next_run IS NOT NULL;
CREATE INDEX scheduled_tasks_over ON scheduled_tasks (created_at) WHERE status IN ('done', 'cancelled');
CREATE INDEX scheduled_tasks_by_group ON scheduled_tasks (group_folder, created_at);

-- One row for each due instant, whatever became of it.
CREATE TABLE task_runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, task_id TEXT NOT NULL, chat_jid TEXT NOT NULL, due TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('due', 'running', 'finished')),
  -- ok, quiet, gated, failed, stopped, skipped; NULL until finished.
  outcome TEXT, reason TEXT,
  -- schedule, or who asked for it.
  origin TEXT NOT NULL, not_before TEXT, attempt INTEGER NOT NULL DEFAULT 0, missed INTEGER NOT NULL DEFAULT 0,
  turn_id TEXT, started_at TEXT, finished_at TEXT, lateness_ms INTEGER, error TEXT,
  input_tokens INTEGER, output_tokens INTEGER, cost_usd REAL,
  -- 1: all that it wrote has arrived, 0: some of it never will; NULL: nothing to deliver, or not yet.
  delivered INTEGER,
  UNIQUE (task_id, due)
) STRICT;
CREATE INDEX task_runs_waiting ON task_runs (chat_jid, id) WHERE state = 'due';
CREATE INDEX task_runs_open ON task_runs (task_id) WHERE state <> 'finished';
CREATE INDEX task_runs_over ON task_runs (finished_at) WHERE turn_id IS NULL AND state = 'finished';
CREATE INDEX task_runs_by_turn ON task_runs (turn_id) WHERE turn_id IS NOT NULL;
`,
  },
  {
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
  },
];
