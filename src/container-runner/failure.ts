/**
 * What a failed attempt means: ONE table for every code, and what follows from it. Pure; docs/errors.md shows the same.
 *   final          → the chat is told, nothing is repeated
 *   retry          → again after each of `delaysMs`, then as final
 *   wait           → as retry; where the model says when its limit resets, not before that instant
 *   fresh session  → at once in a new conversation, when the attempt was in an old one; the chat is told
 *   not counted    → again and again; nobody is at fault, and the messages wait
 */
import { messageOf, NanoClawError } from '../errors.ts';
import { EXIT_WORKSPACE_UNWRITABLE } from '../protocol/environment.ts';
import type { AgentErrorCode } from '../protocol.ts';
import type { AgentExit } from '../runtime/agent-runtime.ts';
import { ENGLISH, type Words } from '../words.ts';

/** `restart`: the daemon ended before the turn began. `engine`: it refused; `engine_down`, `image`: nothing can start. */
export type FailureCode =
  | AgentErrorCode
  | 'crash'
  | 'out_of_memory'
  | 'timeout'
  | 'engine'
  | 'engine_down'
  | 'image'
  | 'network'
  | 'restart';

export interface Failure {
  code: FailureCode;
  /** For the log and `turns.error`. */
  message: string;
  /** When the model's limit resets, milliseconds since the epoch, if it said so. */
  resetsAt?: number | undefined;
}

/** Waiting times before the attempts 2 to 6. */
export const RETRY_DELAYS_MS = [5000, 10_000, 20_000, 40_000, 80_000] as const;
const OVERLOAD_DELAYS_MS = [10_000, 30_000, 60_000, 120_000, 300_000] as const;
const QUOTA_DELAYS_MS = [60_000, 120_000, 300_000, 600_000, 1_200_000] as const;
/** A limit that resets later than this is not waited for. */
export const LONGEST_WAIT_MS = 6 * 3_600_000;
/** Waits from here on are told to the chat when they begin. */
const TOLD_WAIT_MS = 60_000;

interface Handling {
  delaysMs: readonly number[];
  /** Not counted as an attempt, and repeated without an end after the first of `delaysMs`. */
  uncounted?: true;
  waitsForReset?: true;
  freshSession?: true;
  /** What only the operator can put right: main is told. */
  problem?: 'credential' | 'quota' | 'workspace' | 'network' | 'engine';
}

const ONCE_MORE = [5000] as const;
const NEVER: readonly number[] = [];

export const HANDLING: Record<FailureCode, Handling> = {
  credential: { delaysMs: NEVER, problem: 'credential' },
  quota: { delaysMs: QUOTA_DELAYS_MS, waitsForReset: true, problem: 'quota' },
  overload: { delaysMs: OVERLOAD_DELAYS_MS },
  context_too_long: { delaysMs: NEVER, freshSession: true },
  stale_session: { delaysMs: RETRY_DELAYS_MS, freshSession: true },
  model: { delaysMs: NEVER },
  max_turns: { delaysMs: NEVER },
  allowance: { delaysMs: NEVER },
  workspace: { delaysMs: NEVER, problem: 'workspace' },
  network: { delaysMs: NEVER, problem: 'network' },
  out_of_memory: { delaysMs: NEVER },
  timeout: { delaysMs: ONCE_MORE },
  stalled: { delaysMs: ONCE_MORE },
  crash: { delaysMs: RETRY_DELAYS_MS },
  gate: { delaysMs: RETRY_DELAYS_MS },
  agent: { delaysMs: RETRY_DELAYS_MS },
  interrupted: { delaysMs: RETRY_DELAYS_MS },
  engine: { delaysMs: RETRY_DELAYS_MS, problem: 'engine' },
  engine_down: { delaysMs: [5000], uncounted: true },
  image: { delaysMs: [5000], uncounted: true },
  restart: { delaysMs: [0], uncounted: true },
};

export interface Attempt {
  /** 1 for the first. */
  attempt: number;
  /** It resumed a conversation. */
  resumed: boolean;
  nowMs: number;
}

export interface Next {
  /** Milliseconds until the next attempt, or null when this was the last. */
  retryInMs: number | null;
  /** The next one begins a new conversation. */
  fresh: boolean;
}

/** What follows from a failed attempt. */
export function nextStep({ code, resetsAt }: Failure, { attempt, resumed, nowMs }: Attempt): Next {
  const handling = HANDLING[code];
  if (handling.freshSession && resumed) return { retryInMs: 0, fresh: true };
  const index = handling.uncounted ? 0 : attempt - 1;
  const delayMs = handling.delaysMs[index];
  if (delayMs === undefined) return { retryInMs: null, fresh: false };
  const resetInMs = handling.waitsForReset && resetsAt !== undefined ? resetsAt - nowMs : 0;
  if (resetInMs > LONGEST_WAIT_MS) return { retryInMs: null, fresh: false };
  return { retryInMs: Math.max(delayMs, resetInMs), fresh: false };
}

/** An attempt that failed like this counts. */
export const isCounted = (code: string | null): boolean =>
  code === null || !Object.hasOwn(HANDLING, code) || HANDLING[code as FailureCode].uncounted !== true;

export interface Limits {
  timeoutMs: number;
  memoryMb: number;
}

/** One plain sentence for the chat when it is over. Names a limit where one was hit; never holds an internal text. */
export function sentenceFor(code: FailureCode, limits: Limits, { failures }: Words = ENGLISH): string {
  if (code === 'out_of_memory') return failures.out_of_memory(limits.memoryMb);
  if (code === 'timeout') return failures.timeout(Math.round(limits.timeoutMs / 1000));
  const known = Object.hasOwn(failures, code) ? failures[code as keyof typeof failures] : undefined;
  return typeof known === 'string' ? known : failures.other;
}

/** One plain sentence for the chat about what comes next, or null where it hears only the answer. */
export function noticeFor(
  failure: Failure,
  next: Next,
  at: { nowMs: number; timezone: string },
  words: Words = ENGLISH,
): string | null {
  if (next.fresh) return failure.code === 'context_too_long' ? words.tooLong : words.freshSession;
  if (failure.code !== 'quota' || next.retryInMs === null || next.retryInMs < TOLD_WAIT_MS) return null;
  return words.quotaUntil(words.minute(at.nowMs + next.retryInMs, at.timezone));
}

/** What the end of an agent means for the turn it was at. */
export function failureOfExit(exit: AgentExit, memoryMb: number): Failure {
  const output = exit.lastOutput.trim().slice(-1000);
  if (exit.oomKilled)
    return {
      code: 'out_of_memory',
      message: `the agent was killed because it used more memory than CONTAINER_MEMORY_MB (${memoryMb} MB)`,
    };
  const code: FailureCode = exit.code === EXIT_WORKSPACE_UNWRITABLE ? 'workspace' : 'crash';
  return {
    code,
    message: `the agent ended with code ${exit.code ?? 'unknown'}${output === '' ? '' : `: ${output}`}`,
  };
}

/** Why no agent could be started for a turn. */
export function failureOfStart(error: unknown): Failure {
  const code = error instanceof NanoClawError ? error.code : undefined;
  const message = messageOf(error);
  if (code === 'ENGINE_DOWN') return { code: 'engine_down', message };
  if (code === 'IMAGE_MISSING' || code === 'IMAGE_MISMATCH' || code === 'IMAGE_BUILD_FAILED')
    return { code: 'image', message };
  if (code === 'NETWORK_NOT_ENFORCED') return { code: 'network', message };
  return { code: 'engine', message };
}
