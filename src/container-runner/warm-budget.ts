/**
 * How many agents may wait for their group's next turn. Those that work are held by the queue's cap and never count here:
 * up to `cap` agents live whatever they use, more of them as long as those that do not work fit into the budget. Beyond
 * it the least recently used goes first.
 */
import type { Logger } from '../log.ts';
import type { Agent } from './agent.ts';

export interface WarmBudgetOptions {
  log: Logger;
  cap: number;
  /** Bytes for agents that do not work, in all. 0: never more agents than `cap`. */
  warmBytes: number;
  /** All that live, those that are closing included. */
  agents: () => Agent[];
  /** How many are being launched. */
  launching: () => number;
  memoryOf: (containerName: string) => Promise<number | null>;
  close: (agent: Agent) => Promise<void>;
}

export interface WarmBudget {
  /** Before a launch: resolves when there is room for it. */
  makeRoom(): Promise<void>;
  /** The agent waits from now on: it, or another, goes when that is too much. */
  rests(agent: Agent): void;
}

/** What one counts for that nobody could measure. */
const ASSUMED_BYTES = 256 * 1024 * 1024;

export function createWarmBudget(options: WarmBudgetOptions): WarmBudget {
  const { log, cap, warmBytes } = options;
  const measured = new WeakMap<Agent, number>();

  async function makeRoom(): Promise<void> {
    for (;;) {
      const living = options.agents();
      const spare = living.filter((agent) => agent.state !== 'busy');
      const bytes = spare.reduce((sum, agent) => sum + (measured.get(agent) ?? ASSUMED_BYTES), 0);
      if (living.length + options.launching() <= cap || bytes <= warmBytes) return;
      const idle = spare.filter(({ state }) => state === 'idle').sort((a, b) => a.idleSince - b.idleSince)[0];
      const leaving = idle ?? spare[0];
      if (!leaving) return; // all are busy: the queue's cap holds the number
      if (idle) log.debug({ event: 'agent_gives_way', group: idle.folder, container: idle.container.name });
      await options.close(leaving);
    }
  }

  async function look(agent: Agent): Promise<void> {
    if (options.agents().length + options.launching() <= cap) return;
    // Asked only where it decides something: an engine needs its time for the answer.
    const bytes = await options.memoryOf(agent.container.name).catch(() => null);
    if (bytes !== null) measured.set(agent, bytes);
    await makeRoom();
  }

  return {
    makeRoom,
    rests(agent) {
      void look(agent);
    },
  };
}
