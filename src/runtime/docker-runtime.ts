/**
 * Agents in Docker containers: the runtime that isolates.
 *
 * Invariants: touches only containers and networks that bear this instance's label. The wait for a container's end is
 * issued before its start, so that no exit is missed. A container found by list() is watched like one launched here, which
 * is how the next daemon adopts what the last one left. Names are unique and never reused; nothing restarts by itself and
 * nothing removes itself: an ended container stays until remove(). Knows nothing of turns.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../docker/engine.ts';
import { findImage, inspectImage } from '../docker/engine-images.ts';
import type { EngineContainerSummary, EngineImage, EngineInfo } from '../docker/engine-types.ts';
import { DEFAULT_IMAGE, ensureImage, type ImageOptions } from '../docker/image.ts';
import { NanoClawError } from '../errors.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { type Logger, silentLogger } from '../log.ts';
import { FOLDER_PATTERN, type Folder } from '../types.ts';
import type { AgentContainer, AgentExit, AgentLaunch, AgentRuntime } from './agent-runtime.ts';
import { removeContainer, waitBeforeStart } from './container-ends.ts';
import { type AgentNetwork, ensureNetwork, NO_NETWORK } from './docker-network.ts';
import { containerSpec, DEFAULT_LIMITS, LABELS, type Limits, type SpecContext } from './docker-spec.ts';
import { watchExit } from './exit-watch.ts';
import { checkExtraMounts, sameKernel } from './extra-mount-identity.ts';
import { projectView } from './project-view.ts';
import {
  type ContainerSockets,
  type ProxySockets,
  prepareSockets,
  proxySockets,
  removeSocketsBut,
  whyNotSockets,
} from './proxy-sockets.ts';
import { agentUser, makeDatabaseReadable, prepareWorkspace, type User } from './workspace-owner.ts';

export interface DockerRuntimeOptions {
  engine: Engine;
  /** A uuid of the data folder. */
  instanceId: string;
  /** Default nanoclaw-agent:latest, which is built when missing or older than its sources. */
  image?: string;
  /** The folder with container/ and src/protocol.ts. */
  projectRoot: string;
  variant?: ImageOptions['variant'];
  /** A folder of the host's for the runtime's own small files, e.g. data/run. */
  stateDir: string;
  baseImage?: string | undefined;
  limits?: Partial<Limits>;
  /** The uid:gid inside containers; default by the rule in workspace-owner.ts. */
  user?: User;
  /** The agent's own exit when nobody speaks to it. Default 2 h. */
  idleExitMs?: number;
  sweepMs?: number;
  /** URL of the forward proxy for this launch, with the container's token; null for no internet. Default: none. */
  proxyUrl?: (launch: AgentLaunch) => string | null;
  /**
   * How containers reach the daemon's proxies. `sockets` gives them no network at all, where the platform allows it, and is
   * the stricter: over a bridge a container can also reach whatever else listens on all of the host's addresses.
   * Default `bridge`.
   */
  reach?: 'sockets' | 'bridge';
  /** With sockets: opened before a container starts or is adopted, left when it has ended. Both idempotent. */
  doors?: {
    open(owner: { container: string; folder: Folder }, sockets: ContainerSockets): Promise<void>;
    leave(container: string): Promise<void>;
  };
  clock?: Clock;
  log?: Logger;
}

export interface DockerRuntime extends AgentRuntime {
  readonly name: 'docker';
  /** Where the daemon's proxies must listen. Known after prepare(); may change with it. */
  gatewayAddress(): string;
  /** The host under which containers reach those proxies. Known after prepare(). */
  proxyHost(): string;
  /** Where the proxies must open a container's doors instead, when containers have no network; else null. Known after prepare(). */
  proxySockets(): ProxySockets | null;
}

