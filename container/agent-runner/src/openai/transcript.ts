/**
 * A conversation as it is kept: one entry a line. And as a model is shown it: roles in turn, each call with its result, whatever
 * order a kill or an interrupt has left behind. Pure.
 */
import type { LanguageModelV4Message, LanguageModelV4Prompt } from '@ai-sdk/provider';
import { z } from 'zod';
import type { PromptBlock } from '../claude-process.ts';

const callSchema = z.object({
  id: z.string(),
  name: z.string(),
  /** The arguments as the model gave them; of what was no JSON its text. */
  input: z.unknown(),
  /** What some servers want back with the call. */
  signature: z.string().optional(),
});
export const entrySchema = z.discriminatedUnion('role', [
  /** What was said before, in short, in place of the entries that said it. */
  z.object({ role: z.literal('summary'), text: z.string() }),
  /** `pictures`: paths in the group's folder. */
  z.object({ role: z.literal('user'), text: z.string(), pictures: z.array(z.string()).optional() }),
  z.object({
    role: z.literal('assistant'),
    text: z.string(),
    reasoning: z.string().optional(),
    calls: z.array(callSchema).optional(),
  }),
  z.object({ role: z.literal('tool'), id: z.string(), name: z.string(), text: z.string() }),
]);
export type Entry = z.infer<typeof entrySchema>;
export type Call = z.infer<typeof callSchema>;

/** How a call stands whose result never came. */
const NO_RESULT = 'not known: the turn ended before the result came';

/**
 * The entries in an order that every server takes: each call is followed by its one result, no result stands alone.
 */
export function repaired(entries: readonly Entry[]): Entry[] {
  const whole: Entry[] = [];
  for (let at = 0; at < entries.length; at += 1) {
    const entry = entries[at];
    if (entry === undefined || entry.role === 'tool') continue;
    whole.push(entry);
    if (entry.role !== 'assistant' || !entry.calls) continue;
    const results = new Map<string, Entry>();
    for (let next = entries[at + 1]; next?.role === 'tool'; next = entries[at + 1]) {
      results.set(next.id, next);
      at += 1;
    }
    for (const { id, name } of entry.calls)
      whole.push(results.get(id) ?? { role: 'tool', id, name, text: NO_RESULT });
  }
  return whole;
}

export interface Shown {
  system: string;
  /** The text and pictures of a user's entry, as blocks. */
  blocks: (entry: Extract<Entry, { role: 'user' }>) => PromptBlock[];
}

/** The prompt. Two entries of people in a row become one message: some templates refuse anything but turns. */
export function toPrompt(entries: readonly Entry[], { system, blocks }: Shown): LanguageModelV4Prompt {
  const prompt: LanguageModelV4Prompt = [{ role: 'system', content: system }];
  const whole = repaired(entries);
  const turn = whole.findLastIndex((entry) => entry.role === 'user');
  for (const [at, entry] of whole.entries()) {
    const message = toMessage(entry, at > turn, blocks);
    const last = prompt.at(-1);
    if (last?.role === 'user' && message.role === 'user') last.content.push(...message.content);
    else if (last?.role === 'tool' && message.role === 'tool') last.content.push(...message.content);
    else prompt.push(message);
  }
  return prompt;
}

function toMessage(entry: Entry, isRunning: boolean, blocks: Shown['blocks']): LanguageModelV4Message {
  switch (entry.role) {
    case 'summary':
      return { role: 'user', content: [{ type: 'text', text: aboutBefore(entry.text) }] };
    case 'user':
      return {
        role: 'user',
        content: blocks(entry).map((block) =>
          block.type === 'text'
            ? block
            : {
                type: 'file',
                mediaType: block.source.media_type,
                data: { type: 'data', data: block.source.data },
              },
        ),
      };
    case 'assistant':
      return {
        role: 'assistant',
        content: [
          // Servers that show their model's thoughts want them back while its turn goes on, and not later.
          ...(isRunning && entry.reasoning && entry.calls
            ? [{ type: 'reasoning' as const, text: entry.reasoning }]
            : []),
          ...(entry.text === '' && entry.calls ? [] : [{ type: 'text' as const, text: entry.text }]),
          ...(entry.calls ?? []).map(({ id, name, input, signature }) => ({
            type: 'tool-call' as const,
            toolCallId: id,
            toolName: name,
            // A server reads the arguments again, and refuses what is no object.
            input: typeof input === 'object' && input !== null ? input : { arguments: String(input) },
            ...(signature === undefined
              ? {}
              : { providerOptions: { google: { thoughtSignature: signature } } }),
          })),
        ],
      };
    case 'tool':
      return {
        role: 'tool',
        content: [
          {
            type: 'tool-result',
            toolCallId: entry.id,
            toolName: entry.name,
            output: { type: 'text', value: entry.text },
          },
        ],
      };
  }
}

const aboutBefore = (summary: string): string =>
  `<conversation_so_far>\nThis conversation is longer than you can be shown. What was said and done before, in short:\n\n${summary}\n</conversation_so_far>`;

/** An answer without what the model thought aloud before it, as some local models do in the text itself. */
export function withoutThoughts(text: string): string {
  const begun = /^\s*<think(?:ing)?>/i.exec(text);
  if (!begun) return text;
  const end = /<\/think(?:ing)?>/i.exec(text);
  return end ? text.slice(end.index + end[0].length).trimStart() : '';
}

const CHARACTERS_A_TOKEN = 3.2;
const TOKENS_AN_ENTRY = 8;
const TOKENS_A_PICTURE = 1200;

/** About how many tokens the entries take; rather too many than too few. */
export function tokensOf(entries: readonly Entry[]): number {
  let tokens = 0;
  for (const entry of entries) {
    tokens += TOKENS_AN_ENTRY + tokensOfText(entry.text);
    if (entry.role === 'user') tokens += (entry.pictures?.length ?? 0) * TOKENS_A_PICTURE;
    if (entry.role === 'assistant')
      for (const call of entry.calls ?? []) tokens += TOKENS_AN_ENTRY + tokensOfText(JSON.stringify(call));
  }
  return tokens;
}

/** By bytes: a character of Chinese or an emoji is a token or more. */
export const tokensOfText = (text: string): number => Math.ceil(Buffer.byteLength(text) / CHARACTERS_A_TOKEN);
