/**
 * The public CIS Docker Benchmark (1.6), section 5 "container runtime", as assertions about a running agent container: each
 * by its number, its meaning in our words, on what the engine and the kernel say. What does not apply or is done
 * otherwise is an entry of EXCEPTIONS, and must be explained in docs/security.md.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { removeNetworks } from '../../src/runtime/docker-network.ts';
import { createDockerRuntime, type DockerRuntime } from '../../src/runtime/docker-runtime.ts';
import { TEST_IMAGE, TestHome, testEngine, whyNoDocker } from './engine-support.ts';

const whyNot = await whyNoDocker();
const ROOT = path.resolve(import.meta.dirname, '../..');

const inspectSchema = z.object({
  AppArmorProfile: z.string(),
  State: z.object({ Pid: z.number() }),
  Config: z.object({ User: z.string(), Healthcheck: z.unknown().optional() }),
  HostConfig: z.object({
    NetworkMode: z.string(),
    PortBindings: z.record(z.string(), z.unknown()).nullish(),
    RestartPolicy: z.object({ Name: z.string(), MaximumRetryCount: z.number() }),
    CapAdd: z.array(z.string()).nullish(),
    CapDrop: z.array(z.string()).nullish(),
    CgroupnsMode: z.string().optional(),
    CgroupParent: z.string(),
    CpuShares: z.number(),
    Devices: z.array(z.unknown()).nullish(),
    DeviceRequests: z.array(z.unknown()).nullish(),
    IpcMode: z.string(),
    Memory: z.number(),
    MemorySwap: z.number(),
    OomKillDisable: z.boolean().nullish(),
    PidMode: z.string(),
    PidsLimit: z.number(),
    Privileged: z.boolean(),
    PublishAllPorts: z.boolean(),
    ReadonlyRootfs: z.boolean(),
    SecurityOpt: z.array(z.string()).nullish(),
    Ulimits: z.array(z.object({ Name: z.string(), Soft: z.number(), Hard: z.number() })),
    UTSMode: z.string(),
    UsernsMode: z.string(),
    MaskedPaths: z.array(z.string()),
    ReadonlyPaths: z.array(z.string()),
  }),
  Mounts: z.array(
    z.object({ Source: z.string(), Destination: z.string(), RW: z.boolean(), Propagation: z.string() }),
  ),
  NetworkSettings: z.object({ Networks: z.record(z.string(), z.unknown()) }),
});

interface Seen {
  inspect: z.infer<typeof inspectSchema>;
  /** The engine's security options: name=seccomp,profile=default and the like. */
  engine: readonly string[];
  /** /proc/self/status of a process in the container. */
  status: string;
  processes: string;
}

const host = ({ inspect }: Seen) => inspect.HostConfig;
const SENSITIVE = /^\/(boot|dev|etc|lib(32|64)?|proc|sys|usr|bin|sbin|root|run|var)?(\/|$)/;
const privateOr = (value: string) => value === '' || value === 'private';

/** True when it holds. */
const CHECKS: Record<string, [meaning: string, holds: (seen: Seen) => boolean]> = {
  '5.1': [
    'where the engine has AppArmor, its profile is applied',
    ({ inspect, engine }) =>
      !engine.some((option) => option.startsWith('name=apparmor')) ||
      !['', 'unconfined'].includes(inspect.AppArmorProfile),
  ],
  '5.3': [
    'the kernel’s capabilities are restricted: none is left',
    (seen) =>
      host(seen).CapDrop?.includes('ALL') === true &&
      (host(seen).CapAdd ?? []).length === 0 &&
      ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].every((set) =>
        new RegExp(`^${set}:\\s+0{16}$`, 'm').test(seen.status),
      ),
  ],
  '5.4': ['the container is not privileged', (seen) => !host(seen).Privileged],
  '5.5': [
    'no sensitive folder of the host is mounted',
    ({ inspect }) => inspect.Mounts.every(({ Source }) => !SENSITIVE.test(Source)),
  ],
  '5.6': ['no ssh server runs inside', ({ processes }) => !processes.includes('sshd')],
  '5.7': ['no privileged port is mapped', (seen) => Object.keys(host(seen).PortBindings ?? {}).length === 0],
  '5.8': [
    'only needed ports are open: none is',
    (seen) => !host(seen).PublishAllPorts && Object.keys(host(seen).PortBindings ?? {}).length === 0,
  ],
  '5.9': ['the host’s network namespace is not shared', (seen) => host(seen).NetworkMode !== 'host'],
  '5.10': ['memory is limited, and swap adds nothing', (seen) => limited(host(seen))],
  '5.11': ['CPU priority is set', (seen) => host(seen).CpuShares > 0 && host(seen).CpuShares < 1024],
  '5.12': ['the root file system is read-only', (seen) => host(seen).ReadonlyRootfs],
  '5.13': [
    'incoming traffic is bound to a chosen interface: there is none',
    (seen) => Object.keys(host(seen).PortBindings ?? {}).length === 0,
  ],
  '5.14': [
    'nothing restarts by itself without bound',
    (seen) => ['', 'no'].includes(host(seen).RestartPolicy.Name),
  ],
  '5.15': ['the host’s process namespace is not shared', (seen) => privateOr(host(seen).PidMode)],
  '5.16': ['the host’s IPC namespace is not shared', (seen) => host(seen).IpcMode === 'private'],
  '5.17': [
    'no device of the host is exposed',
    (seen) => (host(seen).Devices ?? []).length + (host(seen).DeviceRequests ?? []).length === 0,
  ],
  '5.18': [
    'limits of files and core dumps are ours, not the engine’s defaults',
    (seen) => ['nofile', 'fsize', 'core'].every((name) => host(seen).Ulimits.some((u) => u.Name === name)),
  ],
  '5.19': [
    'mounts do not propagate to the host',
    ({ inspect }) => inspect.Mounts.every(({ Propagation }) => !Propagation.includes('shared')),
  ],
  '5.20': ['the host’s UTS namespace is not shared', (seen) => privateOr(host(seen).UTSMode)],
  '5.21': [
    'the default seccomp profile is on',
    (seen) =>
      seen.engine.some((option) => /^name=seccomp,profile=(default|builtin)/.test(option)) &&
      !(host(seen).SecurityOpt ?? []).some((option) => option.startsWith('seccomp')) &&
      /^Seccomp:\s+2$/m.test(seen.status),
  ],
  '5.24': [
    'the cgroup is the engine’s own choice, and the container sees no other',
    (seen) => host(seen).CgroupParent === '' && host(seen).CgroupnsMode === 'private',
  ],
  '5.25': [
    'no process gains privileges',
    (seen) =>
      (host(seen).SecurityOpt ?? []).some((option) => /^no-new-privileges(:true)?$/.test(option)) &&
      /^NoNewPrivs:\s+1$/m.test(seen.status),
  ],
  '5.28': [
    'the number of processes is limited',
    (seen) => host(seen).PidsLimit > 0 && host(seen).PidsLimit <= 4096,
  ],
  '5.29': [
    'the engine’s default bridge is not used',
    ({ inspect }) => !['bridge', 'default'].some((name) => name in inspect.NetworkSettings.Networks),
  ],
  '5.30': [
    'the host’s user namespace is not asked for',
    (seen) =>
      seen.engine.some((option) => option.startsWith('name=userns')) || host(seen).UsernsMode !== 'host',
  ],
  '5.31': [
    'no socket of a container engine is mounted',
    ({ inspect }) =>
      inspect.Mounts.every(
        ({ Source, Destination }) => !/(docker|podman|containerd|crio)[^/]*\.sock/.test(Source + Destination),
      ),
  ],
};
/** Of 5.1 to 5.31: those that are not an assertion here. docs/security.md says why. */
const EXCEPTIONS = ['5.2', '5.22', '5.23', '5.26', '5.27'];

