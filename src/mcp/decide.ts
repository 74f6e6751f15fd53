/**
 * What people decide about a group's MCP servers: always about the definition that they were shown. Each decision is one
 * transaction with its note in the audit log. Throws MCP_UNKNOWN and MCP_CHANGED, and then nothing was decided.
 */
import type { Db } from '../db.ts';
import { NanoClawError } from '../errors.ts';
import { oneLine } from '../lib/one-line.ts';
import { type McpServer, readServers } from '../mcp.ts';
import { type Group, iso } from '../types.ts';
import { brief } from './definition.ts';

export interface DecideContext {
  db: Db;
  home: string;
  now: () => number;
}

/** So much of a fingerprint is shown and typed. */
export const SHORT = 12;

/** The server of this name as the file is now. Throws MCP_UNKNOWN, with what is wrong with it where something is. */
export function findServer({ db, home }: DecideContext, group: Group, name: string): McpServer {
  const { servers, problems } = readServers(db, home, group.folder);
  const found = servers.find(({ definition }) => definition.name === name);
  if (found) return found;
  const problem = problems.find((each) => each.name === name || each.name === null);
  throw new NanoClawError('MCP_UNKNOWN', (w) =>
    problem
      ? w.mcp.unusable(oneLine(name, 64), problem.reason(w))
      : w.mcp.unknown(oneLine(name, 64), group.folder),
  );
}

/** `shown`: the fingerprint that was read before, or its beginning, at least 12 digits. */
export function decideServer(
  context: DecideContext,
  group: Group,
  name: string,
  shown: string,
  state: 'approved' | 'refused',
  actor: string,
): McpServer {
  const { db } = context;
  return db.transaction(() => {
    const server = findServer(context, group, name);
    const { definition, fingerprint } = server;
    if (shown.length < SHORT || !fingerprint.startsWith(shown))
      throw new NanoClawError('MCP_CHANGED', (w) => w.mcp.changed(name, group.folder));
    const at = iso(context.now());
    db.mcp.decide(group.folder, {
      name,
      fingerprint,
      definition: JSON.stringify(definition),
      state,
      decidedBy: actor,
      decidedAt: at,
    });
    db.mcp.endTrouble(group.folder, name);
    note(context, group, actor, `${state}: ${name} (${fingerprint.slice(0, SHORT)}) ${brief(definition)}`);
    return { ...server, state };
  });
}

/** Whatever of this name is approved is so no longer, whether the file still has it or not. Throws MCP_UNKNOWN. */
export function withdrawServer(context: DecideContext, group: Group, name: string, actor: string): void {
  const { db } = context;
  db.transaction(() => {
    if (!db.mcp.withdraw(group.folder, name, actor, iso(context.now())))
      throw new NanoClawError('MCP_UNKNOWN', (w) => w.mcp.notApproved(oneLine(name, 64), group.folder));
    db.mcp.endTrouble(group.folder, name);
    note(context, group, actor, `withdrawn: ${name}`);
  });
}

function note({ db, now }: DecideContext, { folder: group }: Group, actor: string, detail: string): void {
  db.audit.note({ at: iso(now()), actor, group, action: 'mcp_server', outcome: 'done', detail });
}
