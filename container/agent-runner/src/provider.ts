/**
 * The seam inside the agent runner: what thinks. Three implementations: claude.ts, openai.ts and offline.ts.
 * A provider knows turns and tools; it knows nothing of files, event numbers or control messages.
 */
import type { AgentErrorCode, Context, TurnFile, Usage } from '../../../src/protocol.ts';
import type { Tool } from './tool.ts';

/** How a provider reports on the turn it runs. */
export interface TurnReport {
  /** A sign of life; `activity` is a tool's name or such a word, never content. Cheap: call it as often as you like. */
  /** `draft`: what it is writing just now, as far as it got; told only where somebody watches. */
  alive(activity: string, draft?: string): void;
  /** The session the next turn should resume; `fresh` when the asked-for one was gone. */
  session(sessionId: string, fresh: boolean): Promise<void>;
}

export type TurnOutcome = (
  | /** `gated`: a task's gate script said that there is nothing to do. `scripted`: a script was all. No provider was asked. */
  /** `text`: the reply. */
  { status: 'ok'; text?: string; gated?: true; scripted?: true }
  | { status: 'interrupted' }
  /** `resetsAt`: when the limit that was hit is lifted, milliseconds since the epoch. */
  | { status: 'error'; code: AgentErrorCode; message: string; resetsAt?: number }
) & {
  usage?: Usage;
  /** How full the conversation is now. */
  context?: Context | undefined;
};

export interface Provider {
  /**
   * Runs one turn to its end. Called for one turn at a time. When `signal` is aborted, ends soon with
   * `interrupted`. Rejects only on a fault of this program; expected failures are an outcome.
   */
  run(turn: TurnFile, tools: readonly Tool[], report: TurnReport, signal: AbortSignal): Promise<TurnOutcome>;
  /** Ends whatever runs, at once. Idempotent. */
  close(): void;
}
