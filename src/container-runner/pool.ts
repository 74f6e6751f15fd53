/**
 * The agents that live, at most one per group. A warm agent waits for its group's next turn, as long as the budget for
 * those that wait allows (warm-budget.ts), and goes after the idle time.
 *   launching → busy ⇄ idle → closing → gone          (any state → gone, when the agent ends by itself)
 * Invariants: an agent that is closing is never given a turn, and nobody is launched for the group before it is gone.
 */
import type { Db } from '../db.ts';
import { messageOf, NanoClawError } from '../errors.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { Logger } from '../log.ts';
import { ensureGroupFolders } from '../mailbox/layout.ts';
import type { ExtraMounts, Given } from '../mounts/extra-mounts.ts';
import type { Thinks } from '../policy/thinking.ts';
import type { AgentContainer, AgentExit, AgentLaunch, AgentRuntime } from '../runtime/agent-runtime.ts';
import { type Folder, type Group, iso, type ProviderName } from '../types.ts';
import type { Agent } from './agent.ts';
import type { StartGate } from './start-gate.ts';
import { createWarmBudget } from './warm-budget.ts';

export interface AgentAccess {
  token: string | null;
  /** What the database keeps of the token. */
  tokenSha256: string | null;
  modelUrl: string | null;
  /** For MCP servers elsewhere. */
  doorUrl: string | null;
}

export interface PoolOptions {
  db: Db;
  clock: Clock;
  random: Random;
  log: Logger;
  runtime: () => AgentRuntime;
  home: string;
  /** So many agents live whatever they use; more within the budget. */
  cap: number;
  /** Memory for agents that wait, in bytes. */
  warmBytes: number;
  startGate: Pick<StartGate, 'enter'>;
  idleTimeoutMs: number;
  thinks: (group: Group) => Thinks;
  openai?: AgentLaunch['openai'];
  timezoneOf: (group: Group) => string;
  /** What a new agent may reach through the daemon, and its own token for it. */
  issueAccess: (provider: ProviderName) => AgentAccess;
  extraMounts: Pick<ExtraMounts, 'forGroup' | 'tell' | 'changed'>;
  onStarted: (folder: Folder) => void;
  onExit: (agent: Agent, exit: AgentExit) => void;
  /** Then an engine that is away is not waited for. */
  isStopping: () => boolean;
}

/** Between two tries to remove a container while the engine is away. */
const ENGINE_AGAIN_MS = 2000;

export interface Pool {
  /** The group's agent, marked busy: the warm one, or a new one. Throws what launching throws. */
  acquire(group: Group): Promise<Agent>;
  /** The turn is over: the agent waits for the next. */
  release(agent: Agent): void;
  /** Kills and removes. Resolves when it is gone. */
  close(agent: Agent): Promise<void>;
  /** Takes over an agent that an earlier daemon started. */
  adopt(container: AgentContainer, state: 'busy' | 'idle'): Agent;
  agents(): Agent[];
  /** A container of this name is ours: it is being launched, it works or waits, or it is being removed. */
  knows(containerName: string): boolean;
  /** The runtime has no such container, and nobody told us of its end. */
  lost(agent: Agent): void;
  /** Closes idle agents whose extra mounts are not allowed any more, or not the same, or whose provider is not the group's. */
  closeOutdated(): Promise<void>;
  /** The group's agent, marked busy, if it has one that can take a turn at once; else null. */
  acquireWarm(group: Group): Promise<Agent | null>;
}

