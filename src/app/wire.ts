/**
 * The services of the daemon, constructed once, wired and started: the straight line as code. Those that face Telegram
 * are in wire-chats.ts, those that face the agents in wire-agents.ts. Adds to `releasers` how to stop each, in the order
 * of their start.
 */
import type { Config } from '../config.ts';
import type { Db } from '../db.ts';
import { createTaskSnapshots, writeAvailableGroups } from '../ipc/snapshots.ts';
import type { Clock } from '../lib/clock.ts';
import type { Reach } from '../lib/failpoint.ts';
import { systemFileEvents } from '../lib/file-events.ts';
import { onPoke } from '../lib/poke.ts';
import { systemRandom } from '../lib/random.ts';
import type { Releasers } from '../lib/releasers.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { type RegistryOptions, writeMirror } from '../registry.ts';
import { createRetention } from '../retention.ts';
import { createSearchIndexer } from '../search-indexer.ts';
import { describeBriefly, describeStatus } from '../status/describe.ts';
import type { TaskRules } from '../tasks.ts';
import type { Telegram, TelegramLink } from '../telegram/api.ts';
import { type ChatJid, iso } from '../types.ts';
import { startBooting } from './boot-agents.ts';
import { createDaemonStatus, type DaemonStatusSource } from './daemon-status.ts';
import { createLinks, need } from './links.ts';
import { openBackups } from './open-backups.ts';
import { openMetrics } from './open-metrics.ts';
import type { Overrides } from './overrides.ts';
import { startWatchdogs } from './start-watchdogs.ts';
import { wireAgents } from './wire-agents.ts';
import { wireChats } from './wire-chats.ts';

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

/** With the three seconds for sends in flight, and those before, well within the ten seconds of a stop. */
const FLUSH_MS = 4000;

export interface Wired extends DaemonStatusSource {
  metrics: Metrics;
}

/** Starts everything but the agents, whose runtime may have to be waited for. */
export function wire(parts: WireParts): Wired {
  const { config, log, overrides, clock, releasers, startedAt, db, telegram, registry, url } = parts;
  const child = (component: string) => log.child({ component });
  const links = createLinks();
  const { late, agentsReady } = links;
  const fileEvents = overrides.fileEvents ?? systemFileEvents;
  const taskSnapshots = createTaskSnapshots({ db, home: config.home, clock, log: child('ipc') });
  releasers.add(() => taskSnapshots.stop());
  const random = overrides.random ?? systemRandom;
  const tasks: TaskRules = {
    db,
    now: () => clock.now(),
    defaultTimezone: config.timezone,
    limits: { minIntervalMs: config.minTaskIntervalMs },
    random,
  };
  const groupsChanged = () => {
    late.proxies?.recheck();
    late.runner?.closeUnwanted();
    chats.menusChanged();
    writeMirror(registry);
    const main = db.groups.main();
    if (main) writeAvailableGroups(db, config.home, main, iso(clock.now()));
  };
  const tasksChanged = (jid: ChatJid) => {
    need(late.scheduler).changed();
    taskSnapshots.writeNow(jid);
  };

  const chatMoved = (from: ChatJid, to: ChatJid) => {
    need(late.queue).rename(from, to);
    groupsChanged();
    delivery.wake(to);
    tasksChanged(to);
    // Whatever it waited for under the old id is looked at anew.
    links.wakeQueueNow(to);
  };

  const shared = { ...parts, links, random, tasks, groupsChanged, tasksChanged, chatMoved };
  const chats = wireChats({
    ...shared,
    describe: ({ isMain, chatJid }) =>
      isMain
        ? describeStatus(source.status())
        : describeBriefly(source.status(), chatJid, db.languages.wordsFor(chatJid)),
  });
  const agents = wireAgents({ ...shared, chats, fileEvents, taskSnapshots });
  const { poller, router, delivery, attachments, problems, senderRules } = chats;
  const { queue, ipc, askedWaits, scheduler, runner } = agents;
  Object.assign(late, { queue, ipc, askedWaits, router, scheduler, runner });

  const retention = createRetention({
    db,
    home: config.home,
    clock,
    log: child('retention'),
    keep: config.keep,
    groupMaxBytes: config.attachments.groupMaxBytes,
    sessions: config.sessions,
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
  chats.answers.wake();
  chats.presence.start();
  chats.reactions.wake();
  chats.pauses.start();
  attachments.start();
  // Before the first press is taken: what had to be waited for meanwhile is over.
  askedWaits.wake();
  releasers.add(() => askedWaits.stop());
  chats.lookAtRules();
  chats.forgetter.start();
  poller.start();
  scheduler.start();
  retention.start();
  const searchIndexer = createSearchIndexer({ db, clock, log: child('search') });
  searchIndexer.start();
  releasers.add(() => searchIndexer.stop());
  const backups = openBackups({ config, db, clock, log: child('backup'), problems });
  backups?.start();
  releasers.add(() => backups?.stop());
  releasers.add(() => retention.stop());
  const pokes = onPoke(config.home, fileEvents, () => {
    groupsChanged();
    scheduler.changed();
    for (const jid of db.outbox.chatsWithOpen()) delivery.wake(jid);
    chats.forgetter.wake();
    // Something may have been opened again.
    for (const jid of db.messages.chatsWithOpen()) links.wakeQueue(jid);
    for (const group of db.groups.all()) taskSnapshots.writeSoon(group.chatJid);
  });
  releasers.add(() => pokes.close());
  const allowlistWatch = agents.extraMounts.watch(runner.closeUnwanted);
  releasers.add(() => allowlistWatch.close());
  releasers.add(() => scheduler.stop());
  releasers.add(() => poller.stop());
  if (overrides.watchdogs !== false) {
    const { pollTimeoutS } = overrides;
    const watched = { config, clock, log: child('watchdog'), db, problems };
    releasers.add(startWatchdogs({ ...watched, telegram, poller, pollTimeoutS, giveUp: parts.giveUp }));
  }
  const booting = startBooting({
    choose: agents.choose,
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
