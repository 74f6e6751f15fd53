/** The side of the daemon that faces the agents: queue, containers, mailbox, schedule. Nothing is started here. */
import { availableParallelism } from 'node:os';
import type { ContainerRunner } from '../container-runner/contract.ts';
import { createContainerRunner } from '../container-runner.ts';
import { createGroupQueue, type GroupQueue } from '../group-queue.ts';
import { type AskedWaits, createAskedWaits } from '../ipc/asked-waits.ts';
import type { TaskSnapshots } from '../ipc/snapshots.ts';
import { createIpc, type Ipc } from '../ipc.ts';
import type { FileEvents } from '../lib/file-events.ts';
import type { Random } from '../lib/random.ts';
import { mcpSecretsFile, readMcpSecrets } from '../mcp/secrets.ts';
import { createExtraMounts, type ExtraMounts } from '../mounts/extra-mounts.ts';
import { mountPlaces } from '../mounts/places.ts';
import { type ChosenRuntime, chooseRuntime } from '../runtime/choose-runtime.ts';
import { createTaskScheduler, type TaskScheduler } from '../task-scheduler.ts';
import type { TaskRules } from '../tasks.ts';
import type { ChatJid, ProviderName } from '../types.ts';
import { type Links, need } from './links.ts';
import { openProxies } from './open-proxies.ts';
import { thinkingOf } from './thinking-of.ts';
import type { WireParts } from './wire.ts';
import type { Chats } from './wire-chats.ts';

export interface AgentsParts extends WireParts {
  links: Links;
  chats: Chats;
  fileEvents: FileEvents;
  random: Random;
  tasks: TaskRules;
  taskSnapshots: TaskSnapshots;
  groupsChanged: () => void;
  /** By a command: whoever asked may look at once. */
  tasksChanged: (jid: ChatJid) => void;
}

export interface Agents {
  /** Asking an engine may take seconds: messages are taken meanwhile. */
  choose: () => Promise<ChosenRuntime>;
  extraMounts: ExtraMounts;
  runner: ContainerRunner;
  ipc: Ipc;
  askedWaits: AskedWaits;
  queue: GroupQueue<ChatJid>;
  scheduler: TaskScheduler;
}

/** File events are unreliable across a virtual machine's shared folders: there the look is the truth. */
const SWEEP_MS = process.platform === 'linux' ? 5000 : 500;

export function wireAgents(parts: AgentsParts): Agents {
  const { config, log, overrides, clock, db, registry, reach, links, fileEvents, random, taskSnapshots } =
    parts;
  const { problems, router, delivery, attachments, presence } = parts.chats;
  const { late } = links;
  const child = (component: string) => log.child({ component });

  /** In words: which provider it is about, unless it is everybody's. */
  const aboutProvider = (provider: ProviderName | null): string =>
    provider === null || provider === config.provider ? '' : provider;

  const choose = () =>
    chooseRuntime(config, {
      clock,
      log: child('runtime'),
      instanceId: db.instanceId,
      ...(overrides.runtime ? { given: overrides.runtime } : {}),
      openProxies: () => {
        const proxies = openProxies({
          config,
          db,
          clock,
          log: child('proxy'),
          credentialRefused: (provider, detail) =>
            problems.report('credential', detail, aboutProvider(provider)),
          credentialWorks: (provider) => problems.solved('credential', aboutProvider(provider)),
        });
        late.proxies = proxies;
        return proxies;
      },
    });
  const extraMounts = createExtraMounts({
    db,
    clock,
    log: child('mounts'),
    fileEvents,
    ...mountPlaces(config),
    problems,
  });
  const runner = createContainerRunner({
    db,
    clock,
    random,
    log: child('runner'),
    home: config.home,
    runtime: () => need(late.runtime).runtime,
    cap: config.maxConcurrentContainers,
    warmBytes: config.warmBytes,
    idleTimeoutMs: config.idleTimeoutMs,
    openai: config.openai,
    timezoneOf: (group) => group.timezone ?? config.timezone,
    extraMounts,
    issueAccess: (provider) => need(late.runtime).issueAccess(provider),
    assistantName: config.assistantName,
    timeoutMs: config.containerTimeoutMs,
    memoryMb: config.containerMemoryMb,
    turnsPerHour: config.limits.turnsPerHour,
    sessionMaxIdleMs: config.sessions.maxIdleMs,
    zone: config.timezone,
    ...thinkingOf(config, () => need(late.runtime).runtime.name),
    aboutProvider,
    mcpSecrets: () => readMcpSecrets(mcpSecretsFile(config.configDir)),
    record: router.record,
    askMain: router.askMain,
    wakeDelivery: delivery.wake,
    beginDelivery: delivery.begin,
    wakeQueue: links.wakeQueue,
    presence,
    incompleteMs: attachments.waitMs,
    writeSnapshots: taskSnapshots.writeBeforeTurn,
    // By the schedule or a run: often, and nobody waits for it.
    tasksChanged(jid) {
      need(late.scheduler).changed();
      taskSnapshots.writeSoon(jid);
    },
    problems,
    startsAtOnce: overrides.startsAtOnce ?? Math.max(2, availableParallelism()),
    reconcileMs: overrides.reconcileMs,
    ipc: () => need(late.ipc),
    reach,
  });
  const askedWaits = createAskedWaits({
    db,
    clock,
    log: child('ipc'),
    home: config.home,
    wakeDelivery: delivery.wake,
    isCrowded: () => need(late.queue).isCrowded(),
    reach,
  });
  const ipc = createIpc({
    db,
    home: config.home,
    clock,
    log: child('ipc'),
    fileEvents,
    sweepMs: overrides.sweepMs ?? SWEEP_MS,
    commands: { db, random, home: config.home, registry, tasks: parts.tasks, record: router.record },
    onEvent: runner.onEvent,
    onLostEvent: runner.onLostEvent,
    wakeDelivery: delivery.wake,
    groupsChanged: parts.groupsChanged,
    wakeReactions: parts.chats.reactions.wake,
    wakeAsked: askedWaits.wake,
    tasksChanged: parts.tasksChanged,
    reach,
  });
  const queue = createGroupQueue<ChatJid>({
    clock,
    log: child('queue'),
    cap: config.maxConcurrentContainers,
    run: runner.run,
  });
  const scheduler = createTaskScheduler({
    db,
    clock,
    log: child('scheduler'),
    wake: links.wakeQueue,
    tasksChanged: (jid) => taskSnapshots.writeSoon(jid),
    ...(overrides.scheduleLookMs === undefined ? {} : { lookMs: overrides.scheduleLookMs }),
    reach,
  });
  return { choose, extraMounts, runner, ipc, askedWaits, queue, scheduler };
}
