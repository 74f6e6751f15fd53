/** Our tools for Claude: an MCP server in this process, whose list it asks for at its start. */
import { MCP_SERVER } from './claude-options.ts';
import type { Tool, ToolResult } from './tool.ts';

export type Sdk = typeof import('@anthropic-ai/claude-agent-sdk');

/** `call` never rejects. The process outlives turns, so it is told the tool's name, and not the tool. */
export function toolServer(
  sdk: Sdk,
  tools: readonly Tool[],
  call: (name: string, args: unknown) => Promise<ToolResult>,
): ReturnType<Sdk['createSdkMcpServer']> {
  const named = tools.map(({ name, description, shape }) =>
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
