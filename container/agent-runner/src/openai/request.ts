/**
 * One request to the model, from the prompt to the whole reply: streamed, watched for silence, stopped by the turn's signal, and
 * asked again where that helps. Nothing of a reply that did not come whole is used.
 */
import type {
  LanguageModelV4,
  LanguageModelV4FunctionTool,
  LanguageModelV4Prompt,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider';
import type { TurnFile } from '../../../../src/protocol.ts';
import { type Failure, failureOf } from './failure.ts';
import { type Call, withoutThoughts } from './transcript.ts';

export interface ModelReply {
  kind: 'reply';
  text: string;
  reasoning: string;
  calls: Call[];
  /** It stopped where the server lets no answer go on. */
  cutOff: boolean;
  /** As the server counts; 0 where it does not say. */
  inputTokens: number;
  outputTokens: number;
}
export type Answered = ModelReply | { kind: 'failed'; failure: Failure } | { kind: 'interrupted' };

export interface Asking {
  prompt: LanguageModelV4Prompt;
  tools: LanguageModelV4FunctionTool[];
  /** What it does just now, and what it has written so far. */
  onActivity: (activity: string, draft?: string) => void;
  signal: AbortSignal;
}

export interface AskOptions {
  model: LanguageModelV4;
  modelName: string;
  effort: TurnFile['effort'];
  /** A request in which nothing came for so long is given up (ms). */
  stallMs: number;
  /** Pauses before a request is made again, where the server says nothing (ms); so many times it is. */
  pausesMs: readonly number[];
}

export type AskModel = (asking: Asking) => Promise<Answered>;

export const PAUSES_MS: readonly number[] = [1_000, 4_000, 12_000];
const LONGEST_DRAFT = 100_000;

export function modelAsker(options: AskOptions): AskModel {
  return async (asking) => {
    for (let tries = 0; ; tries += 1) {
      asking.onActivity('waiting');
      const answered = await askOnce(options, asking);
      if (answered.kind !== 'failed') return answered;
      const { again } = answered.failure;
      const pauseMs = options.pausesMs[tries];
      if (!again || pauseMs === undefined) return answered;
      asking.onActivity('retrying');
      await pause(again.afterMs ?? pauseMs, asking.signal);
      if (asking.signal.aborted) return { kind: 'interrupted' };
    }
  };
}

async function askOnce(
  { model, modelName, effort, stallMs }: AskOptions,
  { prompt, tools, onActivity, signal }: Asking,
): Promise<Answered> {
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  signal.addEventListener('abort', interrupt, { once: true });
  if (signal.aborted) interrupt();
  let stalled = false;
  let timer: NodeJS.Timeout | undefined;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      stalled = true;
      stop.abort();
    }, stallMs);
  };
  try {
    alive();
    const { stream } = await model.doStream({
      prompt,
      ...(tools.length > 0 ? { tools } : {}),
      // What Claude calls max is the most that others know.
      ...(effort === undefined
        ? {}
        : {
            providerOptions: { openaiCompatible: { reasoningEffort: effort === 'max' ? 'xhigh' : effort } },
          }),
      abortSignal: stop.signal,
    });
    const reply = new Reply(onActivity);
    for await (const part of stream) {
      alive();
      reply.take(part);
    }
    if (signal.aborted) return { kind: 'interrupted' };
    if (reply.problem !== undefined) throw reply.problem;
    return reply.whole();
  } catch (error) {
    if (signal.aborted) return { kind: 'interrupted' };
    if (stalled) {
      const message = `nothing came from the model server for ${(stallMs / 60_000).toFixed(1)} minutes`;
      return { kind: 'failed', failure: { code: 'stalled', message } };
    }
    return { kind: 'failed', failure: failureOf(error, modelName, Date.now()) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', interrupt);
    stop.abort();
  }
}

/** A reply as it comes. */
class Reply {
  problem: unknown;
  readonly #onActivity: Asking['onActivity'];
  readonly #calls: Call[] = [];
  #text = '';
  #reasoning = '';
  #cutOff = false;
  #inputTokens = 0;
  #outputTokens = 0;

  constructor(onActivity: Asking['onActivity']) {
    this.#onActivity = onActivity;
  }

  take(part: LanguageModelV4StreamPart): void {
    switch (part.type) {
      case 'text-delta': {
        this.#text += part.delta;
        const written = withoutThoughts(this.#text.slice(0, LONGEST_DRAFT));
        if (written === '') this.#onActivity('thinking');
        else this.#onActivity('writing', written);
        break;
      }
      case 'reasoning-delta':
        this.#reasoning += part.delta;
        this.#onActivity('thinking');
        break;
      case 'tool-input-start':
        this.#onActivity(part.toolName);
        break;
      case 'tool-call': {
        const { toolCallId: id, toolName: name, input, providerMetadata } = part;
        const signature = Object.values(providerMetadata ?? {}).find((about) => about.thoughtSignature);
        this.#calls.push({
          id,
          name,
          input: parsedInput(input),
          ...(signature ? { signature: String(signature.thoughtSignature) } : {}),
        });
        break;
      }
      case 'error':
        this.problem ??= part.error ?? new Error('the stream failed');
        break;
      case 'finish':
        this.#cutOff = part.finishReason.unified === 'length';
        this.#inputTokens = count(part.usage.inputTokens.total);
        this.#outputTokens = count(part.usage.outputTokens.total);
        break;
    }
  }

  whole(): ModelReply {
    return {
      kind: 'reply',
      text: withoutThoughts(this.#text).trim(),
      reasoning: this.#reasoning,
      calls: this.#calls,
      cutOff: this.#cutOff,
      inputTokens: this.#inputTokens,
      outputTokens: this.#outputTokens,
    };
  }
}

const count = (tokens: number | undefined): number =>
  tokens !== undefined && Number.isFinite(tokens) && tokens > 0 ? Math.round(tokens) : 0;

/** Arguments that are no JSON stay the text they are: the tool refuses them, and the model is told. */
function parsedInput(input: string): unknown {
  if (input.trim() === '') return {};
  try {
    return JSON.parse(input);
  } catch {
    return input;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
