/**
 * A group's MCP servers: what its mcp.json names, and which of that a person has approved. The file is the agent's to write, so it is
 * read as if an attacker had written it, and gives nothing by itself: a server counts while exactly its definition is approved
 * for exactly this group. Whatever is wrong with one server is named and keeps none of the others. Only the daemon asks here.
 */
import type { Db } from './db.ts';
import { messageOf } from './errors.ts';
import type { FileFault } from './lib/front-matter.ts';
import { readBelow } from './lib/read-below.ts';
import { groupPaths } from './mailbox/layout.ts';
import { fingerprintOf, type McpDefinition, readDefinition } from './mcp/definition.ts';
import type { Folder } from './types.ts';
import type { Sentence } from './words.ts';

/** In a group's folder. */
export const MCP_FILE = 'mcp.json';
const MAX_FILE_BYTES = 64 * 1024;
const MOST_SERVERS = 10;

export type McpState = 'waiting' | 'approved' | 'refused';

export interface McpServer {
  definition: McpDefinition;
  fingerprint: string;
  state: McpState;
}

export interface McpProblem {
  /** Null: of the file itself. */
  name: string | null;
  reason: Sentence;
}

export interface McpServers {
  /** In the order of the file. */
  servers: McpServer[];
  problems: McpProblem[];
}

/** As the file is now. Never throws for what is in the file. */
export function readServers(db: Pick<Db, 'mcp'>, home: string, folder: Folder): McpServers {
  const { definitions, problems } = readFile(groupPaths(home, folder).groupDir);
  if (definitions.length === 0) return { servers: [], problems };
  const decided = new Map(
    db.mcp.decisions(folder).map((each) => [`${each.name} ${each.fingerprint}`, each.state]),
  );
  const servers = definitions.map((definition): McpServer => {
    const fingerprint = fingerprintOf(definition);
    const state = decided.get(`${definition.name} ${fingerprint}`) ?? 'waiting';
    return { definition, fingerprint, state };
  });
  return { servers, problems };
}

/** What the file of a folder says. `problems` name what cannot be used. */
export function readFile(groupDir: string): { definitions: McpDefinition[]; problems: McpProblem[] } {
  const bad = (reason: Sentence, name: string | null = null) => ({
    definitions: [],
    problems: [{ name, reason }],
  });
  const text: string | FileFault | null = readBelow(groupDir, [MCP_FILE], MAX_FILE_BYTES);
  if (text === null) return { definitions: [], problems: [] };
  if (typeof text !== 'string') return bad(text.reason);
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    const detail = messageOf(error);
    return bad((w) => w.mcp.notJson(detail));
  }
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject(json) || !isObject(json.mcpServers)) return bad((w) => w.mcp.noServers);
  const others = Object.keys(json).filter((key) => key !== 'mcpServers');
  if (others.length > 0) return bad((w) => w.mcp.unknownKeys(others.slice(0, 5).join(', ').slice(0, 200)));
  const entries = Object.entries(json.mcpServers);
  if (entries.length > MOST_SERVERS) return bad((w) => w.mcp.tooManyServers(MOST_SERVERS));
  const definitions: McpDefinition[] = [];
  const problems: McpProblem[] = [];
  for (const [name, value] of entries) {
    const read = readDefinition(name, value);
    if ('problem' in read) problems.push({ name, reason: (w) => w.mcp.badServer(read.problem) });
    else definitions.push(read);
  }
  return { definitions, problems };
}
