/**
 * Brings the agents up behind the running daemon: runtime ready → what an earlier daemon left is recovered → the
 * queue may run. Messages are taken and stored meanwhile; a runtime that is away is waited for, and said once.
 */
import { messageOf, NanoClawError } from '../errors.ts';
import { aborted, type Clock, sleep } from '../lib/clock.ts';
import type { Logger } from '../log.ts';
import type { ChosenRuntime } from '../runtime/choose-runtime.ts';
import type { ChatJid } from '../types.ts';

export const RUNTIME_RETRY_MS = 5000;

/** Shared with the status. */
export interface AgentsReady {
  yes: boolean;
  problem: string | null;
}

export interface BootOptions {
  runtime: ChosenRuntime;
  clock: Clock;
  log: Logger;
  provider: string;
  signal: AbortSignal;
  recover: () => Promise<void>;
  chatsWithWork: () => ChatJid[];
  wake: (jid: ChatJid) => void;
  state: AgentsReady;
  /** Tells those who wait, after a while, and that it is over. */
  away: (error: unknown) => void;
  back: () => void;
}

/** Resolves when agents can run, or when `signal` is aborted. Never rejects. */
export async function bootAgents(options: BootOptions): Promise<void> {
  const { runtime, clock, log, signal, state } = options;
  while (!signal.aborted) {
    try {
      // An engine that accepts and never answers must not hold up the stop.
      await Promise.race([runtime.runtime.prepare(), aborted(signal)]);
      if (signal.aborted) return;
      await options.recover();
      // From here on whoever stores a message wakes the queue; what was stored before is woken below.
      state.yes = true;
      state.problem = null;
      options.back();
      log.info(
        { event: 'ready', runtime: runtime.runtime.name, provider: options.provider },
        'agents can run',
      );
      for (const jid of options.chatsWithWork()) options.wake(jid);
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (await runtime.fallBack(error)) continue;
      say(log, state, error);
      options.away(error);
      await sleep(clock, RUNTIME_RETRY_MS, signal);
    }
  }
}

function say(log: Logger, state: AgentsReady, error: unknown): void {
  const problem = messageOf(error);
  if (problem === state.problem) return;
  state.problem = problem;
  const fix = error instanceof NanoClawError ? error.fix : undefined;
  const every = `Trying again every ${RUNTIME_RETRY_MS / 1000} s.`;
  log.warn({ event: 'runtime_waiting', fix }, `agents cannot run yet: ${problem} ${every}`);
}
