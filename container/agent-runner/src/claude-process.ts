/**
 * One running Claude process with streaming input: one SDK query, fed one prompt at a time and read message by
 * message. Knows how to be interrupted and always ends when told to; what messages mean is claude.ts's concern.
 */
import { randomUUID, type UUID } from 'node:crypto';
import type {
  Options,
  Query,
  query,
  SDKMessage,
  SDKResultMessage,
  SDKUserMessage,
} from '@anthropic-ai/claude-agent-sdk';
import type { Usage } from '../../../src/protocol.ts';
import { ContextMeter } from './claude-context.ts';
import type { EarlyClaude } from './claude-start.ts';
import { usageOf } from './saved-usage.ts';

const STDERR_KEPT = 4096;

export type PromptBlock =
  | { type: 'text'; text: string }
  | { type: 'image'; source: { type: 'base64'; media_type: ImageType; data: string } };
export type ImageType = 'image/jpeg' | 'image/png' | 'image/gif' | 'image/webp';

export type Step =
  | { kind: 'message'; message: SDKMessage }
  /** The process has ended; `problem` is what the SDK threw, or null for an orderly end. */
  | { kind: 'ended'; problem: string | null }
  /** Nothing came within the time. */
  | { kind: 'silent' }
  | { kind: 'aborted' };

export class ClaudeProcess {
  /** Equal keys mean equal options: such a process can take the next turn. */
  readonly key: string;
  /** The session it talks in, once known. */
  sessionId: string | null = null;
  /** How many prompts it has answered. */
  turns = 0;
  /** How full its conversation is. */
  readonly context = new ContextMeter(() => this.#query.getContextUsage({ detail: 'summary' }));
  readonly #query: Query;
  readonly #input = new InputQueue();
  #next: Promise<IteratorResult<SDKMessage, void>> | null = null;
  /** Null: no result has come yet. */
  #counted: Usage | null = null;
  readonly #usedBefore: () => Usage;
  #stderr = '';
  readonly #early: EarlyClaude | null;
  #closed = false;

  /** `early`: that Claude, if it suits. `usedBefore`: what its running total begins with; asked when the first result is there. */
  constructor(
    start: typeof query,
    key: string,
    usedBefore: () => Usage,
    options: Options,
    early: EarlyClaude | null,
  ) {
    this.key = key;
    this.#usedBefore = usedBefore;
    this.#early = early;
    const stderr = (data: string) => {
      this.#stderr = (this.#stderr + data).slice(-STDERR_KEPT);
    };
    this.#query = start({
      prompt: this.#input,
      options: {
        ...options,
        stderr,
        ...(early ? { spawnClaudeCodeProcess: (wanted) => early.take(wanted, stderr) } : {}),
      },
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The last lines of the process's stderr, for diagnosis. */
  get stderr(): string {
    return this.#stderr.trim();
  }

  /** Hands a prompt in; returns its id, which the result names. */
  send(prompt: string | PromptBlock[]): UUID {
    const uuid = randomUUID();
    this.#input.push({
      type: 'user',
      message: { role: 'user', content: prompt },
      parent_tool_use_id: null,
      uuid,
    });
    return uuid;
  }

  /** Waits for the next message, at most `limitMs`, or until `signal` is aborted. No message is lost by not waiting. */
  async step(limitMs: number, signal?: AbortSignal): Promise<Step> {
    if (signal?.aborted) return { kind: 'aborted' };
    this.#next ??= this.#query.next();
    const next = this.#next;
    let timer: NodeJS.Timeout | undefined;
    let abort = () => {};
    const received = next.then(
      (result): Step =>
        result.done ? { kind: 'ended', problem: null } : { kind: 'message', message: result.value },
      (error: unknown): Step => ({
        kind: 'ended',
        problem: error instanceof Error ? error.message : String(error),
      }),
    );
    const silence = new Promise<Step>((resolve) => {
      timer = setTimeout(() => resolve({ kind: 'silent' }), limitMs);
    });
    const aborted = new Promise<Step>((resolve) => {
      abort = () => resolve({ kind: 'aborted' });
      signal?.addEventListener('abort', abort, { once: true });
    });
    const step = await Promise.race([received, silence, aborted]);
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    if (step.kind === 'message' || step.kind === 'ended') this.#next = null;
    if (step.kind === 'message') this.context.see(step.message);
    return step;
  }

  /** Asks Claude to stop the running prompt. Resolves when it said so, or after `limitMs`. Never rejects. */
  async interrupt(limitMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limitMs);
    });
    const asked = this.#query.interrupt().then(
      () => {},
      () => {},
    );
    await Promise.race([asked, limit]);
    clearTimeout(timer);
  }

  /** What was used since the last call. A result message carries the process's running total, subagents and cache included. */
  usageSince(result: Pick<SDKResultMessage, 'total_cost_usd' | 'modelUsage'>): Usage {
    const total = usageOf({ totalCostUSD: result.total_cost_usd, modelUsage: result.modelUsage });
    const before = this.#counted ?? this.#usedBefore();
    this.#counted = total;
    return {
      input_tokens: Math.max(0, total.input_tokens - before.input_tokens),
      output_tokens: Math.max(0, total.output_tokens - before.output_tokens),
      cost_usd: Math.max(0, total.cost_usd - before.cost_usd),
    };
  }

  /** Ends the process and all it started. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#input.end();
    this.#query.close();
    this.#early?.drop();
    // A message still waited for must not become an unhandled rejection.
    this.#next?.catch(() => {});
  }
}

/** The prompts of a process, as the SDK wants them: an iterable that ends when the process should. */
class InputQueue implements AsyncIterable<SDKUserMessage> {
  readonly #waiting: SDKUserMessage[] = [];
  #wake: (() => void) | null = null;
  #ended = false;

  push(message: SDKUserMessage): void {
    this.#waiting.push(message);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SDKUserMessage, void> {
    while (true) {
      const message = this.#waiting.shift();
      if (message) yield message;
      else if (this.#ended) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
