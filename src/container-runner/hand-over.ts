/**
 * From a claimed turn to an agent that works on it: agent warm or launched → turn file staged → COMMIT running → file
 * shown. Dying in between is safe at every step (docs/durability.md). Whatever fails here gives the messages back.
 */

import type { ContainerRunnerOptions } from '../container-runner.ts';
import type { Turn } from '../db/turns.ts';
import { messageOf } from '../errors.ts';
import type { RunResult } from '../group-queue.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { publishTurn, stageTurn } from '../mailbox/write.ts';
import { refuseUnenforced } from '../policy/network.ts';
import type { TurnFile } from '../protocol.ts';
import { type Folder, type Group, iso, type TurnId } from '../types.ts';
import type { ActiveTurns } from './active-turns.ts';
import { failureOfStart, isCounted } from './failure.ts';
import { ENGINE_RETRY_MS } from './next-turn.ts';
import type { Agent, Pool } from './pool.ts';
import type { Settlement } from './settlement.ts';
import type { Standstill } from './standstill.ts';
import { appendTurnLog } from './turn-log.ts';

export interface HandOverOptions extends ContainerRunnerOptions {
  pool: Pool;
  active: ActiveTurns;
  settlement: Settlement;
  standstill: Standstill;
  /** Ends a turn that will not be run. */
  end: (id: TurnId, result: RunResult) => void;
  /** The group's idle agent does not stay. */
  closeIdle: (folder: Folder) => void;
}

/** Resolves when the turn has ended, or could not be handed over, with what the queue should do. */
export type HandOver = (group: Group, turn: Turn, file: Omit<TurnFile, 'container'>) => Promise<RunResult>;

export function createHandOver(options: HandOverOptions): HandOver {
  const { db, clock, log, home, reach, pool, active, settlement, standstill } = options;

  return async function handOver(group, turn, file) {
    const paths = groupPaths(home, group.folder);
    // From here on somebody works on the answer, and the chat may see it.
    const shown = options.presence.begin(turn);
    let agent: Agent;
    try {
      refuseUnenforced(group, options.runtime().networkEnforcement());
      agent = await pool.acquire(group);
      reach?.('agent.started');
    } catch (error) {
      shown.end();
      const failure = failureOfStart(error);
      // One that was started under another policy does not stay.
      if (failure.code === 'network') options.closeIdle(group.folder);
      if (!isCounted(failure.code)) standstill.away(error);
      const result = settlement.fail(turn, failure);
      options.presence.ended(turn.id);
      options.wakeDelivery(db.turns.byId(turn.id)?.chatJid ?? turn.chatJid);
      return result;
    }
    standstill.back();
    if (agent.state !== 'busy') {
      shown.end();
      const result = settlement.fail(turn, {
        code: 'crash',
        message: 'the agent ended before its turn began',
      });
      options.presence.ended(turn.id);
      return result;
    }
    return new Promise((finished) => {
      active.add({ turn, agent, finished, shown });
      try {
        options.writeSnapshots(group);
        stageTurn(paths, { ...withNotes(file, agent), container: agent.container.name });
        reach?.('turn.staged');
        // False when somebody stopped it while its agent was started.
        if (!db.turns.markRunning(turn.id, agent.container.name, iso(clock.now()))) {
          options.end(turn.id, 'again');
          return;
        }
        reach?.('turn.running');
        publishTurn(paths, turn.id);
        reach?.('turn.shown');
        active.signOfLife(turn.id);
        const line = `started in ${agent.container.name}, attempt ${turn.attempt}`;
        appendTurnLog(home, group.folder, turn.id, clock.now(), line);
      } catch (error) {
        // A full disk, most likely: then this cannot be noted either, and the next run does (giveBack).
        log.error({ event: 'turn_not_handed_over', turn: turn.id, err: error }, messageOf(error));
        active.remove(turn.id);
        void pool.close(agent).then(() => finished({ retryInMs: ENGINE_RETRY_MS }));
      }
    });
  };
}

/** What a new agent should know about its container comes with its first turn. */
function withNotes<T extends { prompt: string }>(file: T, agent: Agent): T {
  if (agent.notes.length === 0) return file;
  const notes = agent.notes.map((note) => `<note>${note}</note>`);
  agent.notes = [];
  return { ...file, prompt: [file.prompt, ...notes].join('\n') };
}
