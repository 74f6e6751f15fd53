/** What a failed attempt means: whether it is tried again, and what the chat is told in the end. Pure. */
import { type AgentErrorCode, EXIT_WORKSPACE_UNWRITABLE } from '../protocol.ts';
import type { AgentExit } from '../runtime/agent-runtime.ts';

/** `restart`: the daemon ended before the turn began; nobody's fault, not counted. */
export type FailureCode = AgentErrorCode | 'crash' | 'out_of_memory' | 'timeout' | 'engine' | 'restart';

export interface Failure {
  code: FailureCode;
  /** For the log and `turns.error`. */
  message: string;
}

/** Waiting times before the attempts 2 to 6. */
export const RETRY_DELAYS_MS = [5000, 10_000, 20_000, 40_000, 80_000] as const;

/** These do not get better by trying again. */
const FINAL: ReadonlySet<FailureCode> = new Set([
  'credential',
  'context_too_long',
  'max_turns',
  'workspace',
  'out_of_memory',
]);

/** Milliseconds until the next attempt, or null when this was the last. */
export function retryDelay(code: FailureCode, attempt: number): number | null {
  if (code === 'restart') return 0;
  if (FINAL.has(code)) return null;
  return RETRY_DELAYS_MS[attempt - 1] ?? null;
}

/** One plain sentence for the chat. Names a limit where one was hit; never holds an internal text. */
export function sentenceFor(code: FailureCode, limits: { timeoutMs: number; memoryMb: number }): string {
  switch (code) {
    case 'credential':
      return 'I could not answer: the model refused the credential. The operator has to renew it.';
    case 'quota':
      return 'I could not answer: the limit of the model account is used up. Please try again later.';
    case 'overload':
      return 'I could not answer: the model could not be reached after several tries. Please ask again later.';
    case 'context_too_long':
      return 'I could not answer: our conversation has grown too long. Begin a fresh one with /new and ask again.';
    case 'max_turns':
      return 'I stopped: this needed more steps than I am allowed in one turn. Ask for a smaller part.';
    case 'out_of_memory':
      return `I could not finish: the work needed more than the ${limits.memoryMb} MB of memory I have.`;
    case 'timeout':
    case 'stalled':
      return `I could not finish: there was no progress for ${Math.round(limits.timeoutMs / 60_000)} minutes, several times.`;
    case 'gate':
      return 'The script that decides whether there is something to do has failed.';
    case 'workspace':
      return 'I could not begin: I may not write into this group’s folder. The operator has to look at its owner.';
    default:
      return 'I could not answer: something went wrong several times in a row. The operator finds the reason in the log.';
  }
}

/** What the end of an agent means for the turn it was at. */
export function failureOfExit(exit: AgentExit): Failure {
  const output = exit.lastOutput.trim().slice(-1000);
  if (exit.oomKilled)
    return {
      code: 'out_of_memory',
      message: 'the agent was killed because it used more memory than CONTAINER_MEMORY_MB',
    };
  const code: FailureCode = exit.code === EXIT_WORKSPACE_UNWRITABLE ? 'workspace' : 'crash';
  return {
    code,
    message: `the agent ended with code ${exit.code ?? 'unknown'}${output === '' ? '' : `: ${output}`}`,
  };
}
