import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { TurnMcpServer } from '../../../../src/protocol.ts';
import { type McpServers, mcpServers, type ServersOptions } from './servers.ts';

const PROGRAM = path.resolve(import.meta.dirname, '../../../../test/support/mcp-server.mjs');
const named = (name: string, ...args: string[]): TurnMcpServer => ({
  type: 'stdio',
  name,
  command: process.execPath,
  args: [PROGRAM, ...args],
  env: {},
});

let servers: McpServers | undefined;
afterEach(() => servers?.close());
const open = (more: Partial<ServersOptions>): McpServers => {
  const env = { PATH: process.env.PATH ?? '' };
  servers = mcpServers({ allowed: true, cwd: tmpdir(), env, door: null, log: () => {}, ...more });
  return servers;
};
const signal = new AbortController().signal;

it('what the image brings along is there in every turn beside the group’s, and the host hears of the group’s alone', async () => {
  const made = open({ own: [named('browser')] });
  const first = await made.prepare({ session_id: null }, signal);
  const echo = first.tools.find(({ name }) => name === 'mcp__browser__echo');
  expect(await echo?.call({ text: 'hi' })).toMatchObject({ text: 'echo: hi', isError: false });
  expect(made.reports()).toEqual([]);
  const second = await made.prepare({ session_id: 's', mcp: [named('weather')] }, signal);
  const from = new Set(second.tools.map(({ mcp }) => mcp?.server));
  expect([...from]).toEqual(['browser', 'weather']);
  expect(made.reports().map(({ name }) => name)).toEqual(['weather']);
});

it('one that does not start holds nobody up, and is named to the model', async () => {
  const made = open({ own: [named('browser', 'crash')] });
  const { tools, notes } = await made.prepare({ session_id: null }, signal);
  expect(tools).toEqual([]);
  expect(notes).toEqual([expect.stringContaining('The MCP server “browser” is not there')]);
});

it('outside of a container nothing is started', async () => {
  const made = open({ allowed: false, own: [named('browser')] });
  expect(await made.prepare({ session_id: null }, signal)).toEqual({ tools: [], notes: [] });
});
