/**
 * Leaves commands for the host and waits for what became of them. A command's effect happens once per id, on the
 * host; here the only promise is to tell the truth: done, refused, or that no answer has come yet.
 */
import { randomUUID } from 'node:crypto';
import { COMMAND_DIRECTORY, type CommandType, commandSchema } from '../../../src/protocol/commands.ts';
import { resultFileSchema } from '../../../src/protocol.ts';
import type { Mailbox } from './mailbox.ts';

/** A command before it has an id; checked against commandSchema when it is sent. */
export type CommandDraft = { type: CommandType } & Record<string, unknown>;

/** How long an answer is waited for, if not as usual, and what ends the wait. */
export interface Patience {
  timeoutMs?: number;
  signal?: AbortSignal;
}

export type CommandOutcome =
  | { kind: 'done'; detail: string }
  | { kind: 'refused'; reason: string }
  | { kind: 'invalid'; reason: string }
  | { kind: 'unanswered'; afterMs: number };

export class CommandClient {
  readonly #mailbox: Mailbox;
  readonly #timeoutMs: number;

  constructor(mailbox: Mailbox, timeoutMs: number) {
    this.#mailbox = mailbox;
    this.#timeoutMs = timeoutMs;
  }

  /** Sends a command and waits for its result file. Never rejects for what the host decides; rejects if it cannot be left. */
  async send(draft: CommandDraft, patience: Patience = {}): Promise<CommandOutcome> {
    const id = randomUUID();
    const parsed = commandSchema.safeParse({ ...draft, id });
    if (!parsed.success) return { kind: 'invalid', reason: issues(parsed.error.issues) };
    const answer = this.#result(id, patience);
    try {
      this.#mailbox.put(COMMAND_DIRECTORY[parsed.data.type], `${id}.json`, parsed.data);
    } catch (error) {
      answer.cancel();
      throw error;
    }
    return answer.outcome;
  }

  #result(
    id: string,
    { timeoutMs = this.#timeoutMs, signal }: Patience,
  ): { outcome: Promise<CommandOutcome>; cancel: () => void } {
    let cancel = () => {};
    const outcome = new Promise<CommandOutcome>((resolve) => {
      const look = () => {
        const found = this.#read(id);
        if (!found) return;
        cancel();
        resolve(found);
      };
      const stop = this.#mailbox.onChange(look);
      const began = performance.now();
      const giveUp = () => {
        cancel();
        resolve(this.#read(id) ?? { kind: 'unanswered', afterMs: performance.now() - began });
      };
      const timer = setTimeout(giveUp, timeoutMs);
      signal?.addEventListener('abort', giveUp, { once: true });
      cancel = () => {
        stop();
        clearTimeout(timer);
        signal?.removeEventListener('abort', giveUp);
      };
    });
    return { outcome, cancel: () => cancel() };
  }

  #read(id: string): CommandOutcome | null {
    let content: unknown;
    try {
      content = this.#mailbox.read('results', `${id}.json`);
    } catch (error) {
      return { kind: 'refused', reason: `the answer could not be read: ${String(error)}` };
    }
    if (content === undefined) return null;
    const result = resultFileSchema.safeParse(content);
    if (!result.success) return { kind: 'refused', reason: 'the answer was not understood' };
    if (result.data.ok) return { kind: 'done', detail: result.data.detail };
    return { kind: 'refused', reason: result.data.reason };
  }
}

function issues(found: readonly { path: PropertyKey[]; message: string }[]): string {
  return found
    .map((issue) => `${issue.path.map(String).join('.') || 'command'}: ${issue.message}`)
    .join('; ');
}
