/**
 * A scripted server that speaks OpenAI's chat completions, as strict as the strictest of them: a request that any would refuse is
 * refused with 400 and noted. A script decides about each request of the conversation; every request is recorded.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ChatMessage, type ChatRequest, chatProblem } from './openai-api-rules.ts';
import { type ChatReply, sendChatReply } from './openai-api-wire.ts';

export interface SeenChat {
  /** Counts all requests from 1. */
  n: number;
  path: string;
  headers: IncomingHttpHeaders;
  body: ChatRequest;
  raw: string;
  /** What the last message of people says. */
  userText: string;
  /** The results of tools behind the last message of the model. */
  toolResults: string[];
}
export type ChatScript = (request: SeenChat) => ChatReply | Promise<ChatReply>;

export interface OpenAiApi {
  /** With /v1, as it stands in OPENAI_BASE_URL. */
  readonly url: string;
  /** Those for chat completions, in order of arrival. */
  readonly requests: readonly SeenChat[];
  /** What was wrong with requests that were refused as malformed. */
  readonly refusals: readonly string[];
  /** Replaces the script from the next request on. */
  use(script: ChatScript): void;
  close(): Promise<void>;
}

/** Starts the server. Close it, or the process stays alive. `key`: refuses every other one. */
export async function createOpenAiApi(
  options: { script?: ChatScript; key?: string; host?: string } = {},
): Promise<OpenAiApi> {
  const host = options.host ?? '127.0.0.1';
  let script = options.script ?? (() => 'unscripted');
  const requests: SeenChat[] = [];
  const refusals: string[] = [];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks).toString('utf8');
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    if (options.key !== undefined && request.headers.authorization !== `Bearer ${options.key}`)
      return send(response, 401, { error: { message: 'Incorrect API key', code: 'invalid_api_key' } });
    if (request.method === 'GET' && path === '/v1/models')
      return send(response, 200, { object: 'list', data: [{ id: 'scripted', object: 'model' }] });
    if (request.method !== 'POST' || path !== '/v1/chat/completions')
      return send(response, 404, { error: { message: `no route ${request.method} ${path}` } });
    const problem = chatProblem(raw, request.headers['content-type']);
    if (problem !== null) {
      refusals.push(problem);
      return send(response, 400, { error: { message: problem, type: 'invalid_request_error' } });
    }
    const seen = describe(raw, path, request.headers, requests.length + 1);
    requests.push(seen);
    await sendChatReply(response, seen, await script(seen));
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}/v1`,
    requests,
    refusals,
    use: (next) => {
      script = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function describe(raw: string, path: string, headers: IncomingHttpHeaders, n: number): SeenChat {
  const body = JSON.parse(raw) as ChatRequest;
  const lastUser = body.messages.findLast((message) => message.role === 'user');
  const lastModel = body.messages.findLastIndex((message) => message.role === 'assistant');
  return {
    n,
    path,
    headers,
    body,
    raw,
    userText: lastUser ? textOf(lastUser) : '',
    toolResults: body.messages
      .slice(lastModel + 1)
      .filter((message) => message.role === 'tool')
      .map(textOf),
  };
}

/** The text of a message, its parts joined. */
export function textOf({ content }: ChatMessage): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => part.text ?? '').join('\n');
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
