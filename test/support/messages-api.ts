/**
 * A scripted Anthropic Messages API: what the real Claude Code process talks to in tests and benchmarks instead of a
 * model. A script decides about each request; every request is recorded with its headers. Answers as server-sent
 * events like the real API, or as one JSON body where the request does not stream. Needs no network and no key.
 */
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One block of a scripted reply. */
export type ReplyBlock =
  | { text: string }
  | { thinking: string }
  | { toolUse: { name: string; input: Record<string, unknown> } };

export interface ContentReply {
  content: readonly ReplyBlock[];
  /** Before the first byte (ms). */
  delayMs?: number;
  /** Between two chunks of a streamed reply (ms). */
  chunkDelayMs?: number;
  usage?: { input?: number; output?: number; cacheRead?: number; cacheCreation?: number };
}
export interface ErrorReply {
  /** HTTP status, e.g. 401, 429, 529. */
  status: number;
  /** Error type as the API names it; derived from the status when left out. */
  type?: string;
  message?: string;
  /** Whether the client should try again by itself; default false, so that tests do not wait for its backoff. */
  retry?: boolean;
}
export interface HangReply {
  /** `headers`: never answers at all. `stream`: begins to stream and then falls silent. */
  hang: 'headers' | 'stream';
}
/** A text, blocks, an error, or silence. */
export type Reply = string | ContentReply | ErrorReply | HangReply;

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

const ERROR_TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

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

async function sendReply(response: ServerResponse, request: SeenRequest, reply: Reply): Promise<void> {
  if (typeof reply !== 'string' && 'status' in reply) {
    response.setHeader('x-should-retry', reply.retry === true ? 'true' : 'false');
    return sendJson(response, reply.status, errorBody(reply));
  }
  if (typeof reply !== 'string' && 'hang' in reply) {
    if (reply.hang === 'stream') {
      startStream(response);
      for (const event of streamEvents(request, { content: [{ text: 'I begin, and' }] }).slice(0, 3)) {
        response.write(event);
      }
    }
    return;
  }
  const content: ContentReply = typeof reply === 'string' ? { content: [{ text: reply }] } : reply;
  if (content.delayMs) await pause(content.delayMs);
  if (request.body.stream !== true) {
    return sendJson(response, 200, wholeMessage(request, content));
  }
  startStream(response);
  for (const event of streamEvents(request, content)) {
    if (response.destroyed) return;
    response.write(event);
    if (content.chunkDelayMs) await pause(content.chunkDelayMs);
  }
  response.end();
}

function startStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.flushHeaders();
}

function streamEvents(request: SeenRequest, reply: ContentReply): string[] {
  const whole = wholeMessage(request, reply);
  const event = (type: string, data: Record<string, unknown>) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
  const events = [
    event('message_start', {
      message: { ...whole, content: [], stop_reason: null, usage: { ...whole.usage, output_tokens: 1 } },
    }),
  ];
  whole.content.forEach((block, index) => {
    events.push(event('content_block_start', { index, content_block: emptied(block) }));
    for (const delta of deltas(block)) events.push(event('content_block_delta', { index, delta }));
    events.push(event('content_block_stop', { index }));
  });
  const usage = { output_tokens: whole.usage.output_tokens };
  events.push(
    event('message_delta', { delta: { stop_reason: whole.stop_reason, stop_sequence: null }, usage }),
  );
  events.push(event('message_stop', {}));
  return events;
}

type Block =
  | { type: 'text'; text: string }
  | { type: 'thinking'; thinking: string; signature: string }
  | { type: 'tool_use'; id: string; name: string; input: Record<string, unknown> };

function wholeMessage(request: SeenRequest, reply: ContentReply) {
  const content = reply.content.map((block, index): Block => {
    if ('text' in block) return { type: 'text', text: block.text };
    if ('thinking' in block) return { type: 'thinking', thinking: block.thinking, signature: 'c2NyaXB0ZWQ=' };
    return { type: 'tool_use', id: `toolu_${request.n}_${index}`, ...block.toolUse };
  });
  const usage = reply.usage ?? {};
  return {
    id: `msg_${request.n}`,
    type: 'message',
    role: 'assistant',
    model: request.body.model ?? 'scripted',
    content,
    stop_reason: content.some((block) => block.type === 'tool_use') ? 'tool_use' : 'end_turn',
    stop_sequence: null,
    usage: {
      input_tokens: usage.input ?? 10,
      output_tokens: usage.output ?? 5,
      cache_read_input_tokens: usage.cacheRead ?? 0,
      cache_creation_input_tokens: usage.cacheCreation ?? 0,
    },
  };
}

function emptied(block: Block): Block {
  if (block.type === 'text') return { ...block, text: '' };
  if (block.type === 'thinking') return { ...block, thinking: '', signature: '' };
  return { ...block, input: {} };
}

function deltas(block: Block): Record<string, unknown>[] {
  if (block.type === 'tool_use') {
    return [{ type: 'input_json_delta', partial_json: JSON.stringify(block.input) }];
  }
  if (block.type === 'thinking') {
    return [
      { type: 'thinking_delta', thinking: block.thinking },
      { type: 'signature_delta', signature: block.signature },
    ];
  }
  const pieces = block.text.match(/[\s\S]{1,20}/gu) ?? [];
  return pieces.map((text) => ({ type: 'text_delta', text }));
}

function errorBody(reply: ErrorReply): Record<string, unknown> {
  const type = reply.type ?? ERROR_TYPES[reply.status] ?? 'api_error';
  return {
    type: 'error',
    error: { type, message: reply.message ?? `scripted ${reply.status}` },
    request_id: 'req_scripted',
  };
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
