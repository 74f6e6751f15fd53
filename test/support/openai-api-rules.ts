/**
 * What servers that speak OpenAI's chat completions ask of a request, each rule as the strictest of them has it: OpenAI about calls
 * and their results, vLLM about unknown fields, templates of local models about roles in turn and arguments that are JSON.
 */
import { z } from 'zod';

const part = z.union([
  z.strictObject({ type: z.literal('text'), text: z.string().min(1) }),
  z.strictObject({
    type: z.literal('image_url'),
    image_url: z.strictObject({
      url: z.string().regex(/^data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+=*$/),
    }),
    text: z.undefined().optional(),
  }),
]);
const call = z.strictObject({
  id: z.string().min(1),
  type: z.literal('function'),
  function: z.strictObject({ name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/), arguments: z.string() }),
});
const message = z.discriminatedUnion('role', [
  z.strictObject({ role: z.literal('system'), content: z.string().min(1) }),
  z.strictObject({ role: z.literal('user'), content: z.union([z.string().min(1), z.array(part).min(1)]) }),
  z.strictObject({
    role: z.literal('assistant'),
    content: z.string().nullable(),
    reasoning_content: z.string().min(1).optional(),
    tool_calls: z.array(call).min(1).optional(),
  }),
  z.strictObject({ role: z.literal('tool'), tool_call_id: z.string(), content: z.string() }),
]);
const request = z.strictObject({
  model: z.string().min(1),
  messages: z.array(message).min(2),
  stream: z.literal(true),
  reasoning_effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']).optional(),
  stream_options: z.strictObject({ include_usage: z.literal(true) }),
  tools: z
    .array(
      z.strictObject({
        type: z.literal('function'),
        function: z.strictObject({
          name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
          description: z.string().min(1),
          parameters: z.looseObject({
            type: z.literal('object'),
            properties: z.record(z.string(), z.unknown()),
          }),
        }),
      }),
    )
    .min(1)
    .optional(),
});
export type ChatRequest = z.infer<typeof request>;
export type ChatMessage = ChatRequest['messages'][number];

/** Why a server would refuse the request, or null. */
export function chatProblem(raw: string, contentType: string | undefined): string | null {
  if (contentType !== 'application/json') return `content-type ${contentType}`;
  let body: unknown;
  try {
    body = JSON.parse(raw);
  } catch {
    return 'the body is no JSON';
  }
  const parsed = request.safeParse(body);
  if (!parsed.success) return z.prettifyError(parsed.error);
  const { messages, tools = [] } = parsed.data;
  if (/"(?:pattern|format|\$schema)":"|"(?:min|max)Length":\d/.test(JSON.stringify(tools)))
    return 'a schema with what a grammar cannot be made of';
  return orderProblem(messages);
}

/** Roles in turn: system, then people, the model, its results and so on; each call with its one result, in its place. */
function orderProblem(messages: readonly ChatMessage[]): string | null {
  let before: ChatMessage['role'] | null = null;
  let open: string[] = [];
  const known = new Set<string>();
  for (const [at, message] of messages.entries()) {
    const { role } = message;
    if ((role === 'system') !== (at === 0)) return `message ${at}: the system speaks first, and only then`;
    if (role === 'tool') {
      if (!open.includes(message.tool_call_id)) return `message ${at}: a result without its call`;
      open = open.filter((id) => id !== message.tool_call_id);
    } else if (open.length > 0) return `message ${at}: ${role} before the result of ${open.join(', ')}`;
    if (role === 'user' && before === 'user') return `message ${at}: two messages of people in a row`;
    if (role === 'assistant') {
      if (before !== 'user' && before !== 'tool') return `message ${at}: the model speaks behind ${before}`;
      if (!message.tool_calls && !message.content) return `message ${at}: an empty answer`;
      for (const { id, function: asked } of message.tool_calls ?? []) {
        if (known.has(id)) return `message ${at}: the id ${id} a second time`;
        known.add(id);
        open.push(id);
        const input = jsonOf(asked.arguments);
        if (typeof input !== 'object' || input === null || Array.isArray(input))
          return `message ${at}: arguments that are no object`;
      }
    }
    before = role;
  }
  if (open.length > 0) return `no result of ${open.join(', ')}`;
  return before === 'user' || before === 'tool' ? null : 'nothing is asked';
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
