/**
 * One MCP server: started, asked for its tools, called. `ready` settles within READY_MS whatever the server does; after that it is
 * connected, or over with a reason. A server is offered nothing of ours: no sampling, no roots, no questions to people.
 */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  type CallToolResult,
  CallToolResultSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { TurnMcpServer } from '../../../../src/protocol.ts';
import { StdioTransport } from './stdio-transport.ts';

/** With what it may have to fetch first. */
const READY_MS = 60_000;
const CALL_MS = 5 * 60_000;
const MOST_TOOLS = 100;
const MOST_PAGES = 20;
const MOST_DESCRIPTION = 4000;
const MOST_SCHEMA_BYTES = 64 * 1024;
/** What the APIs of models take; with the server's name before it. */
const TOOL_NAME = /^[A-Za-z0-9_-]{1,64}$/;
const MOST_NAME = 64;

export interface ServerTool {
  name: string;
  description: string;
  inputSchema: Record<string, unknown>;
}

export interface Place {
  cwd: string;
  /** What programs inherit; a server's own variables come on top. */
  env: Record<string, string>;
  /** The daemon's door to servers elsewhere, and this container's token for it. */
  door: { url: string; token: string } | null;
  readyMs?: number;
  callMs?: number;
}

export const toolName = (server: string, tool: string): string => `mcp__${server}__${tool}`;

export class Connection {
  readonly name: string;
  /** Resolves when it is known how it stands; never rejects. */
  readonly ready: Promise<void>;
  isSettled = false;
  tools: readonly ServerTool[] = [];
  instructions = '';
  /** What is wrong although it works. */
  note: string | null = null;
  /** Why it does not work (any more). */
  problem: string | null = null;
  readonly #client = new Client({ name: 'nanoclaw', version: '1.0.0' }, { capabilities: {} });
  readonly #transport: StdioTransport | StreamableHTTPClientTransport | null;
  readonly #callMs: number;
  readonly #why: string;
  #listAgain = false;

  constructor(server: TurnMcpServer, place: Place) {
    this.name = server.name;
    this.#callMs = place.callMs ?? CALL_MS;
    this.#why = (server.type === 'http' ? server.problem : undefined) ?? 'there is no way to it from here';
    this.#transport = transportOf(server, place);
    this.#client.onclose = () => this.#over('it has ended');
    this.#client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
      this.#listAgain = true;
    });
    this.ready = this.#connect(place.readyMs ?? READY_MS).finally(() => {
      this.isSettled = true;
    });
  }

  get isOver(): boolean {
    return this.problem !== null;
  }

  /** Before a turn: what it offers may have changed. */
  async refresh(): Promise<void> {
    if (!this.#listAgain || this.isOver || !this.isSettled) return;
    this.#listAgain = false;
    await this.#list(10_000).catch((error: unknown) => this.#over(messageOf(error)));
  }

  async call(name: string, args: unknown, signal: AbortSignal): Promise<CallToolResult> {
    if (this.isOver) throw new Error(`the MCP server ${this.name} is not there: ${this.problem}`);
    const request = {
      method: 'tools/call' as const,
      params: { name, arguments: args as Record<string, unknown> },
    };
    try {
      return await this.#client.request(request, CallToolResultSchema, { timeout: this.#callMs, signal });
    } catch (error) {
      throw this.isOver ? new Error(`the MCP server ${this.name} has ended: ${this.problem}`) : error;
    }
  }

  close(): void {
    this.#over('it was closed');
  }

  async #connect(limitMs: number): Promise<void> {
    if (this.#transport === null) return this.#over(this.#why);
    const until = performance.now() + limitMs;
    const left = () => Math.max(1, Math.round(until - performance.now()));
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      const seconds = Math.round(limitMs / 1000);
      timer = setTimeout(() => reject(new Error(`it did not answer within ${seconds} seconds`)), limitMs);
    });
    try {
      const connected = this.#client.connect(this.#transport, { timeout: limitMs + 1000 });
      await Promise.race([connected, limit]);
      this.instructions = (this.#client.getInstructions() ?? '').slice(0, MOST_DESCRIPTION);
      await Promise.race([this.#list(left()), limit]);
    } catch (error) {
      this.#over(messageOf(error));
    } finally {
      clearTimeout(timer);
    }
  }

  async #list(limitMs: number): Promise<void> {
    const found: ServerTool[] = [];
    let left = 0;
    let cursor: string | undefined;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const listed = await this.#client.listTools(cursor === undefined ? {} : { cursor }, {
        timeout: limitMs,
      });
      for (const { name, description = '', inputSchema } of listed.tools) {
        const fits =
          TOOL_NAME.test(name) &&
          toolName(this.name, name).length <= MOST_NAME &&
          found.length < MOST_TOOLS &&
          !found.some((each) => each.name === name) &&
          JSON.stringify(inputSchema).length <= MOST_SCHEMA_BYTES;
        if (fits) found.push({ name, description: description.slice(0, MOST_DESCRIPTION), inputSchema });
        else left += 1;
      }
      cursor = listed.nextCursor;
      if (cursor === undefined) break;
    }
    this.tools = found;
    this.note =
      left === 0
        ? null
        : `${left} tools are left out: too many, or with names or schemas that cannot be used`;
  }

  #over(why: string): void {
    if (this.problem !== null) return;
    const transport = this.#transport;
    const end = transport instanceof StdioTransport ? transport.end : null;
    const words = transport instanceof StdioTransport ? transport.lastWords : '';
    this.problem = [end ?? why, ...(words === '' ? [] : [words])].join(': ').slice(0, 500);
    this.tools = [];
    void this.#client.close().catch(() => {});
    void transport?.close().catch(() => {});
  }
}

/** Null: there is no way to it from here. */
function transportOf(
  server: TurnMcpServer,
  { cwd, env, door }: Place,
): StdioTransport | StreamableHTTPClientTransport | null {
  if (server.type === 'stdio') {
    const { command, args } = server;
    return new StdioTransport({ command, args, cwd, env: { ...env, ...server.env } });
  }
  if (door === null || server.problem !== undefined) return null;
  return new StreamableHTTPClientTransport(new URL(`${door.url}/mcp/${server.name}`), {
    requestInit: { headers: { authorization: `Bearer ${door.token}` } },
  });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