export function createPool(options: PoolOptions): Pool {
  const { db, clock, random, log } = options;
  const agents = new Map<Folder, Agent>();
  const closings = new Map<Agent, Promise<void>>();
  let launching = 0;
  const launchingNames = new Set<string>();
  const warmth = createWarmBudget({
    ...options,
    agents: () => [...agents.values()],
    launching: () => launching,
    memoryOf: (name) => options.runtime().memoryOf(name),
    close,
  });

  async function acquireWarm(group: Group): Promise<Agent | null> {
    if (agents.get(group.folder)?.state !== 'idle') return null;
    return warmFor(group, await options.extraMounts.forGroup(group, isolates(options.runtime())));
  }

  function warmFor(group: Group, given: Given): Agent | null {
    const warm = agents.get(group.folder);
    if (!warm || warm.state === 'closing' || warm.mounts !== given.key) return null;
    if (!suits(warm, group)) return null;
    warm.idleTimer?.cancel();
    warm.state = 'busy';
    return warm;
  }

  const suits = ({ provider }: Agent, group: Group | null): boolean =>
    provider === null || group === null || provider === options.thinks(group).provider;

  async function acquire(group: Group): Promise<Agent> {
    const given = await options.extraMounts.forGroup(group, isolates(options.runtime()));
    const warm = warmFor(group, given);
    if (warm) return warm;
    const unfit = agents.get(group.folder);
    if (unfit) await close(unfit);
    launching += 1;
    try {
      await warmth.makeRoom();
      const leave = await options.startGate.enter();
      try {
        const agent = await launch(group, given);
        agent.begun = leave;
        return agent;
      } catch (error) {
        leave();
        throw error;
      }
    } finally {
      launching -= 1;
    }
  }

  async function launch(group: Group, given: Given): Promise<Agent> {
    const paths = ensureGroupFolders(options.home, group.folder);
    const name = `nanoclaw-${group.folder}-${Buffer.from(random.bytes(4)).toString('hex')}`;
    const runtime = options.runtime();
    const { provider } = options.thinks(group);
    const { token, tokenSha256, modelUrl, doorUrl } = options.issueAccess(provider);
    const launch: AgentLaunch = {
      name,
      folder: group.folder,
      isMain: group.isMain,
      provider,
      groupDir: paths.groupDir,
      globalDir: paths.globalDir,
      mailboxDir: paths.mailbox,
      homeDir: paths.homeDir,
      projectDir: group.isMain ? options.home : null,
      extraMounts: given.mounts,
      token,
      modelUrl,
      doorUrl,
      openai: options.openai ?? null,
      timezone: options.timezoneOf(group),
    };
    db.transaction(() => {
      db.agents.containerStarted(name, group.folder, runtime.name, tokenSha256, iso(clock.now()), provider);
      db.mounts.setGiven(name, given.key);
    });
    options.extraMounts.tell(group, given);
    options.onStarted(group.folder);
    launchingNames.add(name);
    try {
      const startedAt = clock.monotonic();
      const agent = adopt(await runtime.launch(launch), 'busy');
      agent.notes = given.notes;
      agent.isNoted = false;
      const ms = Math.round(clock.monotonic() - startedAt);
      log.info({ event: 'agent_started', group: agent.folder, container: name, ms });
      return agent;
    } catch (error) {
      if (error instanceof NanoClawError && error.code === 'MOUNT_REFUSED')
        options.extraMounts.changed(group, error.message);
      db.agents.containerEnded(name, iso(clock.now()));
      throw error;
    } finally {
      launchingNames.delete(name);
    }
  }

  function adopt(container: AgentContainer, state: 'busy' | 'idle'): Agent {
    const agent: Agent = {
      container,
      folder: container.folder,
      state: 'busy',
      idleSince: clock.monotonic(),
      mounts: db.mounts.given(container.name),
      provider: db.agents.providerOf(container.name),
      notes: [],
      isNoted: true,
      begun() {},
    };
    agents.set(agent.folder, agent);
    options.onStarted(agent.folder);
    void container.exited.then((exit) => gone(agent, exit));
    if (state === 'idle') release(agent);
    return agent;
  }

  const ended = new WeakSet<Agent>();

  function gone(agent: Agent, exit: AgentExit): void {
    if (ended.has(agent)) return;
    ended.add(agent);
    agent.begun();
    agent.idleTimer?.cancel();
    const expected = agent.state === 'closing';
    agent.state = 'closing';
    try {
      if (db.sqlite.open) db.agents.containerEnded(agent.container.name, iso(clock.now()));
    } catch (error) {
      // A full disk must not keep its turn from being settled; close() below notes it, or the next start.
      log.warn(
        { event: 'agent_end_not_noted', container: agent.container.name, err: error },
        messageOf(error),
      );
    }
    log[expected ? 'debug' : 'info']({
      event: 'agent_ended',
      group: agent.folder,
      container: agent.container.name,
      code: exit.code,
      oomKilled: exit.oomKilled,
    });
    options.onExit(agent, exit);
    void close(agent); // removes what the engine keeps of it, and frees its place
  }

  function release(agent: Agent): void {
    if (agent.state !== 'busy') return;
    agent.state = 'idle';
    agent.idleSince = clock.monotonic();
    agent.idleTimer = clock.after(options.idleTimeoutMs, () => void close(agent));
    if (agent.mounts !== '' || !suits(agent, db.groups.byFolder(agent.folder))) void closeIfOutdated(agent);
    warmth.rests(agent);
  }

  async function closeIfOutdated(agent: Agent): Promise<void> {
    const group = db.groups.byFolder(agent.folder);
    const given = group && (await options.extraMounts.forGroup(group, isolates(options.runtime())));
    if (agent.state !== 'idle' || (given?.key === agent.mounts && suits(agent, group))) return;
    log.info({ event: 'agent_outdated', group: agent.folder, container: agent.container.name });
    await close(agent);
  }

  function close(agent: Agent): Promise<void> {
    const known = closings.get(agent);
    if (known) return known;
    agent.idleTimer?.cancel();
    agent.state = 'closing';
    const closing = removeSurely(agent.container)
      .then(() => {
        if (db.sqlite.open) db.agents.containerEnded(agent.container.name, iso(clock.now()));
      })
      .catch((error: unknown) =>
        log.warn({ event: 'agent_remove_failed', container: agent.container.name }, messageOf(error)),
      )
      .finally(() => {
        if (agents.get(agent.folder) === agent) agents.delete(agent.folder);
        closings.delete(agent);
      });
    closings.set(agent, closing);
    return closing;
  }

  /** While the engine is away the container may live on: until it is gone its group gets no other. */
  async function removeSurely(container: AgentContainer): Promise<void> {
    for (;;) {
      try {
        return await container.remove();
      } catch (error) {
        const isAway = error instanceof NanoClawError && error.code === 'ENGINE_DOWN';
        if (!isAway || options.isStopping()) throw error;
        await sleep(clock, ENGINE_AGAIN_MS);
      }
    }
  }

  return {
    acquire,
    acquireWarm,
    release,
    close,
    adopt,
    agents: () => [...agents.values()],
    knows: (name) =>
      launchingNames.has(name) || [...agents.values()].some(({ container }) => container.name === name),
    lost: (agent) => gone(agent, { code: null, oomKilled: false, lastOutput: '' }),
    async closeOutdated() {
      await Promise.all([...agents.values()].filter((a) => a.state === 'idle').map(closeIfOutdated));
    },
  };
}

const isolates = (runtime: AgentRuntime): boolean => runtime.name === 'docker';
