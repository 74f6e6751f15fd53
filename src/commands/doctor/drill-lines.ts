/** The lines of the drill: each tries one thing from inside a container and judges what came of it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { usualSockets } from '../../docker/engine-address.ts';
import { DEFAULT_LIMITS } from '../../runtime/docker-spec.ts';
import { ATTACKER, type DrillWorld, VICTIM } from './drill-world.ts';
import { type Finding, ok } from './finding.ts';
import { fillMemory, type ProbeSteps, probe } from './probe.ts';

/** Without the fix, which comes from the table in drill.ts. */
const bad = (id: string, seen: string): Finding => ({ id, state: 'fail', seen });
const some = (list: readonly string[]): string =>
  list.slice(0, 5).join(', ') + (list.length > 5 ? ` and ${list.length - 5} more` : '');

export const idOf = (world: DrillWorld, folder: string): string => {
  const id = world.containers[folder];
  if (id === undefined) throw new Error(`the group ${folder} has no container`);
  return id;
};
const attack = <S extends keyof ProbeSteps>(
  world: DrillWorld,
  step: S,
  given: ProbeSteps[S]['given'],
  folder: string = ATTACKER,
) => probe(world.engine, idOf(world, folder), step, given);

/** Where an agent may write; all of it is the container's own or the group's. */
const OWN = ['/workspace/group', '/workspace/ipc/out', '/home/agent'];
const SCRATCH = ['/tmp', '/dev/shm', '/dev/mqueue'];

export async function ownFolder(world: DrillWorld): Promise<Finding> {
  const id = 'own-folder';
  const host = path.join(world.config.home, 'groups', ATTACKER, 'from-host.txt');
  writeFileSync(host, 'host');
  const script =
    'cat from-host.txt > from-agent.txt && mkdir -p sub && echo x > sub/y && touch "$HOME/z" /workspace/ipc/out/.staging/z && rm -r sub "$HOME/z" /workspace/ipc/out/.staging/z';
  const { code, stderr } = await world.engine.exec(idOf(world, ATTACKER), [
    'sh',
    '-c',
    `cd /workspace/group && ${script}`,
  ]);
  const back = path.join(world.config.home, 'groups', ATTACKER, 'from-agent.txt');
  if (code !== 0 || !existsSync(back) || readFileSync(back, 'utf8') !== 'host')
    return bad(
      id,
      `The agent cannot work in its own folder: ${stderr.trim() || 'what it wrote did not arrive'}.`,
    );
  return ok(id, 'The agent reads and writes its own folder, and the host sees what it wrote.');
}

export async function otherPlaces(world: DrillWorld): Promise<Finding> {
  const id = 'other-places';
  const { folders, files, visited } = await attack(world, 'write', {});
  const wrong = [...folders.filter((each) => ![...OWN, ...SCRATCH].includes(each)), ...files];
  const missing = OWN.filter((each) => !folders.includes(each));
  if (wrong.length > 0) return bad(id, `It can write where it should not: ${some(wrong)}.`);
  if (missing.length > 0)
    return bad(id, `The look itself did not work: ${some(missing)} should be writable.`);
  return ok(id, `Of ${visited} folders it can write its own only, and memory-backed scratch space.`);
}

/** Nothing of these words can be found or opened from inside. */
async function hidden(
  world: DrillWorld,
  id: string,
  what: string,
  words: readonly string[],
  paths: readonly string[],
  folder?: string,
): Promise<Finding> {
  // The control: what does stand in the group's own folder must be found, or the search proves nothing.
  const control = `drill-control-${world.instanceId}`;
  writeFileSync(path.join(world.config.home, 'groups', folder ?? ATTACKER, 'control.txt'), control);
  const { hits: seen } = await attack(world, 'search', { words: [control] }, folder);
  if (!seen.some((hit) => hit.endsWith('/control.txt')))
    return bad(id, 'The search did not find what it should have found, so it proves nothing.');
  const { hits, files } = await attack(world, 'search', { words: [...words] }, folder);
  if (hits.length > 0) return bad(id, `${what} can be read in ${some(hits)}.`);
  const tries = paths.flatMap((each) => [each, `/proc/1/root${each}`, `/workspace/group/../../..${each}`]);
  const { opened } = await attack(world, 'read', { paths: tries }, folder);
  if (opened.length > 0) return bad(id, `${what} can be opened at ${some(opened)}.`);
  return ok(id, `${what} cannot be found in ${files} files and processes, nor opened by its path.`);
}

export const otherGroup = (world: DrillWorld): Promise<Finding> =>
  hidden(
    world,
    'other-group',
    'What belongs to another group (its files, session and mailbox)',
    [world.canaries.file, world.canaries.session, world.canaries.mailbox],
    [
      ...world.secretPaths.filter((each) => each.includes(`/${VICTIM}/`)),
      path.join(world.config.home, 'data/nanoclaw.db'),
    ],
  );

