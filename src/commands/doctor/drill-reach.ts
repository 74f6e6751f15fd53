/** The drill's lines about what can be reached from inside: the engine, the host, the internet, another container. */
import { z } from 'zod';
import { usualSockets } from '../../docker/engine-address.ts';
import { attack, bad, idOf, some } from './drill-line.ts';
import { ATTACKER, type DrillWorld, VICTIM } from './drill-world.ts';
import { type Finding, ok } from './finding.ts';

export async function network({ network }: DrillWorld): Promise<Finding> {
  const id = 'network';
  if (network.enforced) return ok(id, 'Containers have no network but the doors to the daemon’s proxies.');
  return bad(id, `The network rules are NOT enforced here: ${network.reason ?? 'the runtime cannot'}.`);
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
  if (!world.network.enforced)
    return bad(id, 'Directly it reaches nothing, but policies cannot be tried where they are not enforced.');
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
  const script = `require('net').createServer((s)=>s.end()).listen(${port},'0.0.0.0',()=>{console.log('up');setTimeout(()=>process.exit(),60000)})`;
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
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline) {
    const { results } = await attack(world, 'connect', { targets: [['127.0.0.1', port]] }, folder);
    if (results[0] === 'connected') return true;
  }
  return false;
}
