/**
 * The strictest network: none. The daemon's proxies listen on unix sockets in a folder that is mounted into one
 * container alone; a small relay in there offers them on the container's own loopback. Unlike a bridge, there is no
 * address of the host to try (a service that listens on 0.0.0.0 is reachable over any bridge's gateway), no other
 * container, no firewall or subnet to collide with, and no port that the next daemon has to find free. A folder, not the
 * socket itself, is mounted, so that a container sees the sockets of the next daemon too.
 * Works where engine and daemon share a kernel; not through Docker Desktop's virtual machine.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineAddress } from '../docker/engine-address.ts';
import type { EngineInfo } from '../docker/engine-types.ts';

/** Where the folder appears in a container. */
export const SOCKETS_TARGET = '/run/nanoclaw';
const MODEL_PORT = 8787;
const EGRESS_PORT = 8788;

/** Of one container, as the host sees them: where the daemon opens its doors. */
export interface ContainerSockets {
  dir: string;
  model: string;
  egress: string;
}

export interface ProxySockets {
  /** The folder of all. */
  root: string;
  /** Known from the container's name alone, so that the next daemon finds them again. */
  of(container: string): ContainerSockets;
  /** The same as any container sees its own. */
  modelUrl: string;
  egressHost: string;
}

export function proxySockets(stateDir: string): ProxySockets {
  const root = join(stateDir, 'proxy');
  return {
    root,
    of(container) {
      const dir = join(root, folderName(container));
      return { dir, model: join(dir, 'model.sock'), egress: join(dir, 'egress.sock') };
    },
    modelUrl: `http://127.0.0.1:${MODEL_PORT}`,
    egressHost: `127.0.0.1:${EGRESS_PORT}`,
  };
}

/** Of any name, a short one that can be a folder's. */
const folderName = (container: string): string =>
  createHash('sha256').update(container).digest('hex').slice(0, 12);

/** Null when sockets can be used here. */
export function whyNotSockets(address: EngineAddress, info: EngineInfo): string | null {
  if (process.platform !== 'linux' || /docker desktop/i.test(info.OperatingSystem)) {
    return 'containers run in a virtual machine, which unix sockets do not cross';
  }
  if (address.kind !== 'unix') return 'the engine may run on another machine';
  return null;
}

/** Makes a container's folder with the relay in it; idempotent. A running relay is not disturbed. */
export async function prepareSockets({ dir }: ContainerSockets): Promise<void> {
  await mkdir(dir, { recursive: true });
  await chmod(dir, 0o755);
  const path = join(dir, 'relay.mjs');
  await writeFile(`${path}.new`, RELAY, { mode: 0o644 });
  await rename(`${path}.new`, path);
}

/** Removes the folders of all containers but these. At once, so that none that begins meanwhile is taken along. */
export function removeSocketsBut({ root }: ProxySockets, containers: Iterable<string>): void {
  const kept = new Set([...containers].map(folderName));
  if (!existsSync(root)) return;
  for (const name of readdirSync(root))
    if (!kept.has(name)) rmSync(join(root, name), { recursive: true, force: true });
}

/** The container's command: the relay, which goes on as the image's own where that is a program of Node, and else starts it. */
export const relayEntrypoint = ['node', `${SOCKETS_TARGET}/relay.mjs`];

/**
 * Runs in the container. Ends as the agent ends, and signals reach that; a broken connection closes both of its sides.
 * The agent could kill it, and would only cut itself off.
 */
const RELAY = `// Written by NanoClaw: offers the daemon's proxies on this container's loopback, and runs the agent.
import { spawn } from 'node:child_process';
import net from 'node:net';
import { constants } from 'node:os';

function relay(port, name) {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const daemon = net.connect({ path: '${SOCKETS_TARGET}/' + name, allowHalfOpen: true });
    for (const [one, other] of [[client, daemon], [daemon, client]]) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
      one.pipe(other);
    }
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
}
const listening = Promise.all([relay(${MODEL_PORT}, 'model.sock'), relay(${EGRESS_PORT}, 'egress.sock')]);

const [command, ...args] = process.argv.slice(2);
if (command === 'node' && args[0]?.startsWith('/')) {
  // In this process: a second one would cost the first answer its start, and each container its memory. It asks for nothing before these listen.
  process.argv.splice(1, 2);
  await import(process.argv[1]);
} else {
  await listening;
  const agent = spawn(command, args, { stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => agent.kill(signal));
  agent.on('error', (error) => {
    console.error(error.message);
    process.exit(127);
  });
  agent.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}
`;
