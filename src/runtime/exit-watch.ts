/**
 * Learns how a container ended, whatever happens to the connection.
 *
 * The wait is a long request that an engine restart or a laptop's sleep may break: then the container is asked for by id, with
 * backoff for as long as the engine is away. Gone (404) means ended with nothing known. Resolves once, never rejects;
 * after `signal` is aborted it stays pending.
 */
import type { Engine } from '../docker/engine.ts';
import { EngineError } from '../docker/engine-http.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import type { AgentExit } from './agent-runtime.ts';

const LAST_OUTPUT_BYTES = 4096;
const GONE: AgentExit = { code: null, oomKilled: false, lastOutput: '' };

export async function watchExit(
  engine: Engine,
  clock: Clock,
  id: string,
  /** The wait issued before the start, or null for a container found running. */
  first: Promise<void> | null,
  signal: AbortSignal,
): Promise<AgentExit> {
  let ended = first;
  for (let failures = 0; ; failures++) {
    try {
      ended ??= (await engine.wait(id, 'not-running', signal)).ended;
      await ended;
      const exit = await readExit(engine, id);
      if (exit) return exit;
    } catch (error) {
      if (error instanceof EngineError && error.status === 404) return GONE;
    }
    ended = null;
    await sleep(clock, Math.min(100 * 2 ** Math.min(failures, 6), 5000), signal);
    if (signal.aborted) return new Promise(() => {});
  }
}

/** How it ended, or null while it runs (or is about to). */
export async function readExit(engine: Engine, id: string): Promise<AgentExit | null> {
  const { State: state } = await engine.inspect(id);
  if (state.Running || state.Status === 'paused' || state.Status === 'restarting') return null;
  // Created but never started: a daemon died in between. Nothing ran, so there is no code.
  const code = state.Status === 'created' ? null : state.ExitCode;
  // The output only helps a diagnosis; an engine that cannot give it must not hold up the truth.
  const lastOutput = await engine.logsTail(id, LAST_OUTPUT_BYTES).catch(() => '');
  return { code, oomKilled: state.OOMKilled, lastOutput };
}
