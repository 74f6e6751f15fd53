/** What more is remembered of the groups' agents. */
import { MCP_SERVERS } from './6-mcp-servers.ts';
import { MODELS } from './6-models.ts';
import type { Migration } from './migration.ts';

export const GROUPS_AGENTS: Migration = {
  id: 6,
  name: 'conversations, MCP servers, models',
  sql: `
-- How full a conversation is, as its agent said at the end of the last turn (protocol.ts, contextSchema); NULL: it has not said it.
-- updated_at: when it was used last.
ALTER TABLE sessions ADD COLUMN began_at TEXT;
ALTER TABLE sessions ADD COLUMN turns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN context_tokens INTEGER;
ALTER TABLE sessions ADD COLUMN context_window INTEGER;
ALTER TABLE sessions ADD COLUMN context_compact_at INTEGER;
ALTER TABLE sessions ADD COLUMN context_instructions INTEGER;
ALTER TABLE sessions ADD COLUMN context_tools INTEGER;
UPDATE sessions SET updated_at = used.at
  FROM (SELECT group_folder, max(queued_at) AS at FROM turns GROUP BY group_folder) used
  WHERE used.group_folder = sessions.group_folder AND used.at > sessions.updated_at;
-- The outbox entry that shows it: a press under any other message is none.
ALTER TABLE questions ADD COLUMN outbox_id INTEGER;
${MCP_SERVERS}${MODELS}`,
};
