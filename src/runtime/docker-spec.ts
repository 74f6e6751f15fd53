/**
 * From a launch to what the engine is asked to create. Pure: the same launch gives the same container.
 *
 * The hardening holds for every agent: no capability, no new privileges, read-only root, an ordinary uid, no namespace
 * of the host, bounded memory, processors, processes, files and log, no restart. The environment is exactly what the
 * protocol names, plus TZ, LANG and a proxy; nothing of the host's. `in/` is read-only, the socket of the engine is never mounted.
 */
import type { ContainerSpec, EngineMount } from '../docker/engine-types.ts';
import { PROTOCOL_VERSION } from '../protocol.ts';
import { protocolEnvironment } from './agent-environment.ts';
import type { AgentLaunch } from './agent-runtime.ts';
import type { ProjectView } from './project-view.ts';
import { relayEntrypoint, SOCKETS_TARGET } from './proxy-sockets.ts';
import type { User } from './workspace-owner.ts';

export const LABELS = {
  instance: 'nanoclaw.instance',
  group: 'nanoclaw.group',
  protocol: 'nanoclaw.protocol',
  name: 'nanoclaw.name',
} as const;

export interface Limits {
  /** Memory and swap together, MiB. */
  memoryMb: number;
  /** Processors, e.g. 1.5. */
  cpus: number;
  pids: number;
  /** Size of /tmp, MiB; counts as memory. */
  tmpMb: number;
  /** The largest file the agent may write, MiB. */
  fileMb: number;
}
export const DEFAULT_LIMITS: Limits = { memoryMb: 2048, cpus: 2, pids: 512, tmpMb: 256, fileMb: 2048 };

export interface SpecContext {
  image: string;
  instanceId: string;
  user: User;
  limits: Limits;
  idleExitMs: number;
  sweepMs: number;
  network: string;
  /** A host file that is the container's /etc/resolv.conf: look-ups fail at once. Null where names should resolve. */
  resolvConf: string | null;
  /** A host file that is the /etc/hosts of containers without a network: where the engine has no part in it, it writes none. */
  hosts: string;
  extraHosts: readonly string[];
  /** Forward proxy for the internet, credentials included; null when the agent gets none. */
  proxyUrl: string | null;
  /** Where the engine runs SELinux: its labels would forbid the agent its own folders. */
  selinux: boolean;
  /** Where the engine remaps uids. */
  usernsRemap: boolean;
  projectView: ProjectView | null;
  /** The container's own folder with its sockets and the relay, and the image's own command that the relay starts. */
  sockets: { dir: string; command: readonly string[] } | null;
}

const HOME = '/home/agent';
const CONTAINER_PATHS = {
  groupDir: '/workspace/group',
  globalDir: '/workspace/global',
  mailboxDir: '/workspace/ipc',
  homeDir: HOME,
};

export function containerSpec(launch: AgentLaunch, context: SpecContext): ContainerSpec {
  const { limits, user } = context;
  const bytes = (mb: number) => Math.round(mb * 1024 * 1024);
  const fileBytes = bytes(limits.fileMb);
  return {
    Image: context.image,
    User: `${user.uid}:${user.gid}`,
    Env: Object.entries(agentEnvironment(launch, context)).map(([key, value]) => `${key}=${value}`),
    WorkingDir: '/workspace/group',
    // A namespace of its own with a loopback is the runtime's work: the engine's share in it, a process more at each start, is not needed.
    ...(context.sockets
      ? { Entrypoint: relayEntrypoint, Cmd: context.sockets.command, NetworkDisabled: true }
      : {}),
    Labels: {
      [LABELS.instance]: context.instanceId,
      [LABELS.group]: launch.folder,
      [LABELS.protocol]: String(PROTOCOL_VERSION),
      [LABELS.name]: launch.name,
    },
    StopTimeout: 2,
    AttachStdout: false,
    AttachStderr: false,
    Tty: false,
    HostConfig: {
      Init: true,
      NetworkMode: context.network,
      Dns: ['127.0.0.1'],
      DnsOptions: ['timeout:1', 'attempts:1'],
      ExtraHosts: context.extraHosts,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges', ...(context.selinux ? ['label=disable'] : [])],
      ReadonlyRootfs: true,
      Privileged: false,
      ...(context.usernsRemap ? { UsernsMode: 'host' } : {}),
      IpcMode: 'private',
      CgroupnsMode: 'private',
      Tmpfs: {
        '/tmp': `rw,nosuid,nodev,exec,size=${bytes(limits.tmpMb)},mode=1777`,
        ...context.projectView?.tmpfs,
      },
      Mounts: mounts(launch, context),
      Memory: bytes(limits.memoryMb),
      MemorySwap: bytes(limits.memoryMb),
      NanoCpus: Math.round(limits.cpus * 1e9),
      // Under pressure the host's own work comes first: half the usual weight, and the first to go without memory.
      CpuShares: 512,
      OomScoreAdj: 500,
      PidsLimit: limits.pids,
      Ulimits: [
        { Name: 'nofile', Soft: 8192, Hard: 8192 },
        { Name: 'fsize', Soft: fileBytes, Hard: fileBytes },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
      RestartPolicy: { Name: 'no' },
      AutoRemove: false,
    },
  };
}

/** Exactly what the agent process of a container is told. */
export function agentEnvironment(launch: AgentLaunch, context: SpecContext): Record<string, string> {
  const door = launch.doorUrl ?? launch.modelUrl;
  const direct = ['localhost', '127.0.0.1', ...(door ? [new URL(door).hostname] : [])].join(',');
  const proxy = context.proxyUrl;
  return {
    ...protocolEnvironment(launch, CONTAINER_PATHS, context.idleExitMs, context.sweepMs),
    LANG: 'C.UTF-8',
    // Lower case for curl and the like, which ignore HTTP_PROXY in capitals.
    ...(proxy ? { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: direct } : {}),
    ...(proxy ? { http_proxy: proxy, https_proxy: proxy, no_proxy: direct } : {}),
    // Node's own fetch takes no notice of a proxy without this.
    ...(proxy ? { NODE_USE_ENV_PROXY: '1' } : {}),
  };
}

function mounts(launch: AgentLaunch, context: SpecContext): EngineMount[] {
  const all: [source: string, target: string, writable: boolean][] = [
    [launch.groupDir, '/workspace/group', true],
    [launch.globalDir, '/workspace/global', launch.isMain],
    [`${launch.mailboxDir}/in`, '/workspace/ipc/in', false],
    [`${launch.mailboxDir}/out`, '/workspace/ipc/out', true],
    [launch.homeDir, HOME, true],
    ...launch.extraMounts.map((extra): [string, string, boolean] => [
      extra.hostPath,
      `/workspace/extra/${extra.name}`,
      extra.writable,
    ]),
  ];
  if (context.sockets) {
    all.push([context.sockets.dir, SOCKETS_TARGET, false]);
    all.push([context.hosts, '/etc/hosts', false]);
  }
  if (context.resolvConf) all.push([context.resolvConf, '/etc/resolv.conf', false]);
  return [
    ...all.map(([source, target, writable]) => bind(source, target, !writable)),
    ...(context.projectView?.mounts ?? []),
  ];
}

function bind(source: string, target: string, readOnly: boolean): EngineMount {
  return {
    Type: 'bind',
    Source: source,
    Target: target,
    ReadOnly: readOnly,
    BindOptions: { Propagation: 'rprivate' },
  };
}
