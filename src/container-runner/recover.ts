/**
 * At start: what became of the turns that an earlier daemon left open, and whose are the agents that still live?
 *   queued                          → its messages wait again (nobody had begun)
 *   running, its agent lives        → adopted: the agent goes on, its answer arrives
 *   running, its agent is gone      → what it left in the mailbox counts; else the attempt has failed
 *   an agent without a turn         → kept warm when its group still wants it, else removed
 */

import type { Turn } from '../db/turn-row.ts';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import type { Reach } from '../lib/failpoint.ts';
import type { Logger } from '../log.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { turnFileExists } from '../mailbox/write.ts';
import type { AgentContainer, AgentRuntime } from '../runtime/agent-runtime.ts';
import type { Folder, Iso } from '../types.ts';
import type { Agent } from './agent.ts';
import type { Failure } from './failure.ts';
import type { Pool } from './pool.ts';

export interface RecoverOptions {
  db: Db;
  log: Logger;
  home: string;
  runtime: AgentRuntime;
  pool: Pool;
  now: () => Iso;
  /** Takes the events that were written while no daemon ran. */
  drain: (folder: Folder) => Promise<void>;
  resume: (turn: Turn, agent: Agent) => void;
  /** Somebody wanted it to stop, and the daemon ended before it had. */
  stop: (turn: Turn) => void;
  fail: (turn: Turn, failure: Failure) => void;
  reach: Reach | undefined;
}

/** Throws when the runtime cannot be asked; then nothing was changed and it can be called again. */
export async function recoverTurns(options: RecoverOptions): Promise<void> {
  const { db, home, runtime, pool } = options;
  const living = new Map((await runtime.list()).map((c) => [c.name, c]));
  const folders = new Set([
    ...db.turns.open().map((t) => t.folder),
    ...[...living.values()].map((c) => c.folder),
  ]);
  await Promise.all([...folders].map((folder) => options.drain(folder)));
  options.reach?.('recover.drained');

  for (const turn of db.turns.open()) {
    const container = turn.containerName === null ? undefined : living.get(turn.containerName);
    if (turn.state === 'queued') {
      options.fail(turn, { code: 'restart', message: 'the daemon ended before the turn began' });
    } else if (container && turnFileExists(groupPaths(home, turn.folder), turn.id)) {
      living.delete(container.name);
      options.resume(turn, pool.adopt(container, 'busy'));
      if (turn.stoppedBy !== null) options.stop(turn);
    } else {
      options.fail(turn, lost(turn, runtime));
    }
    options.reach?.('recover.turn');
  }

  const known = new Set(db.agents.liveContainers());
  for (const container of living.values()) {
    const taken = pool.agents().some((a) => a.folder === container.folder);
    const wanted = known.has(container.name) && db.groups.byFolder(container.folder) !== null;
    if (wanted && !taken) pool.adopt(container, 'idle');
    else await removeOrphan(options.log, container);
  }
  const present = new Set(pool.agents().map((a) => a.container.name));
  for (const name of known) if (!present.has(name)) db.agents.containerEnded(name, options.now());
  options.reach?.('recover.ended');
}

export async function removeOrphan(log: Logger, container: AgentContainer): Promise<void> {
  const details = { event: 'orphan_removed', container: container.name, group: container.folder };
  log.info(details, 'an agent that nobody needs was removed');
  try {
    await container.remove();
  } catch (error) {
    log.warn({ event: 'agent_remove_failed', container: container.name }, messageOf(error));
  }
}

/** Processes end with the daemon, which is nobody's fault. A container that is gone has crashed. */
function lost(turn: Turn, runtime: AgentRuntime): Failure {
  return runtime.name === 'process'
    ? { code: 'restart', message: 'the daemon ended and its agent with it' }
    : {
        code: 'crash',
        message: `the container ${turn.containerName ?? ''} was gone when the daemon came back`,
      };
}
