/** The drill's lines about privileges and limits. */
import { z } from 'zod';
import { DEFAULT_LIMITS } from '../../runtime/docker-spec.ts';
import { attack, bad, idOf, some } from './drill-line.ts';
import { ATTACKER, type DrillWorld } from './drill-world.ts';
import { type Finding, ok } from './finding.ts';
import { fillMemory } from './probe.ts';

export async function privileges(world: DrillWorld): Promise<Finding> {
  const id = 'privileges';
  const { uid, status, uidMap } = await attack(world, 'facts', {});
  const wrong: string[] = [];
  // Where the container's root is an ordinary user of the host (a rootless engine), uid 0 is nobody special.
  if (uid === 0 && /^\s*0\s+0\s/m.test(uidMap)) wrong.push('it runs as root');
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
    if (!new RegExp(`^${set}:\\s+0+$`, 'm').test(status)) wrong.push(`it has capabilities (${set})`);
  if (!/^NoNewPrivs:\s+1$/m.test(status)) wrong.push('it may gain privileges');
  if (!/^Seccomp:\s+2$/m.test(status)) wrong.push('no seccomp filter is on');
  if (wrong.length > 0) return bad(id, `The agent is not unprivileged: ${some(wrong)}.`);
  return ok(id, `It runs as user ${uid}, without capabilities, unable to gain any, under a seccomp filter.`);
}

export async function fileSize(world: DrillWorld): Promise<Finding> {
  const id = 'file-size';
  const limit = DEFAULT_LIMITS.fileMb * 1024 * 1024;
  const { stopped } = await attack(world, 'fileSize', { bytes: limit + 1 });
  if (stopped === null) return bad(id, `A file may grow past ${DEFAULT_LIMITS.fileMb} MiB.`);
  return ok(id, `No file of it grows past ${DEFAULT_LIMITS.fileMb} MiB (${stopped}).`);
}

export async function pids(world: DrillWorld): Promise<Finding> {
  const id = 'pids';
  const limit = DEFAULT_LIMITS.pids;
  const { started, stopped } = await attack(world, 'pids', { most: limit + 64 });
  if (stopped === null)
    return bad(id, `It started ${started} processes, and nothing stopped it at ${limit}.`);
  return ok(id, `It was stopped after ${started} processes (the limit is ${limit}).`);
}

const limitsSchema = z.object({
  HostConfig: z.object({ NanoCpus: z.number(), Memory: z.number(), MemorySwap: z.number() }),
});

export async function cpu(world: DrillWorld): Promise<Finding> {
  const id = 'cpu';
  const container = idOf(world, ATTACKER);
  const raw = await world.engine.json({ method: 'GET', path: `/containers/${container}/json` });
  const { NanoCpus } = limitsSchema.parse(raw).HostConfig;
  // What the kernel holds it to, in either version of control groups.
  const script =
    'cat /sys/fs/cgroup/cpu.max 2>/dev/null || echo $(cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us)';
  const { stdout } = await world.engine.exec(container, ['sh', '-c', script]);
  const [quota = Number.NaN, period = Number.NaN] = stdout.trim().split(/\s+/).map(Number);
  const cpus = quota / period;
  if (NanoCpus === 0 || !(cpus > 0 && cpus <= world.config.containerCpus + 0.01))
    return bad(
      id,
      `It is not held to ${world.config.containerCpus} processors (the kernel says "${stdout.trim()}").`,
    );
  return ok(id, `It is held to ${cpus} processors.`);
}

export async function memory(world: DrillWorld): Promise<Finding> {
  const id = 'memory';
  const limit = world.config.containerMemoryMb;
  const { code, reachedMb } = await fillMemory(world.engine, idOf(world, ATTACKER), Math.ceil(limit * 1.25));
  if (code !== 137)
    return bad(
      id,
      `It filled ${reachedMb} MiB, and nothing stopped it at ${limit} (it ended with code ${code}).`,
    );
  return ok(id, `What filled memory was killed at ${reachedMb} MiB (the limit of the drill is ${limit}).`);
}