export const envFile = (world: DrillWorld): Promise<Finding> =>
  hidden(
    world,
    'env-file',
    'What stands in .env',
    [world.canaries.env],
    [path.join(world.config.home, '.env'), '/workspace/.env', '/workspace/project/.env'],
  );

export const allowlist = (world: DrillWorld): Promise<Finding> =>
  hidden(
    world,
    'allowlist',
    'The mount allowlist',
    [world.canaries.allowlist],
    [path.join(world.config.configDir, 'mount-allowlist.json')],
  );

export async function secrets(world: DrillWorld): Promise<Finding> {
  const { engine, canaries, config } = world;
  const id = 'secrets';
  const found = await hidden(world, id, 'The model’s credential', [canaries.credential], []);
  if (found.state !== 'ok') return found;
  const places: [where: string, text: string][] = [];
  for (const container of Object.values(world.containers)) {
    const inspect = await engine.json({ method: 'GET', path: `/containers/${container}/json` });
    places.push(['docker inspect', JSON.stringify(inspect)]);
    places.push(['docker logs', await engine.logsTail(container, 1 << 20)]);
  }
  const image = encodeURIComponent(config.containerImage);
  const history = await engine.json({ method: 'GET', path: `/images/${image}/history` });
  places.push(['docker history', JSON.stringify(history)]);
  places.push(['nanoclaw.log', readFileSync(path.join(config.home, 'nanoclaw.log'), 'utf8')]);
  const words = [canaries.credential, canaries.env];
  const wrong = places
    .filter(([, text]) => words.some((word) => text.includes(word)))
    .map(([where]) => where);
  if (wrong.length > 0) return bad(id, `A secret of the host stands in ${some([...new Set(wrong)])}.`);
  return ok(
    id,
    'The credential is in no environment, process, file or argument, nor in inspect, image history or logs.',
  );
}

export async function mainView(world: DrillWorld): Promise<Finding> {
  const { canaries, engine } = world;
  const id = 'main-view';
  const words = [canaries.env, canaries.credential, canaries.allowlist, canaries.session, canaries.backup];
  for (const folder of [ATTACKER, VICTIM]) {
    const token = /HTTP_PROXY=http:\/\/agent:([^@]+)@/.exec(
      JSON.stringify(await engine.json({ method: 'GET', path: `/containers/${idOf(world, folder)}/json` })),
    )?.[1];
    if (token) words.push(token);
  }
  const names = [
    '.env',
    'data/backups/drill.db',
    `data/sessions/${VICTIM}/session.json`,
    'data/run/resolv.conf',
  ];
  const paths = names.map((name) => `/workspace/project/${name}`);
  const found = await hidden(world, id, 'A secret of the project', words, paths, 'main');
  if (found.state !== 'ok') return found;
  const { opened } = await attack(world, 'read', { paths: ['/workspace/project/data/nanoclaw.db'] }, 'main');
  if (opened.length === 0) return bad(id, 'Main does not see the database it should see.');
  const { folders, files } = await attack(world, 'write', {}, 'main');
  const wrong = [...folders, ...files].filter((each) => each.startsWith('/workspace/project'));
  if (wrong.length > 0) return bad(id, `Main can write ${some(wrong)}.`);
  return ok(
    id,
    'Main sees the project read-only, without .env, the allowlist, sessions, backups and the tokens of containers.',
  );
}

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

export async function engineSocket(world: DrillWorld): Promise<Finding> {
  const id = 'engine-socket';
  const sockets = [
    ...new Set([...usualSockets(world.config.engine), '/run/docker.sock', '/run/containerd/containerd.sock']),
  ];
  const script = `for s in ${sockets.map((each) => `'${each}'`).join(' ')}; do [ -e "$s" ] && echo "$s"; done; true`;
  const { stdout } = await world.engine.exec(idOf(world, ATTACKER), ['sh', '-c', script]);
  if (stdout.trim()) return bad(id, `The engine’s socket is in the container: ${stdout.trim()}.`);
  return ok(id, 'No socket of a container engine is there.');
}

export async function hostServices(world: DrillWorld): Promise<Finding> {
  const id = 'host-services';
  const { services, addresses } = world;
  const names = ['host.docker.internal', 'gateway.docker.internal', 'localhost', '127.0.0.1'];
  const ports = [services.loopback, services.everywhere, services.daemon];
  const targets = [...addresses, ...names].flatMap((host) =>
    ports.map((port): [string, number] => [host, port]),
  );
  const { results } = await attack(world, 'connect', { targets });
  const reached = targets
    .filter((_, index) => results[index] === 'connected')
    .map((target) => target.join(':'));
  if (reached.length > 0) return bad(id, `It reaches services of the host: ${some(reached)}.`);
  const through = targets.map((target) => target.join(':'));
  const answers = await attack(world, 'proxy', { targets: through });
  const connected = through.filter((_, index) => answers.results[index]?.startsWith('2'));
  if (connected.length > 0)
    return bad(id, `The daemon’s proxy connects it to services of the host: ${some(connected)}.`);
  if (world.visits.length > 0) return bad(id, `A service of the host was reached: ${some(world.visits)}.`);
  return ok(
    id,
    `Of the host’s services (${targets.length} addresses tried, directly and by the proxy) it reaches none.`,
  );
}

