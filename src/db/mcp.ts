/** MCP servers of groups: what people decided about which definition, what main was asked, and which of them do not work. */
import type { Iso } from '../types.ts';
import type { Sqlite } from './open.ts';

/** What is asked about a server stands under this kind, its subject is folder/name/fingerprint. */
export const MCP_QUESTION = 'mcp';

export interface McpDecision {
  name: string;
  fingerprint: string;
  /** JSON. */
  definition: string;
  state: 'approved' | 'refused';
  decidedBy: string;
  decidedAt: Iso;
}

export interface McpTrouble {
  name: string;
  detail: string;
  since: Iso;
}

export interface McpAsked {
  subject: string;
  askedAt: Iso;
  answer: string | null;
}

export function mcpRepository(db: Sqlite) {
  const COLUMNS = 'name, fingerprint, definition, state, decided_by AS decidedBy, decided_at AS decidedAt';
  const ofGroup = db.prepare<[string], McpDecision>(
    `SELECT ${COLUMNS} FROM mcp_servers WHERE group_folder = ? ORDER BY name, fingerprint`,
  );
  const approved = db
    .prepare<[string, string], string>(
      `SELECT definition FROM mcp_servers WHERE group_folder = ? AND name = ? AND state = 'approved'`,
    )
    .pluck();
  const end = db.prepare(
    `UPDATE mcp_servers SET state = 'refused', decided_by = ?, decided_at = ?
     WHERE group_folder = ? AND name = ? AND state = 'approved'`,
  );
  const decide = db.prepare(
    `INSERT INTO mcp_servers (group_folder, name, fingerprint, definition, state, decided_by, decided_at)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (group_folder, name, fingerprint) DO UPDATE SET
     state = excluded.state, decided_by = excluded.decided_by, decided_at = excluded.decided_at`,
  );
  const forget = db.prepare('DELETE FROM mcp_servers WHERE group_folder = ?');
  const asked = db.prepare<[string, string, string], McpAsked>(
    `SELECT subject, asked_at AS askedAt, answer FROM questions
     WHERE kind = '${MCP_QUESTION}' AND subject >= ? AND subject < ? AND asked_at >= ?`,
  );
  const troubles = db.prepare<[string], McpTrouble>(
    'SELECT name, detail, since FROM mcp_troubles WHERE group_folder = ? ORDER BY name',
  );
  const addTrouble = db.prepare(
    `INSERT INTO mcp_troubles (group_folder, name, detail, since) VALUES (?, ?, ?, ?)
     ON CONFLICT (group_folder, name) DO UPDATE SET detail = excluded.detail`,
  );
  const endTrouble = db.prepare('DELETE FROM mcp_troubles WHERE group_folder = ? AND name = ?');
  const forgetTroubles = db.prepare('DELETE FROM mcp_troubles WHERE group_folder = ?');

  return {
    decisions: (folder: string): McpDecision[] => ofGroup.all(folder),
    /** The definition that is approved under this name, as JSON. */
    approved: (folder: string, name: string): string | null => approved.get(folder, name) ?? null,
    /** In the caller's transaction: one that is approved takes the place of another of its name. */
    decide(
      folder: string,
      { name, fingerprint, definition, state, decidedBy, decidedAt }: McpDecision,
    ): void {
      if (state === 'approved') end.run(decidedBy, decidedAt, folder, name);
      decide.run(folder, name, fingerprint, definition, state, decidedBy, decidedAt);
    },
    /** Nothing of this name is approved any more. False: nothing was. */
    withdraw: (folder: string, name: string, by: string, at: Iso): boolean =>
      end.run(by, at, folder, name).changes > 0,
    /** What main was asked about the group's servers since then. */
    asked: (folder: string, since: Iso): McpAsked[] => asked.all(`${folder}/`, `${folder}0`, since),
    troubles: (folder: string): McpTrouble[] => troubles.all(folder),
    setTrouble(folder: string, name: string, detail: string, at: Iso): void {
      addTrouble.run(folder, name, detail, at);
    },
    endTrouble(folder: string, name: string): void {
      endTrouble.run(folder, name);
    },
    /** The group is gone: another that gets its folder decides anew. */
    forget(folder: string): void {
      forget.run(folder);
      forgetTroubles.run(folder);
    },
  };
}
