/** The door to the hub, for the turn loop: what MCP needs is loaded with the first turn that has a server, and not before. */
import type { TurnFile, TurnMcpServer } from '../../../../src/protocol.ts';
import type { HubOptions, McpHub, Prepared, ServerReport } from './hub.ts';

export interface McpServers {
  /** Starts what the turn names and ends the others; gives what the turn's agent may use. Never rejects. */
  prepare(turn: Pick<TurnFile, 'mcp' | 'session_id'>, signal: AbortSignal): Promise<Prepared>;
  /** How those of the last turn went. */
  reports(): ServerReport[];
  /** Ends all of them, at once. */
  close(): void;
}

export interface ServersOptions extends HubOptions {
  /** False where this process runs outside of a container, and starts no programs for anybody. */
  allowed: boolean;
  /** Those that the image brings along, in every turn; the host hears nothing of them. */
  own?: readonly TurnMcpServer[];
}

export function mcpServers({ allowed, own = [], ...options }: ServersOptions): McpServers {
  let hub: McpHub | null = null;
  const isOwn = (name: string): boolean => own.some((server) => server.name === name);
  return {
    async prepare({ mcp = [], session_id: session }, signal) {
      const servers = [...own, ...mcp];
      if (!allowed || (servers.length === 0 && hub === null)) return { tools: [], notes: [] };
      try {
        hub ??= new (await import('./hub.ts')).McpHub(options);
        return await hub.prepare(servers, session, signal);
      } catch (error) {
        options.log(`MCP servers could not be prepared: ${error instanceof Error ? error.stack : error}`);
        return { tools: [], notes: ['No MCP server could be started in this turn; do without their tools.'] };
      }
    },
    reports: () => (hub?.reports() ?? []).filter(({ name }) => !isOwn(name)),
    close: () => hub?.close(),
  };
}
