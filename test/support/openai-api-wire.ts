/** How the scripted chat completions server speaks: chunks of a stream, an error, a stream that breaks, or silence. */
import type { ServerResponse } from 'node:http';

export interface ChatContent {
  text?: string;
  reasoning?: string;
  /** `input` as text: the arguments as they are, also where they are no JSON. */
  calls?: readonly { name: string; input: Record<string, unknown> | string; id?: string }[];
  /** Null: the server does not count. */
  usage?: { input: number; output: number } | null;
  finish?: string;
  /** Between two chunks (ms). */
  chunkDelayMs?: number;
  /** What happens behind the last chunk, instead of an end. */
  end?: 'break' | 'hang' | { error: unknown };
}
export interface ChatError {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}
export type ChatReply = string | ChatContent | ChatError | { hang: true };

export async function sendChatReply(
  response: ServerResponse,
  request: { n: number; body: { model: string } },
  reply: ChatReply,
): Promise<void> {
  if (typeof reply !== 'string' && 'hang' in reply) return;
  if (typeof reply !== 'string' && 'status' in reply) {
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
    response.end(JSON.stringify(reply.body ?? { error: { message: `scripted ${reply.status}` } }));
    return;
  }
  const content: ChatContent = typeof reply === 'string' ? { text: reply } : reply;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  const base = {
    id: `chatcmpl-${request.n}`,
    object: 'chat.completion.chunk',
    created: 1,
    model: request.body.model,
  };
  for (const piece of pieces(content, request.n)) {
    if (response.destroyed) return;
    response.write(`data: ${JSON.stringify({ ...base, ...piece })}\n\n`);
    if (content.chunkDelayMs) await new Promise((resolve) => setTimeout(resolve, content.chunkDelayMs));
  }
  if (content.end === 'hang') return;
  if (content.end === 'break') {
    response.destroy();
    return;
  }
  if (content.end) response.end(`data: ${JSON.stringify(content.end)}\n\n`);
  else response.end('data: [DONE]\n\n');
}

function pieces(content: ChatContent, n: number): object[] {
  const { text = '', reasoning = '', calls = [] } = content;
  const usage = content.usage === undefined ? { input: 10, output: 5 } : content.usage;
  const delta = (what: object, finish_reason: string | null = null) => ({
    choices: [{ index: 0, delta: what, finish_reason }],
  });
  const all: object[] = [delta({ role: 'assistant', content: '' })];
  for (const part of split(reasoning)) all.push(delta({ reasoning_content: part }));
  for (const part of split(text)) all.push(delta({ content: part }));
  for (const [index, call] of calls.entries()) {
    const id = call.id ?? `call_${n}_${index}`;
    const head = { index, id, type: 'function', function: { name: call.name, arguments: '' } };
    all.push(delta({ tool_calls: [head] }));
    const input = typeof call.input === 'string' ? call.input : JSON.stringify(call.input);
    for (const part of split(input))
      all.push(delta({ tool_calls: [{ index, function: { arguments: part } }] }));
  }
  if (content.end) return all;
  all.push(delta({}, content.finish ?? (calls.length > 0 ? 'tool_calls' : 'stop')));
  if (usage)
    all.push({
      choices: [],
      usage: {
        prompt_tokens: usage.input,
        completion_tokens: usage.output,
        total_tokens: usage.input + usage.output,
      },
    });
  return all;
}

const split = (text: string): string[] => text.match(/[\s\S]{1,20}/gu) ?? [];
