/** Of the step 5-agents-world.ts: what turns have used, and what groups and people may use. */
export const ALLOWANCES = `
-- What was used, for ever: by group, day (in the daemon's TZ, of the claim), person (Telegram id of who asked; '' for tasks, and for
-- what an agent asked of the model between turns) and task ('' for messages).
CREATE TABLE usage_ledger (
  group_folder TEXT NOT NULL, day TEXT NOT NULL, person TEXT NOT NULL, task_id TEXT NOT NULL,
  turns INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost_usd REAL NOT NULL,
  PRIMARY KEY (group_folder, day, person, task_id)
) STRICT, WITHOUT ROWID;
-- With all that is added up: a month of a hundred groups is read before each turn that an allowance binds.
CREATE INDEX usage_ledger_by_person ON usage_ledger (person, day, turns, input_tokens, output_tokens, cost_usd);
CREATE INDEX usage_ledger_by_day ON usage_ledger (day, turns, input_tokens, output_tokens, cost_usd);
INSERT INTO usage_ledger
  SELECT t.group_folder, substr(t.queued_at, 1, 10),
    coalesce((SELECT m.sender FROM messages m WHERE m.turn_id = t.id AND m.trigger_kind IS NOT NULL ORDER BY m.seq LIMIT 1), ''),
    coalesce((SELECT r.task_id FROM task_runs r WHERE r.turn_id = t.id), ''),
    count(*), sum(coalesce(t.input_tokens, 0)), sum(coalesce(t.output_tokens, 0)), sum(coalesce(t.cost_usd, 0))
  FROM turns t WHERE t.finished_at IS NOT NULL AND t.started_at IS NOT NULL GROUP BY 1, 2, 3, 4;

-- Who asked for the turn, or which task; the day that it counts for; what was kept for it of the allowances while it runs (NULL: there
-- were none), and what it was charged with in the end (NULL: nothing).
ALTER TABLE turns ADD COLUMN person TEXT;
ALTER TABLE turns ADD COLUMN task_id TEXT;
ALTER TABLE turns ADD COLUMN day TEXT;
ALTER TABLE turns ADD COLUMN reserved_usd REAL;
ALTER TABLE turns ADD COLUMN reserved_tokens INTEGER;
ALTER TABLE turns ADD COLUMN charged_usd REAL;
ALTER TABLE turns ADD COLUMN charged_tokens INTEGER;
CREATE INDEX turns_charged ON turns (group_folder, seq, charged_usd, charged_tokens) WHERE charged_usd IS NOT NULL;
-- How much of it is in usage_ledger.
ALTER TABLE model_usage ADD COLUMN charged_input INTEGER NOT NULL DEFAULT 0;
ALTER TABLE model_usage ADD COLUMN charged_output INTEGER NOT NULL DEFAULT 0;
UPDATE model_usage SET charged_input = input_tokens, charged_output = output_tokens;

-- How much may be used: who is a folder, a Telegram id, or '' for all together. amount: USD or tokens.
CREATE TABLE allowances (
  id INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL CHECK (scope IN ('all', 'group', 'person')), who TEXT NOT NULL,
  unit TEXT NOT NULL CHECK (unit IN ('usd', 'tokens')), period TEXT NOT NULL CHECK (period IN ('day', 'month')),
  amount REAL NOT NULL CHECK (amount > 0), UNIQUE (scope, who, unit, period)
) STRICT;
-- period: the day (2026-11-02) or month (2026-11) that it is for.
CREATE TABLE allowance_topups (
  id INTEGER PRIMARY KEY AUTOINCREMENT, allowance_id INTEGER NOT NULL REFERENCES allowances (id) ON DELETE CASCADE,
  period TEXT NOT NULL, amount REAL NOT NULL, by TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
CREATE INDEX allowance_topups_of ON allowance_topups (allowance_id, period, amount);
-- Which period of an allowance (and after how many top-ups) was last said to be used up in a topic of a group (0: in none), and until
-- when; folder '': what main was asked.
CREATE TABLE allowance_notices (
  allowance_id INTEGER NOT NULL REFERENCES allowances (id) ON DELETE CASCADE, folder TEXT NOT NULL, thread_id INTEGER NOT NULL,
  told TEXT NOT NULL, until TEXT NOT NULL, PRIMARY KEY (allowance_id, folder, thread_id)
) STRICT, WITHOUT ROWID;
`;
