/**
 * From a claimed turn to an agent that works on it: agent launched → turn file staged → COMMIT running → file shown.
 * What was claimed for a warm agent (next-turn.ts) only has to be shown. Dying in between is safe at every step (docs/durability.md). Whatever fails here gives the messages back.
 */

import type { Turn } from '../db/turn-row.ts';
import { messageOf } from '../errors.ts';
import type { RunResult } from '../group-queue.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { publishTurn } from '../mailbox/write.ts';
import { refuseUnenforced } from '../policy/network.ts';
import type { Folder, Group, TurnId } from '../types.ts';
import type { ActiveTurns } from './active-turns.ts';
import type { Agent } from './agent.ts';
import type { ContainerRunnerOptions } from './contract.ts';
import { failureOfStart, isCounted } from './failure.ts';
import type { McpGate } from './mcp-gate.ts';
import { type Claim, ENGINE_RETRY_MS } from './next-turn.ts';
import type { Pool } from './pool.ts';
import type { Settlement } from './settlement.ts';
import { stageFor } from './stage.ts';
import type { Standstill } from './standstill.ts';
import { appendTurnLog } from './turn-log.ts';

export interface HandOverOptions extends ContainerRunnerOptions {
  pool: Pool;
  mcp: McpGate;
  active: ActiveTurns;
  settlement: Settlement;
  standstill: Standstill;
  /** Ends a turn that will not be run. */
  end: (id: TurnId, result: RunResult) => void;
  /** The group's idle agent does not stay. */
  closeIdle: (folder: Folder) => void;
}

/** Resolves when the turn has ended, or could not be handed over, with what the queue should do. */
export type HandOver = (claim: Claim) => Promise<RunResult>;

export function createHandOver(options: HandOverOptions): HandOver {
  const { db, clock, log, home, reach, pool, active, settlement, standstill } = options;

  return async function handOver({ group, claimed: { turn, file }, agent: warm }) {
    if (!warm) reach?.('turn.queued');
    // From here on somebody works on the answer, and the chat may see it.
    const shown = options.presence.begin(turn);
    const agent = warm ?? (await launched(group, turn));
    if ('instead' in agent) {
      shown.end();
      options.presence.ended(turn.id);
      return agent.instead;
    }
    standstill.back();
    // For a warm one they were written before the claim.
    if (!warm) await options.writeSnapshots(group);
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
        if (!warm && !stageFor(options, group, agent, turn, file)) {
          options.end(turn.id, 'again');
          return;
        }
        show(group, turn, agent);
      } catch (error) {
        // A full disk, most likely: then this cannot be noted either, and the next run does (giveBack).
        log.error({ event: 'turn_not_handed_over', turn: turn.id, err: error }, messageOf(error));
        active.remove(turn.id);
        void pool.close(agent).then(() => finished({ retryInMs: ENGINE_RETRY_MS }));
      }
    });
  };

  async function launched(group: Group, turn: Turn): Promise<Agent | { instead: RunResult }> {
    try {
      refuseUnenforced(group, options.runtime().networkEnforcement());
      const agent = await pool.acquire(group);
      reach?.('agent.started');
      return agent;
    } catch (error) {
      const failure = failureOfStart(error);
      // One that was started under another policy does not stay.
      if (failure.code === 'network') options.closeIdle(group.folder);
      if (!isCounted(failure.code)) standstill.away(error);
      const instead = settlement.fail(turn, failure);
      options.wakeDelivery(db.turns.byId(turn.id)?.chatJid ?? turn.chatJid);
      return { instead };
    }
  }

  function show(group: Group, turn: Turn, agent: Agent): void {
    reach?.('turn.running');
    publishTurn(groupPaths(home, group.folder), turn.id);
    reach?.('turn.shown');
    active.signOfLife(turn.id);
    const line = `started in ${agent.container.name}, attempt ${turn.attempt}`;
    appendTurnLog(home, group.folder, turn.id, clock.now(), line);
  }
}
