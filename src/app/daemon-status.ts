/** What the daemon says about itself, put together from those who know it. Asks Telegram and the engine only when wanted. */
import type { Config } from '../config.ts';
import type { ContainerRunner } from '../container-runner/contract.ts';
import type { Db } from '../db.ts';
import type { GroupQueue } from '../group-queue.ts';
import type { Clock } from '../lib/clock.ts';
import type { Problems } from '../problems.ts';
import type { AgentRuntime } from '../runtime/agent-runtime.ts';
import type { SenderRules } from '../sender-rules.ts';
import { createAgentMemory } from '../status/agent-memory.ts';
import { readOverview } from '../status/overview.ts';
import type { DaemonStatus, LiveStatus } from '../status.ts';
import type { Telegram } from '../telegram/api.ts';
import { createPendingCount } from '../telegram/pending-count.ts';
import type { Poller } from '../telegram/poller.ts';
import { type ChatJid, iso } from '../types.ts';
import type { AgentsReady } from './boot-agents.ts';

export interface DaemonStatusParts {
  config: Config;
  db: Db;
  clock: Clock;
  telegram: Telegram;
  startedAt: number;
  url: string;
  poller: Pick<Poller, 'status'>;
  runner: Pick<ContainerRunner, 'status' | 'activityOf'>;
  queue: Pick<GroupQueue<ChatJid>, 'status'>;
  problems: Pick<Problems, 'open'>;
  senderRules: () => SenderRules;
  agentsReady: AgentsReady;
  /** Undefined until it was chosen. */
  runtime: () => AgentRuntime | undefined;
}

export interface DaemonStatusSource {
  /** What this process knows, without asking the database for more than the open problems: cheap. */
  live(): LiveStatus;
  /** Asks the engine for the memory of its agents, unless it did just now: two seconds at most. */
  askMemory(): Promise<void>;
  /** As it is known now. */
  status(): DaemonStatus;
  /** The same, after Telegram was asked how much waits there and the engine for its memory: three seconds at most. */
  freshStatus(): Promise<DaemonStatus>;
}

export function createDaemonStatus(parts: DaemonStatusParts): DaemonStatusSource {
  const { config, db, clock, runner, agentsReady } = parts;
  const pending = createPendingCount(parts.telegram, clock);
  const memory = createAgentMemory({
    containers: () => runner.status().agents.map(({ container }) => container),
    read: async (name) => (await parts.runtime()?.memoryOf(name)) ?? null,
    clock,
  });

  const senders = () => {
    const rules = parts.senderRules();
    return { file: rules.file, problem: rules.problem, unknown: rules.unknownOf(db.groups.all()) };
  };

  function live(): LiveStatus {
    const runtime = parts.runtime();
    const { agents, turns } = runner.status();
    return {
      pid: process.pid,
      startedAt: iso(parts.startedAt),
      now: iso(clock.now()),
      home: config.home,
      url: parts.url,
      provider: config.provider,
      runtime: {
        name: runtime?.name ?? config.runtime,
        ready: agentsReady.yes,
        problem: agentsReady.problem,
      },
      network: agentsReady.yes && runtime ? runtime.networkEnforcement() : { enforced: null, reason: null },
      poller: parts.poller.status(),
      pendingAtTelegram: pending.known(),
      queue: parts.queue.status(),
      agents: agents.map((agent) => ({ ...agent, memoryBytes: memory.known(agent.container) })),
      turnsRunning: turns,
      groups: db.ledger.groups(),
      memory: memoryInUse(),
      failpoints: config.failpoints.length,
      senders: senders(),
      problems: parts.problems.open(),
    };
  }

  const status = (): DaemonStatus => ({
    ...live(),
    ...readOverview(db, clock.now(), runner.activityOf),
  });

  return {
    live,
    askMemory: memory.ask,
    status,
    async freshStatus() {
      await Promise.all([pending.ask(), memory.ask()]);
      return status();
    },
  };
}

/** Of this process. */
function memoryInUse(): LiveStatus['memory'] {
  const { rss, heapUsed } = process.memoryUsage();
  return { rssBytes: rss, heapUsedBytes: heapUsed };
}
