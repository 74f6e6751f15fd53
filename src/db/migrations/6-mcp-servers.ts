/** Of the step 6-groups-agents.ts: MCP servers. */
export const MCP_SERVERS = `
-- What people decided about MCP servers of groups: exactly this definition (JSON), by its fingerprint. Of one name one is approved.
CREATE TABLE mcp_servers (
  group_folder TEXT NOT NULL, name TEXT NOT NULL, fingerprint TEXT NOT NULL, definition TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('approved', 'refused')), decided_by TEXT NOT NULL, decided_at TEXT NOT NULL,
  PRIMARY KEY (group_folder, name, fingerprint)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX mcp_servers_approved ON mcp_servers (group_folder, name) WHERE state = 'approved';
-- What does not work of those that are approved.
CREATE TABLE mcp_troubles (
  group_folder TEXT NOT NULL, name TEXT NOT NULL, detail TEXT NOT NULL, since TEXT NOT NULL,
  PRIMARY KEY (group_folder, name)
) STRICT, WITHOUT ROWID;
`;
