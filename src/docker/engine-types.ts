/**
 * What the engine says, as far as we read it. Loose on purpose: Docker 20 to 29 and Podman differ in what they
 * leave out or set to null, so everything that is not essential is optional. Unknown keys are dropped.
 */
import { z } from 'zod';

const map = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});

const words = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? []);

export const versionSchema = z.object({
  Version: z.string().default('unknown'),
  ApiVersion: z.string(),
  MinAPIVersion: z.string().default('1.24'),
});
export type EngineVersion = z.infer<typeof versionSchema>;

export const infoSchema = z.object({
  OperatingSystem: z.string().default(''),
  OSType: z.string().default('linux'),
  /** e.g. "name=seccomp,profile=default", "name=rootless", "name=userns". */
  SecurityOptions: z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? []),
  MemTotal: z.number().default(0),
  NCPU: z.number().default(0),
});
export type EngineInfo = z.infer<typeof infoSchema>;

export const containerSchema = z.object({
  Id: z.string(),
  /** With a leading slash. */
  Name: z.string(),
  Created: z.string().default(''),
  State: z.object({
    /** created, running, paused, restarting, removing, exited, dead. */
    Status: z.string(),
    Running: z.boolean().default(false),
    OOMKilled: z.boolean().default(false),
    ExitCode: z.number().default(0),
    Pid: z.number().default(0),
    StartedAt: z.string().default(''),
    FinishedAt: z.string().default(''),
  }),
  Config: z.object({ Labels: map, Env: z.array(z.string()).nullish(), User: z.string().default('') }),
  Image: z.string().default(''),
});
export type EngineContainer = z.infer<typeof containerSchema>;

export const containerListSchema = z
  .array(
    z.object({
      Id: z.string(),
      Names: z.array(z.string()).default([]),
      Labels: map,
      State: z.string().default(''),
      /** Seconds since the epoch. */
      Created: z.number().default(0),
    }),
  )
  .nullish()
  .transform((value) => value ?? []);
export type EngineContainerSummary = z.infer<typeof containerListSchema>[number];

export const networkSchema = z.object({
  Id: z.string(),
  Name: z.string(),
  Internal: z.boolean().default(false),
  Labels: map,
  Options: map,
  IPAM: z
    .object({
      Config: z
        .array(z.object({ Subnet: z.string().optional(), Gateway: z.string().optional() }))
        .nullish()
        .transform((value) => value ?? []),
    })
    .default({ Config: [] }),
});
export type EngineNetwork = z.infer<typeof networkSchema>;

export const imageSchema = z.object({
  Id: z.string(),
  Size: z.number().default(0),
  Config: z
    .object({ Labels: map, Entrypoint: words, Cmd: words })
    .nullish()
    .transform((value) => value ?? { Labels: {}, Entrypoint: [], Cmd: [] }),
});
export type EngineImage = z.infer<typeof imageSchema>;

/** One line of a pull or a build. */
export const progressSchema = z.object({
  stream: z.string().optional(),
  status: z.string().optional(),
  id: z.string().optional(),
  error: z.string().optional(),
});
export type EngineProgress = z.infer<typeof progressSchema>;

export const statsSchema = z.object({
  memory_stats: z
    .object({
      usage: z.number().default(0),
      limit: z.number().default(0),
      /** With cgroup v1 the names begin with total_. */
      stats: z
        .object({ inactive_file: z.number().optional(), total_inactive_file: z.number().optional() })
        .default({}),
    })
    .prefault({}),
  pids_stats: z.object({ current: z.number().default(0) }).prefault({}),
  cpu_stats: z
    .object({ cpu_usage: z.object({ total_usage: z.number().default(0) }).prefault({}) })
    .prefault({}),
});
export type EngineStats = z.infer<typeof statsSchema>;

export const eventSchema = z.object({
  Type: z.string().default(''),
  Action: z.string().default(''),
  Actor: z.object({ ID: z.string().default(''), Attributes: map }).prefault({}),
  timeNano: z.number().default(0),
});
export type EngineEvent = z.infer<typeof eventSchema>;

/** The part of POST /containers/create that we use. */
export interface ContainerSpec {
  Image: string;
  User?: string;
  Env?: readonly string[];
  Cmd?: readonly string[];
  Entrypoint?: readonly string[];
  WorkingDir?: string;
  /** The engine prepares none: the container's own namespace has a loopback and nothing else. */
  NetworkDisabled?: boolean;
  Labels?: Readonly<Record<string, string>>;
  StopTimeout?: number;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  Tty?: boolean;
  HostConfig?: {
    Init?: boolean;
    NetworkMode?: string;
    Dns?: readonly string[];
    DnsOptions?: readonly string[];
    DnsSearch?: readonly string[];
    ExtraHosts?: readonly string[];
    CapDrop?: readonly string[];
    SecurityOpt?: readonly string[];
    ReadonlyRootfs?: boolean;
    Privileged?: boolean;
    UsernsMode?: string;
    IpcMode?: string;
    CgroupnsMode?: 'private';
    Tmpfs?: Readonly<Record<string, string>>;
    Mounts?: readonly EngineMount[];
    Memory?: number;
    MemorySwap?: number;
    NanoCpus?: number;
    CpuShares?: number;
    OomScoreAdj?: number;
    PidsLimit?: number;
    Ulimits?: readonly { Name: string; Soft: number; Hard: number }[];
    LogConfig?: { Type: string; Config: Readonly<Record<string, string>> };
    RestartPolicy?: { Name: string };
    AutoRemove?: boolean;
  };
}

/** A bind whose source must exist: unlike `Binds`, the engine never makes a missing one (as root). */
export interface EngineMount {
  Type: 'bind';
  Source: string;
  Target: string;
  ReadOnly: boolean;
  BindOptions?: { Propagation?: 'rprivate' | 'private' };
}

export interface NetworkSpec {
  Name: string;
  Driver: 'bridge';
  Internal: boolean;
  CheckDuplicate: true;
  EnableIPv6: false;
  Labels: Readonly<Record<string, string>>;
  Options: Readonly<Record<string, string>>;
}
