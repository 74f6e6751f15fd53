/**
 * What the services call of one another before all of them exist: they are constructed in the order of the straight
 * line, and get each other through these functions, which work once everything is wired.
 */
import type { ContainerRunner } from '../container-runner/contract.ts';
import type { GroupQueue } from '../group-queue.ts';
import type { AgentProxies } from '../http/agent-proxies.ts';
import type { AskedWaits } from '../ipc/asked-waits.ts';
import type { Ipc } from '../ipc.ts';
import type { Router } from '../router.ts';
import type { ChosenRuntime } from '../runtime/choose-runtime.ts';
import type { TaskScheduler } from '../task-scheduler.ts';
import type { ChatJid } from '../types.ts';
import type { AgentsReady } from './boot-agents.ts';

export interface Links {
  /** Set while wiring; `runtime` and `proxies` once an engine has answered. */
  late: {
    queue?: GroupQueue<ChatJid>;
    ipc?: Ipc;
    askedWaits?: AskedWaits;
    router?: Router;
    scheduler?: TaskScheduler;
    runtime?: ChosenRuntime;
    runner?: ContainerRunner;
    proxies?: AgentProxies;
  };
  agentsReady: AgentsReady;
  /** There may be something to do. */
  wakeQueue: (jid: ChatJid) => void;
  /** The same for a group that waits after a failure. */
  wakeQueueNow: (jid: ChatJid) => void;
}

export function createLinks(): Links {
  const late: Links['late'] = {};
  const agentsReady: AgentsReady = { yes: false, problem: null };
  return {
    late,
    agentsReady,
    wakeQueue(jid) {
      if (agentsReady.yes) need(late.queue).wake(jid);
    },
    wakeQueueNow(jid) {
      if (agentsReady.yes) need(late.queue).wakeNow(jid);
    },
  };
}

export function need<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('used before it was wired');
  return value;
}
