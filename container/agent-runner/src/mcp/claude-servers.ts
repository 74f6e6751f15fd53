/**
 * MCP servers' tools as Claude Code is to see them: one server in this process for each, which hands calls on. Claude Code starts and
 * reaches none of them itself, so that their start is bounded, their end seen, and all agents have them alike.
 */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import {
  CallToolRequestSchema,
  type CallToolResult,
  ListToolsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { Tool, ToolResult } from '../tool.ts';

type FromMcp = Tool & { mcp: NonNullable<Tool['mcp']> };

/** By name. `call` is asked for the tool of that name in the turn that runs. */
export function claudeServers(
  tools: readonly Tool[],
  call: (name: string, args: unknown) => Promise<ToolResult>,
): Record<string, { type: 'sdk'; name: string; instance: McpServer }> {
  const servers = new Map<string, FromMcp[]>();
  for (const tool of tools) {
    const { mcp } = tool;
    if (mcp) servers.set(mcp.server, [...(servers.get(mcp.server) ?? []), { ...tool, mcp }]);
  }
  return Object.fromEntries(
    [...servers].map(([name, own]) => [
      name,
      { type: 'sdk' as const, name, instance: serverOf(name, own, call) },
    ]),
  );
}

function serverOf(
  name: string,
  tools: readonly FromMcp[],
  call: (name: string, args: unknown) => Promise<ToolResult>,
): McpServer {
  const instance = new McpServer({ name, version: '1.0.0' }, { capabilities: { tools: {} } });
  instance.server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: tools.map(({ description, mcp }) => ({
      name: mcp.tool,
      description,
      inputSchema: { ...mcp.inputSchema, type: 'object' as const },
      _meta: { 'anthropic/alwaysLoad': true },
    })),
  }));
  instance.server.setRequestHandler(CallToolRequestSchema, async ({ params }): Promise<CallToolResult> => {
    const tool = tools.find(({ mcp }) => mcp.tool === params.name);
    if (!tool) return { content: [{ type: 'text', text: `there is no tool ${params.name}` }], isError: true };
    const { text, isError, content } = await call(tool.name, params.arguments);
    return { content: content ?? [{ type: 'text', text }], isError };
  });
  return instance;
}
