/**
 * The turns that run now, in this process's eyes, and the two ways we end one: it shows no sign of life, or
 * somebody wants it to stop. The agent's end, which both bring about, settles the turn; what the agent wrote in the
 * last moment counts.
 */
import type { Turn } from '../db/turn-row.ts';
import type { RunResult } from '../group-queue.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { writeControl } from '../mailbox/write.ts';
import type { AgentEvent } from '../protocol.ts';
import type { Shown } from '../router/presence.ts';
import type { TurnId } from '../types.ts';
import type { Agent } from './agent.ts';
import type { Failure } from './failure.ts';
import type { LastWords } from './last-words.ts';
import type { Pool } from './pool.ts';

export interface ActiveTurn {
  turn: Turn;
  agent: Agent;
  /** Lets the queue go on. */
  finished: (result: RunResult) => void;
  /** In the eyes of its chat. */
  shown: Shown;
  lifeTimer?: Timer;
  /** What its agent said last that it does. */
  activity?: string;
  /** Why we end its agent, if we do: then its exit is no crash. */
  ending?: Failure | 'stop';
}

export interface ActiveTurnsOptions {
  clock: Clock;
  random: Random;
  home: string;
  pool: Pick<Pool, 'close'>;
  lastWords: LastWords;
  /** How long a turn may show no sign of life. */
  timeoutMs: number;
  /** The turn's agent waits for the answer of people just now. */
  isAwaiting: (id: TurnId) => boolean;
  /** Settles a turn whose agent is gone without our having been told. */
  settle: (entry: ActiveTurn) => void;
}

/** How long an agent that was asked to stop may take before it is taken away. */
const STOP_PATIENCE_MS = 1200;

export interface ActiveTurns {
  add(entry: ActiveTurn): void;
  get(id: TurnId): ActiveTurn | undefined;
  /** Forgets it and ends its timer and what its chat sees of it. */
  remove(id: TurnId): ActiveTurn | undefined;
  all(): ActiveTurn[];
  /** The turn has just shown that it lives, by this event if it was one. */
  signOfLife(id: TurnId, event?: AgentEvent): void;
  /** Asks the agent to end its turn, and takes it away when it does not. */
  stop(entry: ActiveTurn): void;
}

export function createActiveTurns(options: ActiveTurnsOptions): ActiveTurns {
  const { clock, random, home, pool, timeoutMs } = options;
  const active = new Map<TurnId, ActiveTurn>();

  async function endAgent(id: TurnId, ending: Failure | 'stop'): Promise<void> {
    const entry = active.get(id);
    if (!entry) return;
    entry.ending = ending;
    await pool.close(entry.agent);
    if (active.get(id) === entry) options.settle(entry);
  }

  function signOfLife(id: TurnId, event?: AgentEvent): void {
    const entry = active.get(id);
    if (!entry) return;
    if (event?.type === 'progress') entry.activity = event.activity;
    if (event !== undefined) {
      entry.agent.begun();
      entry.shown.saw(event);
    }
    entry.lifeTimer?.cancel();
    const message = `no sign of life for ${Math.round(timeoutMs / 1000)} s (CONTAINER_TIMEOUT)`;
    const timer = clock.after(timeoutMs, () => {
      // Its agent waits for people, as long as it may.
      if (options.isAwaiting(id)) return signOfLife(id);
      // It may have said something of which nobody told us, or that could not be stored.
      void options.lastWords(entry.agent.folder, () => {
        if (entry.lifeTimer === timer) void endAgent(id, { code: 'timeout', message });
      });
    });
    entry.lifeTimer = timer;
  }

  return {
    add: (entry) => void active.set(entry.turn.id, entry),
    get: (id) => active.get(id),
    remove(id) {
      const entry = active.get(id);
      active.delete(id);
      entry?.lifeTimer?.cancel();
      entry?.shown.end();
      entry?.agent.begun();
      return entry;
    },
    all: () => [...active.values()],
    signOfLife,
    stop({ turn, agent }) {
      const number = `${clock.now()}-${random.uuid()}`;
      const control = { container: agent.container.name, type: 'interrupt' as const, turn: turn.id };
      writeControl(groupPaths(home, turn.folder), number, control);
      clock.after(STOP_PATIENCE_MS, () => void endAgent(turn.id, 'stop'));
    },
  };
}
