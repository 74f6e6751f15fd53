/**
 * The agent's loop: asks the model, does what it asks for, tells it what became of it, until it answers. One call at a time, in the
 * order in which it asked. Makes the conversation shorter when it must, once more when the server says so.
 */
import type { LanguageModelV4FunctionTool, LanguageModelV4Prompt } from '@ai-sdk/provider';
import { z } from 'zod';
import type { Tool, ToolResult } from '../tool.ts';
import type { Conversation } from './conversation.ts';
import type { Failure } from './failure.ts';
import type { AskModel } from './request.ts';
import type { Call, Entry } from './transcript.ts';

export interface LoopParts {
  ask: AskModel;
  conversation: Conversation;
  /** The conversation as the model is to see it; without pictures where it takes none. */
  prompt: (entries: readonly Entry[], withPictures: boolean) => LanguageModelV4Prompt;
  tools: readonly Tool[];
  /** Requests to the model at most. */
  mostRequests: number;
  /** A result is no longer than so many characters. */
  longestResult: number;
  onActivity: (activity: string, draft?: string) => void;
  signal: AbortSignal;
}

export type LoopEnd =
  | { kind: 'answer'; text: string }
  | { kind: 'interrupted' }
  | { kind: 'failed'; failure: Failure };

const EMPTY =
  '<note>Your answer was empty. Say now what the chat should read. If there is nothing worth saying, answer with <internal>nothing to say</internal> alone.</note>';
const ONLY_THOUGHT = 'the model reached the limit of its answer before it had said anything';
const ALIVE_EVERY_MS = 1000;
const END_MS = 2000;
const CUT_OFF = '(The model had to stop here: its answer became too long.)';

/** Never rejects, except when the conversation cannot be written. */
export async function runLoop(parts: LoopParts): Promise<LoopEnd> {
  const { ask, conversation, tools, onActivity, signal } = parts;
  const offered = tools.map(asFunction);
  let withPictures = true;
  let shortened = false;
  let wasEmpty = false;

  for (let request = 0; request < parts.mostRequests; request += 1) {
    if (conversation.isFull) await conversation.shorten(signal, onActivity);
    if (signal.aborted) return { kind: 'interrupted' };
    const prompt = parts.prompt(conversation.entries, withPictures);
    const answered = await ask({ prompt, tools: offered, onActivity, signal });
    if (answered.kind === 'interrupted') return { kind: 'interrupted' };
    if (answered.kind === 'failed') {
      const { failure } = answered;
      if (failure.aboutPictures && withPictures && prompt.some(hasPicture)) {
        withPictures = false;
        continue;
      }
      if (failure.code === 'context_too_long' && !shortened) {
        shortened = true;
        if (await conversation.shorten(signal, onActivity, { mustFit: true })) continue;
        if (signal.aborted) return { kind: 'interrupted' };
      }
      return { kind: 'failed', failure };
    }

    const { text, calls, reasoning } = answered;
    if (calls.length === 0 && text === '') {
      if (answered.cutOff) return { kind: 'failed', failure: { code: 'agent', message: ONLY_THOUGHT } };
      // Small models fall silent after a tool's result. Asked once, they say it.
      if (!wasEmpty) {
        wasEmpty = true;
        conversation.add({ role: 'user', text: EMPTY });
        continue;
      }
    }
    if (calls.length === 0) {
      const answer = answered.cutOff ? `${text}\n\n${CUT_OFF}`.trim() : text;
      conversation.add({ role: 'assistant', text: answer });
      conversation.counted(answered.inputTokens + answered.outputTokens);
      return { kind: 'answer', text: answer };
    }
    conversation.add({ role: 'assistant', text, calls, ...(reasoning ? { reasoning } : {}) });
    conversation.counted(answered.inputTokens + answered.outputTokens);
    for (const call of calls) {
      const result = signal.aborted ? 'not done: the turn was stopped' : await use(call, parts);
      conversation.add({ role: 'tool', id: call.id, name: call.name, text: result });
    }
    if (signal.aborted) return { kind: 'interrupted' };
  }
  const message = `stopped after ${parts.mostRequests} requests to the model in one turn`;
  return { kind: 'failed', failure: { code: 'max_turns', message } };
}

async function use(call: Call, { tools, onActivity, longestResult, signal }: LoopParts): Promise<string> {
  const tool = tools.find((candidate) => candidate.name === call.name);
  if (!tool)
    return `not done: there is no tool ${call.name.slice(0, 100)}; there are ${tools.map(({ name }) => name).join(', ')}`;
  if (typeof call.input === 'string')
    return `not done: the arguments are no JSON object: ${call.input.slice(0, 200)}`;
  onActivity(call.name);
  // Some wait for people, or for another's work.
  const life = setInterval(() => onActivity(call.name), ALIVE_EVERY_MS);
  const { text, isError } = await Promise.race([tool.call(call.input), stopped(signal)]);
  clearInterval(life);
  const shown = text.length > longestResult ? `${text.slice(0, longestResult)}…` : text;
  return isError ? `Error: ${shown}` : shown;
}

/** Most tools end by themselves then, and soon: what they had done by then is worth hearing. */
function stopped(signal: AbortSignal): Promise<ToolResult> {
  return new Promise((resolve) => {
    const end = () => {
      const result = { text: 'not waited for: the turn was stopped', isError: true };
      setTimeout(() => resolve(result), END_MS).unref();
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

const hasPicture = (message: LanguageModelV4Prompt[number]): boolean =>
  message.role === 'user' && message.content.some((part) => part.type === 'file');

/** Of a schema only what every server understands: some make a grammar of it, and stumble over lengths and patterns. */
const DROPPED = new Set(['$schema', 'pattern', 'format', 'minLength', 'maxLength', 'minItems', 'maxItems']);

export function asFunction({ name, description, shape, mcp }: Tool): LanguageModelV4FunctionTool {
  const schema = mcp?.inputSchema ?? z.toJSONSchema(z.object(shape), { io: 'input', unrepresentable: 'any' });
  return {
    type: 'function',
    name,
    description,
    inputSchema: plain(schema) as LanguageModelV4FunctionTool['inputSchema'],
  };
}

function plain(schema: unknown, isProperties = false): unknown {
  if (Array.isArray(schema)) return schema.map((each) => plain(each));
  if (typeof schema !== 'object' || schema === null) return schema;
  const kept = Object.entries(schema).filter(([key]) => isProperties || !DROPPED.has(key));
  return Object.fromEntries(
    kept.map(([key, value]) => [key, plain(value, key === 'properties' && !isProperties)]),
  );
}
