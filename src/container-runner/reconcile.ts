/**
 * The slow look behind the events, once a minute: what the runtime really has against what we think we have.
 *   a container that is nobody's        → removed (its launch was cut off, or its removal failed)
 *   an agent that the runtime has not   → counts as gone, when two looks in a row do not find it
 *   an idle agent with outdated mounts  → closed, should the change of the allowlist have been missed
 *   a chat where something waits        → woken, should a wake have been missed
 * A runtime that cannot be asked is asked at the next look. Costs one request to the engine and indexed reads.
 */
import { messageOf } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import { repeat } from '../lib/repeat.ts';
import type { Logger } from '../log.ts';
import type { AgentRuntime } from '../runtime/agent-runtime.ts';
import type { ChatJid } from '../types.ts';
import type { Agent } from './agent.ts';
import type { Pool } from './pool.ts';
import { removeOrphan } from './recover.ts';

export const RECONCILE_MS = 60_000;

export interface ReconcilerOptions {
  clock: Clock;
  log: Logger;
  runtime: () => AgentRuntime;
  pool: Pick<Pool, 'agents' | 'knows' | 'lost' | 'closeOutdated'>;
  chatsWithWork: () => ChatJid[];
  wakeQueue: (jid: ChatJid) => void;
  /** Default: RECONCILE_MS. */
  reconcileMs?: number | undefined;
}

export interface Reconciler {
  /** The first look comes after a minute. */
  start(): void;
  stop(): void;
}

export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { clock, log, pool, reconcileMs = RECONCILE_MS } = options;
  let missed = new Set<Agent>();

  async function look(): Promise<void> {
    const before = pool.agents();
    const listed = await options.runtime().list();
    if (looking.stopped) return;
    const present = new Set(listed.map(({ name }) => name));
    const absent = before.filter((agent) => !present.has(agent.container.name));
    for (const agent of absent) {
      if (!missed.has(agent) || !pool.agents().includes(agent)) continue;
      log.warn({ event: 'agent_missing', group: agent.folder, container: agent.container.name });
      pool.lost(agent);
    }
    missed = new Set(absent);
    for (const container of listed) if (!pool.knows(container.name)) await removeOrphan(log, container);
    await pool.closeOutdated();
    if (!looking.stopped) for (const jid of options.chatsWithWork()) options.wakeQueue(jid);
  }

  const looking = repeat(clock, reconcileMs, look, (error) =>
    log.debug({ event: 'reconcile_failed', err: error }, messageOf(error)),
  );
  return looking;
}
