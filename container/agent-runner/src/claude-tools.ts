/** Our tools for Claude: an MCP server in this process, whose list it asks for at its start. */
import type { Options } from '@anthropic-ai/claude-agent-sdk';
import { MCP_SERVER } from './claude-options.ts';
import type { Tool, ToolResult } from './tool.ts';

export type Sdk = typeof import('@anthropic-ai/claude-agent-sdk');

/** `call` never rejects. The process outlives turns, so it is told the tool's name, and not the tool. */
export function toolServer(
  sdk: Sdk,
  tools: readonly Tool[],
  call: (name: string, args: unknown) => Promise<ToolResult>,
): ReturnType<Sdk['createSdkMcpServer']> {
  const own = tools.filter(({ mcp }) => mcp === undefined);
  const named = own.map(({ name, description, shape }) =>
    sdk.tool(
      name,
      description,
      shape,
      async (args) => {
        const { text, isError } = await call(name, args);
        return { content: [{ type: 'text', text }], isError };
      },
      { alwaysLoad: true },
    ),
  );
  return sdk.createSdkMcpServer({ name: MCP_SERVER, version: '1.0.0', tools: named });
}

/** The same of MCP servers' tools, each under its server's name. What they need is loaded where there are any. */
export async function otherServers(
  tools: readonly Tool[],
  call: (name: string, args: unknown) => Promise<ToolResult>,
): Promise<NonNullable<Options['mcpServers']>> {
  if (tools.every(({ mcp }) => mcp === undefined)) return {};
  const { claudeServers } = await import('./mcp/claude-servers.ts');
  return claudeServers(tools, call);
}
