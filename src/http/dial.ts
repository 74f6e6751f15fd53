/** Connections of the forward proxy: to addresses that were judged, and both ways between two sockets. */
import net, { type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Duplex } from 'node:stream';

/** To the first of the addresses that answers; each is given `timeoutMs`. Rejects with what the last one said. */
export async function dialFirst(
  addresses: readonly string[],
  port: number,
  timeoutMs: number,
): Promise<Socket> {
  for (const address of addresses.slice(0, -1)) {
    const socket = await dial(address, port, timeoutMs).catch(() => null);
    if (socket) return socket;
  }
  return dial(addresses.at(-1) ?? '', port, timeoutMs);
}

function dial(host: string, port: number, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, noDelay: true, allowHalfOpen: true });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('timeout')));
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.removeListener('error', reject);
      resolve(socket);
    });
  });
}

/** Both directions until both have ended, one breaks, or nothing moves. The idle timer sees either direction. */
export function joined(client: Duplex, remote: Socket, idleTimeoutMs: number): void {
  const end = () => {
    client.destroy();
    remote.destroy();
  };
  remote.setTimeout(idleTimeoutMs, end);
  remote.on('error', end);
  client.on('error', end);
  client.once('close', end);
  remote.once('close', end);
  client.pipe(remote);
  remote.pipe(client);
}

/** Of this host, as of now, with the length of their networks where known. */
export function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map((each) => each.cidr ?? each.address),
  );
}
