/**
 * A scripted Anthropic Messages API: what the real Claude Code process talks to in tests and benchmarks instead of a
 * model. A script decides about each request; every request is recorded with its headers. Answers as server-sent
 * events like the real API, or as one JSON body where the request does not stream. Needs no network and no key.
 */
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorBody, type Reply, sendJson, sendReply } from './messages-api-wire.ts';

interface WireBlock {
  type: string;
  text?: string;
  name?: string;
  content?: unknown;
  is_error?: boolean;
}
export interface WireRequest {
  model?: string;
  stream?: boolean;
  max_tokens?: number;
  system?: string | WireBlock[];
  tools?: { name: string }[];
  messages?: { role: string; content: string | WireBlock[] }[];
}

/** A request as the API saw it. */
export interface SeenRequest {
  /** Counts all requests from 1. */
  n: number;
  /** Counts the main requests from 1; 0 for a side request. */
  main: number;
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: WireRequest;
  raw: string;
  /** What the last user message says in plain text, tool results and system reminders left out. */
  userText: string;
  /** The tool results in the last user message. */
  toolResults: readonly { text: string; isError: boolean }[];
  /** Asked by Claude Code for itself (a title, a summary), not for the conversation: it offers no tools. */
  isSide: boolean;
  /** Milliseconds of performance.now() when it had arrived whole. */
  at: number;
}

export type Script = (request: SeenRequest) => Reply | Promise<Reply>;

export interface MessagesApiOptions {
  /** Decides about each main request. Side requests get "ok", unless `side` decides. */
  script: Script;
  side?: Script;
  /** Told of every request, before it is answered. */
  onRequest?: (request: SeenRequest) => void;
  /** Address to listen on; default 127.0.0.1. */
  host?: string;
  /** Default: any free one. */
  port?: number;
}

export interface MessagesApi {
  readonly url: string;
  readonly port: number;
  /** Every request, in order of arrival. */
  readonly requests: readonly SeenRequest[];
  /** Those of the conversation. */
  main(): SeenRequest[];
  /** Emits `request` with each SeenRequest. */
  on(event: 'request', listener: (request: SeenRequest) => void): void;
  /** Replaces the script from the next request on. */
  use(script: Script): void;
  close(): Promise<void>;
}

/** Starts the server. Close it, or the process stays alive. */
export async function createMessagesApi(options: MessagesApiOptions): Promise<MessagesApi> {
  const host = options.host ?? '127.0.0.1';
  const requests: SeenRequest[] = [];
  const emitter = new EventEmitter();
  let { script } = options;

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks).toString('utf8');
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    const seen = describeRequest(request, path, raw, requests);
    requests.push(seen);
    options.onRequest?.(seen);
    emitter.emit('request', seen);

    if (request.method !== 'POST') return sendJson(response, 200, {});
    if (path === '/v1/messages/count_tokens') {
      return sendJson(response, 200, { input_tokens: Math.ceil(raw.length / 4) });
    }
    if (path !== '/v1/messages') return sendJson(response, 404, errorBody({ status: 404 }));
    const decide = seen.isSide ? (options.side ?? (() => 'ok')) : script;
    await sendReply(response, seen, await decide(seen));
  }

  server.listen(options.port ?? 0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    port,
    requests,
    main: () => requests.filter((seen) => seen.main > 0),
    on: (event, listener) => void emitter.on(event, listener),
    use: (next) => {
      script = next;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function describeRequest(
  request: IncomingMessage,
  path: string,
  raw: string,
  before: readonly SeenRequest[],
): SeenRequest {
  let body: WireRequest = {};
  try {
    body = JSON.parse(raw) as WireRequest;
  } catch {
    // HEAD and GET have none.
  }
  const isMessages = request.method === 'POST' && path === '/v1/messages';
  const isSide = isMessages && (body.tools?.length ?? 0) === 0;
  const last = [...(body.messages ?? [])].reverse().find((message) => message.role === 'user');
  const blocks: WireBlock[] =
    typeof last?.content === 'string' ? [{ type: 'text', text: last.content }] : (last?.content ?? []);
  return {
    n: before.length + 1,
    main: isMessages && !isSide ? before.filter((seen) => seen.main > 0).length + 1 : 0,
    method: request.method ?? '',
    path,
    headers: request.headers,
    body,
    raw,
    userText: blocks
      .flatMap((block) => (block.type === 'text' && block.text !== undefined ? [block.text] : []))
      .filter((text) => !text.trimStart().startsWith('<system-reminder>'))
      .join('\n'),
    toolResults: blocks
      .filter((block) => block.type === 'tool_result')
      .map((block) => ({ text: textOf(block.content), isError: block.is_error === true })),
    isSide,
    at: performance.now(),
  };
}

/** The text of a request's system prompt, its blocks joined. */
export function systemText(request: SeenRequest): string {
  return textOf(request.body.system);
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((block: WireBlock) => block.text ?? '').join('\n');
}
