/** What people read before they approve an MCP server: all of it, and what it would mean. */
import { oneLine } from '../lib/front-matter.ts';
import type { McpServer } from '../mcp.ts';
import type { Group } from '../types.ts';
import type { Words } from '../words.ts';
import { showDefinition } from './definition.ts';

export function askText(group: Group, { definition }: Pick<McpServer, 'definition'>, words: Words): string {
  const about =
    definition.type === 'http' ? words.mcp.isHttp(new URL(definition.url).host) : words.mcp.isStdio;
  // A chat's title is anybody's words.
  return words.mcp.ask(oneLine(group.name, 64), group.folder, showDefinition(definition), about);
}
