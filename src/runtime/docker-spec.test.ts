import { describe, expect, it } from 'vitest';
import { agentEnvironmentSchema } from '../protocol/environment.ts';
import type { Folder } from '../types.ts';
import type { AgentLaunch } from './agent-runtime.ts';
import { agentEnvironment, containerSpec, DEFAULT_LIMITS, type SpecContext } from './docker-spec.ts';

const launch: AgentLaunch = {
  name: 'nanoclaw-a-00000000',
  folder: 'a' as Folder,
  isMain: false,
  provider: 'claude',
  groupDir: '/home/n/groups/a',
  globalDir: '/home/n/groups/global',
  mailboxDir: '/home/n/data/ipc/a',
  homeDir: '/home/n/data/sessions/a',
  projectDir: null,
  extraMounts: [
    { name: 'notes', hostPath: '/srv/notes', writable: false, identity: '1:2' },
    { name: 'drop', hostPath: '/srv/drop', writable: true, identity: '1:3' },
  ],
  token: 'own-token',
  modelUrl: 'http://10.0.0.1:8787',
  timezone: 'Europe/Berlin',
};
const context: SpecContext = {
  image: 'nanoclaw-agent:latest',
  instanceId: 'i',
  user: { uid: 1000, gid: 1000 },
  limits: { ...DEFAULT_LIMITS, memoryMb: 512, cpus: 1.5 },
  idleExitMs: 1000,
  sweepMs: 50,
  network: 'nanoclaw-i',
  resolvConf: '/run/resolv.conf',
  hosts: '/run/hosts',
  extraHosts: [],
  proxyUrl: null,
  selinux: false,
  usernsRemap: false,
  projectView: null,
  sockets: null,
};

describe('containerSpec', () => {
  it('hardens every agent', () => {
    const spec = containerSpec(launch, context);
    expect(spec).toMatchObject({ User: '1000:1000', Tty: false, StopTimeout: 2 });
    expect(spec.HostConfig).toMatchObject({
      Init: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      Privileged: false,
      IpcMode: 'private',
      CgroupnsMode: 'private',
      CpuShares: 512,
      OomScoreAdj: 500,
      Memory: 512 * 1024 * 1024,
      MemorySwap: 512 * 1024 * 1024,
      NanoCpus: 1_500_000_000,
      PidsLimit: 512,
      RestartPolicy: { Name: 'no' },
      AutoRemove: false,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
    });
    expect(Object.keys(spec.HostConfig?.Tmpfs ?? {})).toEqual(['/tmp']);
    // Everything that could undo it is not even asked for.
    for (const key of [
      'CapAdd',
      'Devices',
      'PidMode',
      'UTSMode',
      'CgroupParent',
      'Binds',
      'VolumesFrom',
      'PortBindings',
    ]) {
      expect(spec.HostConfig).not.toHaveProperty(key);
    }
  });

  it('mounts the group’s folders, and only main may write the shared one', () => {
    const mounts = (isMain: boolean) =>
      containerSpec({ ...launch, isMain }, context).HostConfig?.Mounts?.map(
        ({ Source, Target, ReadOnly }) => `${Source} ${Target} ${ReadOnly ? 'ro' : 'rw'}`,
      );
    expect(mounts(false)).toEqual([
      '/home/n/groups/a /workspace/group rw',
      '/home/n/groups/global /workspace/global ro',
      '/home/n/data/ipc/a/in /workspace/ipc/in ro',
      '/home/n/data/ipc/a/out /workspace/ipc/out rw',
      '/home/n/data/sessions/a /home/agent rw',
      '/srv/notes /workspace/extra/notes ro',
      '/srv/drop /workspace/extra/drop rw',
      '/run/resolv.conf /etc/resolv.conf ro',
    ]);
    expect(mounts(true)).toContain('/home/n/groups/global /workspace/global rw');
  });

  it('tells the agent what the protocol names, and the way to the proxy', () => {
    const environment = agentEnvironment(launch, {
      ...context,
      proxyUrl: 'http://c:own-token@10.0.0.1:8788',
    });
    expect(agentEnvironmentSchema.parse(environment)).toMatchObject({
      ANTHROPIC_AUTH_TOKEN: 'own-token',
      HOME: '/home/agent',
    });
    expect(environment).toMatchObject({ TZ: 'Europe/Berlin', NO_PROXY: 'localhost,127.0.0.1,10.0.0.1' });
    expect(environment.https_proxy).toBe(environment.HTTPS_PROXY);
    const offline = agentEnvironment({ ...launch, modelUrl: null, token: null }, context);
    expect(Object.keys(offline).filter((key) => /PROXY|ANTHROPIC/i.test(key))).toEqual([]);
  });

  it('puts the relay before the image’s own command where there is no network', () => {
    const command = ['node', '/app/agent-runner.js'];
    const spec = containerSpec(launch, {
      ...context,
      network: 'none',
      sockets: { dir: '/home/n/data/run/proxy', command },
    });
    expect(spec).toMatchObject({ Entrypoint: ['node', '/run/nanoclaw/relay.mjs'], Cmd: command });
    expect(spec.HostConfig?.NetworkMode).toBe('none');
    // Nor does the engine start a process of its own for a network that is none.
    expect(spec.NetworkDisabled).toBe(true);
    expect(containerSpec(launch, context)).not.toHaveProperty('NetworkDisabled');
    expect(spec.HostConfig?.Mounts).toContainEqual(
      expect.objectContaining({ Source: '/run/hosts', Target: '/etc/hosts', ReadOnly: true }),
    );
    expect(spec.HostConfig?.Mounts).toContainEqual(
      expect.objectContaining({ Source: '/home/n/data/run/proxy', Target: '/run/nanoclaw', ReadOnly: true }),
    );
  });
});
