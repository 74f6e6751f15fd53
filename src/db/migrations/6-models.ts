/** Of the step 6-groups-agents.ts: what each group's agent thinks with, and what follows from that for its conversations and turns. */
export const MODELS = `
-- NULL: as the settings say for all. effort: a word of types.ts.
ALTER TABLE registered_groups ADD COLUMN provider TEXT;
ALTER TABLE registered_groups ADD COLUMN model TEXT;
ALTER TABLE registered_groups ADD COLUMN effort TEXT;
ALTER TABLE registered_groups ADD COLUMN max_turns INTEGER;
ALTER TABLE registered_groups ADD COLUMN max_thinking INTEGER;
-- Whose conversation it is: no other provider can go on with it. NULL: from before this was noted.
ALTER TABLE sessions ADD COLUMN provider TEXT;
-- Which model's server it may ask: fixed with its start. NULL: from before, the one of the settings.
ALTER TABLE containers ADD COLUMN provider TEXT;
-- What it was claimed for. model NULL: the provider's own choice. price: USD for a million tokens in and out ("0.25/2"), NULL: the
-- agent says what it costs.
ALTER TABLE turns ADD COLUMN provider TEXT;
ALTER TABLE turns ADD COLUMN model TEXT;
ALTER TABLE turns ADD COLUMN price TEXT;
-- What the proxy saw of it would cost by list prices (0 where nobody knows the model), and how much of that is in usage_ledger.
ALTER TABLE model_usage ADD COLUMN seen_usd REAL NOT NULL DEFAULT 0;
ALTER TABLE model_usage ADD COLUMN charged_seen_usd REAL NOT NULL DEFAULT 0;
`;
