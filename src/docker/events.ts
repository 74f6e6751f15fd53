/**
 * Engine events across lost connections. Hints only: `onEvent` may miss or repeat one, so every decision asks the
 * engine by id. Reconnects with backoff from the last event's time; `onGap` says that something may have been missed.
 */
import { type Clock, sleep } from '../lib/clock.ts';
import type { Engine } from './engine.ts';
import type { EngineEvent } from './engine-types.ts';

export interface EventWatch {
  filters: Record<string, string[]>;
  onEvent(event: EngineEvent): void;
  /** Called when the stream is (re)connected after a loss: reconcile now. */
  onGap(): void;
}

/** Runs until `signal` is aborted. Never rejects. */
export async function watchEvents(
  engine: Engine,
  clock: Clock,
  watch: EventWatch,
  signal: AbortSignal,
): Promise<void> {
  let since: number | null = null;
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      if (failures > 0) {
        await engine.ping();
        watch.onGap();
      }
      for await (const event of engine.events(watch.filters, since, signal)) {
        failures = 0;
        since = (event.timeNano + 1) / 1e9;
        watch.onEvent(event);
      }
    } catch {
      // the engine is away; the loop below waits and asks again
    }
    await sleep(clock, Math.min(250 * 2 ** Math.min(failures, 6), 10_000), signal);
  }
}
