/**
 * The services of the daemon, constructed once and wired: the straight line as code. Those that need one another
 * get each other late, through small functions. Adds to `releasers` how to stop each, in the order of their start.
 */
import type { Config } from '../config.ts';
import { type ContainerRunner, createContainerRunner } from '../container-runner.ts';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import { createGroupQueue, type GroupQueue } from '../group-queue.ts';
import type { AgentProxies } from '../http/agent-proxies.ts';
import { createTaskSnapshots, writeAvailableGroups, writeCurrentTasks } from '../ipc/snapshots.ts';
import { createIpc, type Ipc } from '../ipc.ts';
import type { Clock } from '../lib/clock.ts';
import type { Reach } from '../lib/failpoint.ts';
import { systemFileEvents } from '../lib/file-events.ts';
import { onPoke } from '../lib/poke.ts';
import { systemRandom } from '../lib/random.ts';
import type { Releasers } from '../lib/releasers.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { createExtraMounts } from '../mounts/extra-mounts.ts';
import { mountPlaces } from '../mounts/places.ts';
import { createProblems } from '../problems.ts';
import { type RegistryOptions, writeMirror } from '../registry.ts';
import { createRetention } from '../retention.ts';
import { createAdmins } from '../router/admins.ts';
import { createDelivery } from '../router/delivery.ts';
import { createPacing, TELEGRAM_LIMITS } from '../router/pacing.ts';
import { createPeople } from '../router/people.ts';
import { createRequestLimits } from '../router/request-limits.ts';
import { createTyping } from '../router/typing.ts';
import { createRouter, type Router } from '../router.ts';
import { type ChosenRuntime, chooseRuntime } from '../runtime/choose-runtime.ts';
import { senderRulesFile, watchSenderRules } from '../sender-rules.ts';
import { describeBriefly, describeStatus } from '../status/describe.ts';
import { createTaskScheduler, type TaskScheduler } from '../task-scheduler.ts';
import type { TaskRules } from '../tasks.ts';
import type { Telegram, TelegramLink } from '../telegram/api.ts';
import { createPoller, POLL_TIMEOUT_S } from '../telegram/poller.ts';
import { type ChatJid, type Group, iso } from '../types.ts';
import { type AgentsReady, startBooting } from './boot-agents.ts';
import { createDaemonStatus, type DaemonStatusSource } from './daemon-status.ts';
import { openAttachments } from './open-attachments.ts';
import { openBackups } from './open-backups.ts';
import { openMetrics } from './open-metrics.ts';
import { openProxies } from './open-proxies.ts';
import type { Overrides } from './overrides.ts';
import { startWatchdogs } from './start-watchdogs.ts';
import { createTelegramExtras } from './telegram-extras.ts';

export interface WireParts {
  config: Config;
  log: Logger;
  overrides: Overrides;
  clock: Clock;
  releasers: Releasers;
  startedAt: number;
  db: Db;
  telegram: Telegram & Partial<TelegramLink>;
  registry: RegistryOptions;
  url: string;
  /** A watchdog has found that this process cannot go on. */
  giveUp: (reason: string) => void;
  /** Where a test has the daemon fail. */
  reach?: Reach | undefined;
}

/** File events are unreliable across a virtual machine's shared folders: there the look is the truth. */
const SWEEP_MS = process.platform === 'linux' ? 5000 : 500;

/** With the three seconds for sends in flight, and those before, well within the ten seconds of a stop. */
const FLUSH_MS = 4000;

export interface Wired extends DaemonStatusSource {
  metrics: Metrics;
}

