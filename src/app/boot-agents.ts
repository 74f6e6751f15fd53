/**
 * Brings the agents up behind the running daemon: runtime ready → what an earlier daemon left is recovered → the
 * queue may run. Messages are taken and stored meanwhile; a runtime that is away is waited for, and said once.
 */
import type { ContainerRunner } from '../container-runner/contract.ts';
import { messageOf, NanoClawError } from '../errors.ts';
import { aborted, type Clock, sleep } from '../lib/clock.ts';
import type { Logger } from '../log.ts';
import type { ChosenRuntime } from '../runtime/choose-runtime.ts';
import type { ChatJid } from '../types.ts';

const RUNTIME_RETRY_MS = 5000;
/** A boot that asks a slow engine just now is not waited for when the daemon stops. */
const STOP_PATIENCE_MS = 1000;

/** Shared with the status. */
export interface AgentsReady {
  yes: boolean;
  problem: string | null;
}

export interface BootOptions {
  /** May take seconds, too. */
  choose: () => Promise<ChosenRuntime>;
  chosen: (runtime: ChosenRuntime) => void;
  clock: Clock;
  log: Logger;
  provider: string;
  runner: Pick<ContainerRunner, 'recover' | 'chatsWithWork' | 'away' | 'back'>;
  wake: (jid: ChatJid) => void;
  state: AgentsReady;
}

/** Begins, and returns how to end it: stop() resolves when it has ended, after a second at most. */
export function startBooting(options: BootOptions): { stop(): Promise<void> } {
  const { clock, log, state } = options;
  const stopping = new AbortController();
  const booting = boot(options, stopping.signal).catch((error: unknown) => {
    state.problem = messageOf(error);
    log.error({ event: 'runtime_failed', err: error }, 'agents cannot run');
  });
  return {
    async stop() {
      stopping.abort();
      const waited = new AbortController();
      await Promise.race([booting, sleep(clock, STOP_PATIENCE_MS, waited.signal)]);
      waited.abort();
    },
  };
}

/** Resolves when agents can run, or when `signal` is aborted. Rejects when no runtime could be chosen. */
async function boot(options: BootOptions, signal: AbortSignal): Promise<void> {
  const { clock, log, runner, state } = options;
  runner.away(null);
  const runtime = await options.choose();
  options.chosen(runtime);
  while (!signal.aborted) {
    try {
      // An engine that accepts and never answers must not hold up the stop.
      await Promise.race([runtime.runtime.prepare(), aborted(signal)]);
      if (signal.aborted) return;
      await runner.recover();
      // From here on whoever stores a message wakes the queue; what was stored before is woken below.
      state.yes = true;
      state.problem = null;
      runner.back();
      log.info(
        { event: 'ready', runtime: runtime.runtime.name, provider: options.provider },
        'agents can run',
      );
      for (const jid of runner.chatsWithWork()) options.wake(jid);
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (await runtime.fallBack(error)) continue;
      say(log, state, error);
      runner.away(error);
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
