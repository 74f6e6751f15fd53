/** The door to the hub, for the turn loop: what MCP needs is loaded with the first turn that has a server, and not before. */
import type { TurnFile } from '../../../../src/protocol.ts';
import type { HubOptions, McpHub, Prepared, ServerReport } from './hub.ts';

export interface McpServers {
  /** Starts what the turn names and ends the others; gives what the turn's agent may use. Never rejects. */
  prepare(turn: Pick<TurnFile, 'mcp' | 'session_id'>, signal: AbortSignal): Promise<Prepared>;
  /** How those of the last turn went. */
  reports(): ServerReport[];
  /** Ends all of them, at once. */
  close(): void;
}

/** `allowed`: false where this process runs outside of a container, and starts no programs for anybody. */
export function mcpServers(options: HubOptions & { allowed: boolean }): McpServers {
  let hub: McpHub | null = null;
  return {
    async prepare({ mcp = [], session_id: session }, signal) {
      if (!options.allowed || (mcp.length === 0 && hub === null)) return { tools: [], notes: [] };
      hub ??= new (await import('./hub.ts')).McpHub(options);
      return hub.prepare(mcp, session, signal);
    },
    reports: () => hub?.reports() ?? [],
    close: () => hub?.close(),
  };
}