/** Starts everything but the agents, whose runtime may have to be waited for. */
export function wire(parts: WireParts): Wired {
  const { config, log, overrides, clock, releasers, startedAt, db, telegram, registry, url, reach } = parts;

  const child = (component: string) => log.child({ component });
  const late: {
    queue?: GroupQueue<ChatJid>;
    ipc?: Ipc;
    router?: Router;
    scheduler?: TaskScheduler;
    runtime?: ChosenRuntime;
    runner?: ContainerRunner;
    proxies?: AgentProxies;
  } = {};
  const agentsReady: AgentsReady = { yes: false, problem: null };
  const random = overrides.random ?? systemRandom;
  const fileEvents = overrides.fileEvents ?? systemFileEvents;
  const timezoneOf = (group: Group) => group.timezone ?? config.timezone;
  const need = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('used before it was wired');
    return value;
  };
  const wakeQueue = (jid: ChatJid) => {
    if (agentsReady.yes) need(late.queue).wake(jid);
  };
  const groupsChanged = () => {
    late.proxies?.recheck();
    late.runner?.closeUnwanted();
    menus.changed();
    writeMirror(registry);
    const main = db.groups.main();
    if (main) writeAvailableGroups(db, config.home, main, iso(clock.now()));
  };

  const taskSnapshots = createTaskSnapshots({ db, home: config.home, clock, log: child('ipc') });
  releasers.add(() => taskSnapshots.stop());
  /** By a command: whoever asked may look at once. */
  const tasksChanged = (jid: ChatJid) => {
    need(late.scheduler).changed();
    taskSnapshots.writeNow(jid);
  };
  /** By the schedule or a run: often, and nobody waits for it. */
  const tasksMoved = (jid: ChatJid) => {
    need(late.scheduler).changed();
    taskSnapshots.writeSoon(jid);
  };
  const taskRules: TaskRules = {
    db,
    now: () => clock.now(),
    defaultTimezone: config.timezone,
    limits: { minIntervalMs: config.minTaskIntervalMs },
    random,
  };

  /** Asking an engine may take seconds: messages are taken meanwhile. */
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
          credentialRefused: (detail) => problems.report('credential', detail),
          credentialWorks: () => problems.solved('credential'),
        });
        late.proxies = proxies;
        return proxies;
      },
    });

  const senderRules = watchSenderRules(senderRulesFile(config.configDir));
  const admins = createAdmins({ db, clock, log: child('router'), telegram, rules: senderRules });
  /** Malformed rules admit nobody; that is told before it is felt. */
  const lookAtRules = () => {
    const { problem } = senderRules();
    if (problem === null) problems.solved('sender_rules');
    else problems.report('sender_rules', problem);
  };
  const bot = () => poller.status().bot;
  const extras = { db, clock, log: child('router'), telegram, bot, releasers };
  const { menus, answers } = createTelegramExtras(extras);
  const poller = createPoller({
    telegram,
    clock,
    log: child('poller'),
    pollTimeoutS: overrides.pollTimeoutS ?? POLL_TIMEOUT_S,
    offset: (bot) => db.inbox.offset(bot.id),
    identified: menus.changed,
    async store(bot, updates, nextOffset) {
      reach?.('updates.received');
      await admins.prepare(updates);
      lookAtRules();
      need(late.router).accept(bot, updates, nextOffset);
    },
  });
  const pacing = createPacing(overrides.pacing ?? TELEGRAM_LIMITS);
  const delivery = createDelivery({
    db,
    home: config.home,
    telegram,
    clock,
    log: child('delivery'),
    pacing,
    bot,
    groupsChanged,
    reach,
  });
  const requestLimits = createRequestLimits({
    clock,
    perSender: config.limits.senderPerMinute,
    perGroup: config.limits.groupPerMinute,
  });
  const router = createRouter({
    db,
    clock,
    log: child('router'),
    assistantName: config.assistantName,
    wakeQueue,
    wakeDelivery: delivery.wake,
    chatsChanged: groupsChanged,
    wakeAnswers: answers.wake,
    tasksChanged,
    random,
    stopTurn(jid) {
      need(late.runner).stopTurn(jid);
      // What backed off is stopped: the next message need not wait for it.
      if (agentsReady.yes) need(late.queue).wakeNow(jid);
    },
    tasks: taskRules,
    registry,
    people: createPeople(senderRules, admins),
    limits: requestLimits,
    describe: ({ isMain, chatJid }) =>
      isMain ? describeStatus(source.status()) : describeBriefly(source.status(), chatJid),
    maxFileBytes: config.attachments.maxBytes,
    filesCame: () => attachments.look(),
    reach,
  });
  const attachments = openAttachments({
    config,
    db,
    clock,
    log: child('attachments'),
    telegram,
    limits: requestLimits,
    wake(jid) {
      if (agentsReady.yes) need(late.queue).wakeNow(jid);
    },
    reach,
  });
  const problems = createProblems({
    db,
    clock,
    log: child('problems'),
    record: router.record,
    wakeDelivery: delivery.wake,
    sendNow(chatJid, text) {
      telegram
        .sendMessage({ chatJid, threadId: null, replyTo: null, text })
        .catch((error: unknown) => log.warn({ event: 'problem_not_sent' }, messageOf(error)));
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
    idleTimeoutMs: config.idleTimeoutMs,
    provider: config.provider,
    timezoneOf,
    extraMounts,
    issueAccess: () => need(late.runtime).issueAccess(),
    assistantName: config.assistantName,
    timeoutMs: config.containerTimeoutMs,
    memoryMb: config.containerMemoryMb,
    turnsPerHour: config.limits.turnsPerHour,
    record: router.record,
    wakeDelivery: delivery.wake,
    wakeQueue,
    typing: createTyping(telegram, clock, pacing),
    incompleteMs: attachments.waitMs,
    writeSnapshots: (group) => {
      writeAvailableGroups(db, config.home, group, iso(clock.now()));
      writeCurrentTasks(db, config.home, group, iso(clock.now()));
    },
    tasksChanged: tasksMoved,
    problems,
    reconcileMs: overrides.reconcileMs,
    ipc: () => need(late.ipc),
    reach,
  });
  const ipc = createIpc({
    db,
    home: config.home,
    clock,
    log: child('ipc'),
    fileEvents,
    sweepMs: overrides.sweepMs ?? SWEEP_MS,
    commands: { db, random, home: config.home, registry, tasks: taskRules, record: router.record },
    onEvent: runner.onEvent,
    onLostEvent: runner.onLostEvent,
    wakeDelivery: delivery.wake,
    groupsChanged,
    tasksChanged,
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
    wake: wakeQueue,
    tasksChanged: (jid) => taskSnapshots.writeSoon(jid),
    ...(overrides.scheduleLookMs === undefined ? {} : { lookMs: overrides.scheduleLookMs }),
    reach,
  });
  Object.assign(late, { queue, ipc, router, scheduler, runner });
  const retention = createRetention({
    db,
    home: config.home,
    clock,
    log: child('retention'),
    keep: config.keep,
    groupMaxBytes: config.attachments.groupMaxBytes,
    drain: ipc.emptied,
    agentsReady: () => agentsReady.yes,
  });

  const source = createDaemonStatus({
    config,
    db,
    clock,
    telegram,
    startedAt,
    url,
    poller,
    runner,
    queue,
    problems,
    senderRules,
    agentsReady,
    runtime: () => late.runtime?.runtime,
  });
  const metrics = openMetrics({ config, db, clock, poller, status: source });

  releasers.add(() => late.runtime?.close());
  releasers.add(() => ipc.stop());
  // Both at once: what a slow engine takes must not be missing for the replies.
  releasers.add(async () => {
    await Promise.all([runner.stop(), delivery.stop(overrides.flushMs ?? FLUSH_MS)]);
  });
  releasers.add(() => queue.stop());
  releasers.add(() => attachments.stop());
  delivery.start();
  answers.wake();
  attachments.start();
  lookAtRules();
  poller.start();
  scheduler.start();
  retention.start();
  const backups = openBackups({ config, db, clock, log: child('backup'), problems });
  backups?.start();
  releasers.add(() => backups?.stop());
  releasers.add(() => retention.stop());
  const pokes = onPoke(config.home, fileEvents, () => {
    groupsChanged();
    scheduler.changed();
    for (const jid of db.outbox.chatsWithOpen()) delivery.wake(jid);
    // Something may have been opened again.
    for (const jid of db.messages.chatsWithOpen()) wakeQueue(jid);
    for (const group of db.groups.all()) taskSnapshots.writeSoon(group.chatJid);
  });
  releasers.add(() => pokes.close());
  const allowlistWatch = extraMounts.watch(runner.closeUnwanted);
  releasers.add(() => allowlistWatch.close());
  releasers.add(() => scheduler.stop());
  releasers.add(() => poller.stop());
  if (overrides.watchdogs !== false) {
    const { pollTimeoutS } = overrides;
    const { giveUp } = parts;
    const shared = { config, clock, log: child('watchdog'), db, problems };
    releasers.add(startWatchdogs({ ...shared, telegram, poller, pollTimeoutS, giveUp }));
  }
  const booting = startBooting({
    choose,
    chosen(runtime) {
      late.runtime = runtime;
    },
    clock,
    log,
    provider: config.provider,
    runner,
    wake: queue.wake,
    state: agentsReady,
  });
  releasers.add(booting.stop);
  return { ...source, metrics };
}
