/** A container's end, before it begins and when it is ours to bring about: what engines answer differently is one answer here. */
import type { Engine } from '../docker/engine.ts';
import { EngineError } from '../docker/engine-http.ts';
import { type Clock, sleep } from '../lib/clock.ts';

/** An engine that has not acknowledged a wait after so long answers only at the end. */
const WAIT_TAKEN_MS = 2000;

/** Null where the engine only answers at the end (older Podman): then it is asked again after the start. `signal` ends the wait. */
export async function waitBeforeStart(
  engine: Engine,
  clock: Clock,
  id: string,
  signal: AbortSignal,
): Promise<{ ended: Promise<void> } | null> {
  const settled = new AbortController();
  const giveUp = new AbortController();
  const wait = engine.wait(id, 'next-exit', AbortSignal.any([signal, giveUp.signal]));
  const patience = sleep(clock, WAIT_TAKEN_MS, settled.signal).then(() => null);
  try {
    const taken = await Promise.race([wait, patience]);
    if (!taken) {
      wait.catch(() => {});
      giveUp.abort();
    }
    return taken;
  } finally {
    settled.abort();
  }
}

/** Resolves when the container is gone, also when it was, or when somebody else is removing it. */
export async function removeContainer(engine: Engine, id: string): Promise<void> {
  try {
    await engine.removeContainer(id);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    if (error.status === 404) return;
    if (error.status !== 409) throw error;
    const waiting = await engine.wait(id, 'removed', AbortSignal.timeout(30_000)).catch((gone) => {
      if (gone instanceof EngineError && gone.status === 404) return null;
      throw gone;
    });
    await waiting?.ended;
  }
}
