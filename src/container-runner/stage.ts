/**
 * The last step before an agent sees its turn: the turn file lies ready, and the turn runs in this
 * container. The file is shown only behind the commit, so an agent never works on a turn that is not its own.
 */

import type { Turn } from '../db/turn-row.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { stageTurn } from '../mailbox/write.ts';
import type { TurnFile } from '../protocol.ts';
import { type Group, iso } from '../types.ts';
import type { Agent } from './agent.ts';
import type { ContainerRunnerOptions } from './contract.ts';
import type { McpGate } from './mcp-gate.ts';

export interface StageOptions extends Pick<ContainerRunnerOptions, 'db' | 'clock' | 'home' | 'reach'> {
  mcp: Pick<McpGate, 'forTurn'>;
}

/** False when somebody stopped the turn meanwhile. Throws what the disk and the database throw. */
export function stageFor(
  { db, clock, home, mcp, reach }: StageOptions,
  group: Group,
  agent: Agent,
  turn: Turn,
  file: Omit<TurnFile, 'container'>,
): boolean {
  const { name: container, id: engineId } = agent.container;
  const servers = mcp.forTurn(group);
  const withServers = servers.length === 0 ? file : { ...file, mcp: servers };
  stageTurn(groupPaths(home, group.folder), { ...withNotes(withServers, agent), container });
  reach?.('turn.staged');
  return db.transaction(() => {
    if (!agent.isNoted) db.agents.setEngineId(container, engineId);
    db.afterCommit(() => {
      agent.isNoted = true;
    });
    return db.turns.markRunning(turn.id, container, iso(clock.now()));
  });
}

/** What a new agent should know about its container comes with its first turn. */
function withNotes<T extends { prompt: string }>(file: T, agent: Agent): T {
  if (agent.notes.length === 0) return file;
  const notes = agent.notes.map((note) => `<note>${note}</note>`);
  agent.notes = [];
  return { ...file, prompt: [file.prompt, ...notes].join('\n') };
}