export async function metadata(world: DrillWorld): Promise<Finding> {
  const id = 'metadata';
  const hosts = ['169.254.169.254', '169.254.170.2', '100.100.100.200', 'fd00:ec2::254'];
  const { results } = await attack(world, 'connect', {
    targets: hosts.map((host): [string, number] => [host, 80]),
  });
  const reached = hosts.filter((_, index) => results[index] === 'connected');
  const targets = [...hosts.slice(0, 3).map((host) => `${host}:80`), '[fd00:ec2::254]:80'];
  const proxied = await attack(world, 'proxy', { targets });
  // Refused by rule; another answer would mean that it was tried.
  const tried = targets.filter((_, index) => proxied.results[index] !== '403');
  if (reached.length > 0) return bad(id, `It reaches metadata addresses: ${some(reached)}.`);
  if (tried.length > 0)
    return bad(
      id,
      `The daemon’s proxy does not refuse metadata addresses: ${some(tried.map((each) => `${each} (${proxied.results[targets.indexOf(each)]})`))}.`,
    );
  return ok(
    id,
    'Addresses that give away a cloud machine’s credentials are refused, directly and by the proxy.',
  );
}

export async function internet(world: DrillWorld): Promise<Finding> {
  const id = 'internet';
  const outside: [string, number][] = [
    ['1.1.1.1', 443],
    ['8.8.8.8', 53],
    ['2606:4700:4700::1111', 443],
  ];
  for (const folder of [ATTACKER, VICTIM, 'main']) {
    const { results } = await attack(world, 'connect', { targets: outside }, folder);
    const reached = outside.filter((_, index) => results[index] === 'connected').map(([host]) => host);
    if (reached.length > 0) return bad(id, `It reaches the internet past the daemon: ${some(reached)}.`);
  }
  const none = await attack(world, 'proxy', { targets: ['example.com:443', '1.1.1.1:443'] }, VICTIM);
  const listed = await attack(
    world,
    'proxy',
    { targets: ['example.com:443', 'sub.allowed.example:443'] },
    'main',
  );
  const answers = [...none.results, ...listed.results];
  if (answers.some((answer) => answer !== '403'))
    return bad(
      id,
      `A group with the policy none or allowlist is not refused by the proxy: it answered ${some(answers)}.`,
    );
  return ok(
    id,
    'There is no way out but the daemon’s proxy, which refuses what the policies none and allowlist leave out.',
  );
}

const networkSchema = z.object({
  NetworkSettings: z.object({
    Networks: z.record(z.string(), z.object({ IPAddress: z.string().default('') })).nullish(),
  }),
});

export async function otherContainer(world: DrillWorld): Promise<Finding> {
  const id = 'other-container';
  const { engine } = world;
  const victim = idOf(world, VICTIM);
  const raw = networkSchema.parse(await engine.json({ method: 'GET', path: `/containers/${victim}/json` }));
  const addresses = Object.values(raw.NetworkSettings.Networks ?? {})
    .map((network) => network.IPAddress)
    .filter((address) => address !== '');
  // The victim listens, so that a connection would succeed if there were a way.
  const port = 18_790;
  const script = `require('net').createServer((s)=>s.end()).listen(${port},'0.0.0.0',()=>{console.log('up');setTimeout(()=>process.exit(),15000)})`;
  void engine.exec(victim, ['node', '-e', script]).catch(() => {});
  const hosts = [...addresses, '127.0.0.1', VICTIM, world.containers[VICTIM]?.slice(0, 12) ?? VICTIM];
  const self = await listening(world, VICTIM, port);
  if (!self) return bad(id, 'The other container could not be made to listen, so nothing is proven.');
  const { results } = await attack(world, 'connect', {
    targets: hosts.map((host): [string, number] => [host, port]),
  });
  const reached = hosts.filter((_, index) => results[index] === 'connected');
  if (reached.length > 0) return bad(id, `It reaches another group’s container at ${some(reached)}.`);
  return ok(
    id,
    `Another group’s container, which listens, cannot be reached${addresses.length === 0 ? ': it has no network' : ''}.`,
  );
}

async function listening(world: DrillWorld, folder: string, port: number): Promise<boolean> {
  for (let tries = 0; tries < 20; tries += 1) {
    const { results } = await attack(world, 'connect', { targets: [['127.0.0.1', port]] }, folder);
    if (results[0] === 'connected') return true;
  }
  return false;
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