function limited({ Memory, MemorySwap, OomKillDisable }: Seen['inspect']['HostConfig']): boolean {
  return Memory > 0 && MemorySwap === Memory && OomKillDisable !== true;
}

describe('the CIS list', () => {
  it('has every number of the section, as a check or as an exception that docs/security.md explains', () => {
    const all = Array.from({ length: 31 }, (_, n) => `5.${n + 1}`);
    expect([...Object.keys(CHECKS), ...EXCEPTIONS].sort()).toEqual([...all].sort());
    const page = readFileSync(path.join(ROOT, 'docs/security.md'), 'utf8');
    const explained = [...page.matchAll(/^\| (5\.\d+) \|/gm)].map(([, number]) => number);
    expect(explained.sort()).toEqual([...EXCEPTIONS].sort());
  });
});

describe.skipIf(whyNot).each(['sockets', 'bridge'] as const)(
  `CIS section 5, agents reached by %s${whyNot ? ` (skipped: ${whyNot})` : ''}`,
  (reach) => {
    const engine = testEngine();
    const home = new TestHome();
    let runtime: DockerRuntime;
    let seen: Seen;

    beforeAll(async () => {
      runtime = createDockerRuntime({
        engine: testEngine(),
        instanceId: home.instanceId,
        image: TEST_IMAGE,
        projectRoot: home.dir,
        stateDir: path.join(home.dir, 'data/run'),
        reach,
      });
      await runtime.prepare();
      const isMain = { isMain: true, projectDir: home.dir };
      const { id } = await runtime.launch(home.launch('main', 'sleep 600 & wait\n', isMain));
      const raw = await engine.json({ method: 'GET', path: `/containers/${id}/json` });
      seen = {
        inspect: inspectSchema.parse(raw),
        engine: (await engine.info()).SecurityOptions,
        status: (await engine.exec(id, ['cat', '/proc/self/status'])).stdout,
        processes: (await engine.exec(id, ['ps', 'ax'])).stdout,
      };
    });
    afterAll(async () => {
      await Promise.all((await runtime.list()).map((container) => container.remove()));
      await runtime.close();
      await removeNetworks(engine, home.instanceId);
      engine.close();
      home.dispose();
    });

    it.each(Object.entries(CHECKS))('%s: %o', (_, [meaning, holds]) => {
      expect(holds(seen), `${meaning}: ${JSON.stringify(seen, null, 1)}`).toBe(true);
    });

    it('beyond the list: an ordinary user, kernel files masked, no core dumps', () => {
      expect(seen.inspect.Config.User).toMatch(/^[1-9]\d*:[1-9]\d*$/);
      expect(seen.inspect.HostConfig.MaskedPaths).toContain('/proc/kcore');
      expect(seen.inspect.HostConfig.ReadonlyPaths).toContain('/proc/sys');
      expect(seen.inspect.HostConfig.Ulimits).toContainEqual({ Name: 'core', Soft: 0, Hard: 0 });
    });
  },
);
