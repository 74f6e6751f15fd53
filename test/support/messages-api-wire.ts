/**
 * How the scripted Messages API speaks: a reply as server-sent events, as one JSON body, as an error, or as silence.
 * Shapes and order of events follow Anthropic's Messages API.
 */
import type { ServerResponse } from 'node:http';

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

/** What a reply needs to know of its request. */
export interface Asking {
  n: number;
  body: { model?: string; stream?: boolean };
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

/** Answers a request. `n` is its number, which the ids of the reply carry. */
export async function sendReply(response: ServerResponse, request: Asking, reply: Reply): Promise<void> {
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

function streamEvents(request: Asking, reply: ContentReply): string[] {
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

function wholeMessage(request: Asking, reply: ContentReply) {
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

export function errorBody(reply: ErrorReply): Record<string, unknown> {
  const type = reply.type ?? ERROR_TYPES[reply.status] ?? 'api_error';
  return {
    type: 'error',
    error: { type, message: reply.message ?? `scripted ${reply.status}` },
    request_id: 'req_scripted',
  };
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