export function createDockerRuntime(options: DockerRuntimeOptions): DockerRuntime {
  const { engine, instanceId } = options;
  const image = options.image ?? DEFAULT_IMAGE;
  const clock = options.clock ?? systemClock;
  const log = options.log ?? silentLogger();
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const resolvConf = join(options.stateDir, 'resolv.conf');
  const hosts = join(options.stateDir, 'hosts');
  const watching = new AbortController();
  const known = new Map<string, AgentContainer>();
  /** Names between create and start: a list() in that moment must not take them for ended. */
  const launching = new Set<string>();
  const sockets = proxySockets(options.stateDir);
  let ready: { info: EngineInfo; network: AgentNetwork; command: readonly string[] } | null = null;
  let preparing: Promise<void> | null = null;
  let imageChecked = false;

  const prepared = () => {
    if (!ready) throw new NanoClawError('ENGINE_DOWN', 'The docker runtime is not prepared yet.');
    return ready;
  };

  async function prepareOnce(): Promise<void> {
    const info = ready?.info ?? (await engine.info());
    const { Entrypoint, Cmd } = (await imageThere()).Config;
    const network = await prepareNetwork(info);
    if (network.notEnforcedBecause && !ready)
      log.warn(
        { event: 'network_not_enforced' },
        `The network rules cannot be enforced: ${network.notEnforcedBecause}.`,
      );
    await mkdir(options.stateDir, { recursive: true });
    // Nothing listens there, so that a look-up fails at once instead of after the engine's resolver timed out.
    await writeFile(resolvConf, 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n', { mode: 0o644 });
    await writeFile(hosts, '127.0.0.1 localhost\n::1 localhost\n', { mode: 0o644 });
    ready = { info, network, command: [...Entrypoint, ...Cmd] };
  }

  async function imageThere(): Promise<EngineImage> {
    const known = imageChecked ? await findImage(engine, image) : null;
    if (known) return known;
    const onProgress = (line: string) => log.info({ event: 'image_progress' }, line);
    const { projectRoot, variant, baseImage } = options;
    const state = await ensureImage(engine, { image, projectRoot, variant, baseImage, onProgress });
    if (state.warning) log.warn({ event: 'image_outdated', image }, state.warning);
    else log.info({ event: 'image_ready', image, state: state.state }, 'the agent image is there');
    imageChecked = true;
    return inspectImage(engine, image);
  }

  async function prepareNetwork(info: EngineInfo): Promise<AgentNetwork> {
    if (options.reach === 'sockets') {
      const whyNot = whyNotSockets(engine.address, info);
      if (whyNot === null) return NO_NETWORK;
      if (!ready)
        log.warn({ event: 'no_proxy_sockets' }, `Agents get a network instead of sockets: ${whyNot}.`);
    }
    return ensureNetwork(engine, instanceId, info, ready?.network ?? null);
  }

  function specContext(launch: AgentLaunch): SpecContext {
    const { info, network, command } = prepared();
    const security = (name: string) =>
      info.SecurityOptions.some((option) => option.split(',')[0] === `name=${name}`);
    return {
      image,
      instanceId,
      user: options.user ?? agentUser(daemonUser(), security('rootless')),
      limits,
      idleExitMs: options.idleExitMs ?? 7_200_000,
      sweepMs: options.sweepMs ?? 1000,
      network: network.name,
      resolvConf: network.mode === 'open' ? null : resolvConf,
      hosts,
      sockets: network.mode === 'none' ? { dir: sockets.of(launch.name).dir, command } : null,
      extraHosts: network.extraHosts,
      proxyUrl: options.proxyUrl?.(launch) ?? null,
      selinux: security('selinux'),
      usernsRemap: security('userns'),
      projectView: launch.isMain && launch.projectDir ? projectView(launch.projectDir) : null,
    };
  }

  /** Folders that exist and belong to whoever works in them. */
  function prepareFolders(launch: AgentLaunch, user: User): void {
    const asRoot = daemonUser()?.uid === 0 && user.uid !== 0;
    prepareWorkspace(launch, asRoot ? user : null);
    if (launch.isMain && launch.projectDir && asRoot)
      makeDatabaseReadable(join(launch.projectDir, 'data'), user);
  }

  async function openDoors(container: string, folder: Folder): Promise<void> {
    if (prepared().network.mode !== 'none') return;
    await prepareSockets(sockets.of(container));
    await options.doors?.open({ container, folder }, sockets.of(container));
  }

  function watch(id: string, name: string, folder: Folder, first: Promise<void> | null): AgentContainer {
    const exited: Promise<AgentExit> = watchExit(engine, clock, id, first, watching.signal);
    let removing: Promise<void> | null = null;
    const container: AgentContainer = {
      id,
      name,
      folder,
      exited,
      remove() {
        removing ??= removeContainer(engine, id).then(
          () => void known.delete(id),
          (error) => {
            removing = null;
            throw error;
          },
        );
        return removing;
      },
    };
    known.set(id, container);
    void exited.then(() => options.doors?.leave(name));
    return container;
  }

  async function startContainer(launch: AgentLaunch, context: SpecContext): Promise<AgentContainer> {
    const id = await engine.createContainer(launch.name, containerSpec(launch, context));
    try {
      const first = await waitBeforeStart(engine, clock, id, watching.signal);
      await engine.start(id);
      if (sameKernel(engine, prepared().info)) await checkExtraMounts(engine, id, launch.extraMounts);
      log.debug(
        { event: 'container_started', group: launch.folder, container: launch.name },
        'agent container started',
      );
      return watch(id, launch.name, launch.folder, first?.ended ?? null);
    } catch (error) {
      await removeContainer(engine, id).catch(() => {}); // a sweep finds it by its label
      throw error;
    }
  }

  return {
    name: 'docker',

    prepare() {
      preparing ??= prepareOnce().finally(() => {
        preparing = null;
      });
      return preparing;
    },

    async launch(launch) {
      const context = specContext(launch);
      prepareFolders(launch, context.user);
      launching.add(launch.name);
      try {
        await openDoors(launch.name, launch.folder);
        return await startContainer(launch, context);
      } catch (error) {
        await options.doors?.leave(launch.name);
        throw error;
      } finally {
        launching.delete(launch.name);
      }
    },

    async list() {
      // What is launched while the engine is asked is not in its answer, and neither strange nor gone.
      const before = [...launching];
      const seen = [...known.keys()];
      const found = (await engine.listContainers([`${LABELS.instance}=${instanceId}`])).map(described);
      const present = new Set(found.map(({ id }) => id));
      for (const id of seen) if (!present.has(id)) known.delete(id);
      const living = [...known.values(), ...found].map(({ name }) => name);
      removeSocketsBut(sockets, [...living, ...before, ...launching]);
      const ours = found.filter(({ name, folder }) => FOLDER_PATTERN.test(folder) && !launching.has(name));
      for (const { id, name, folder } of ours) if (!known.has(id)) await openDoors(name, folder);
      return ours.map(({ id, name, folder }) => known.get(id) ?? watch(id, name, folder, null));
    },

    async memoryOf(name) {
      const container = [...known.values()].find((one) => one.name === name);
      if (!container) return null;
      const { usage, stats } = (await engine.stats(container.id)).memory_stats;
      // As docker stats: what the kernel can take back at once does not count.
      return Math.max(0, usage - (stats.inactive_file ?? stats.total_inactive_file ?? 0));
    },

    async close() {
      watching.abort();
      engine.close();
    },

    gatewayAddress: () => prepared().network.listenHost,
    proxyHost: () => prepared().network.containerHost,
    proxySockets: () => (prepared().network.mode === 'none' ? sockets : null),
    networkEnforcement: () => ({
      enforced: prepared().network.enforced,
      reason: prepared().network.notEnforcedBecause,
    }),
  };
}

function described({ Id: id, Labels: labels, Names: names }: EngineContainerSummary) {
  const name = labels[LABELS.name] ?? names[0]?.replace(/^\//, '') ?? id;
  return { id, name, folder: (labels[LABELS.group] ?? '') as Folder };
}

function daemonUser(): User | null {
  const { getuid, getgid } = process;
  return getuid && getgid ? { uid: getuid(), gid: getgid() } : null;
}
