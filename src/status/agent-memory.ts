/** How much memory each agent uses. Asked only for somebody who wants to know, and rarely: an engine needs its time. */
import { type Clock, sleep } from '../lib/clock.ts';

/** An answer serves for so long. */
const FRESH_MS = 10_000;
const PATIENCE_MS = 2000;

export interface AgentMemory {
  /** Resolves when all were asked, or after two seconds. Never rejects. */
  ask(): Promise<void>;
  /** In bytes, as last answered; null when it was not. */
  known(container: string): number | null;
}

export function createAgentMemory(options: {
  /** Names of the agents that live. */
  containers: () => string[];
  read: (name: string) => Promise<number | null>;
  clock: Clock;
}): AgentMemory {
  const { clock } = options;
  let known = new Map<string, number | null>();
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | null = null;

  async function readAll(): Promise<void> {
    const found = await Promise.all(
      options.containers().map(async (name) => [name, await options.read(name).catch(() => null)] as const),
    );
    known = new Map(found);
    askedAt = clock.monotonic();
    asking = null;
  }

  return {
    async ask() {
      const isNew = options.containers().some((name) => !known.has(name));
      if (!isNew && clock.monotonic() - askedAt < FRESH_MS) return;
      asking ??= readAll();
      const patience = new AbortController();
      await Promise.race([asking, sleep(clock, PATIENCE_MS, patience.signal)]);
      patience.abort();
    },
    known: (container) => known.get(container) ?? null,
  };
}
