/**
 * A TCP relay whose link can go bad in the ways that look like nothing at all: connections stay open and are accepted,
 * and no byte comes through. After pg-boss' halfOpenProxy.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** `dead`: nothing passes. `deaf`: requests arrive at the other side, and no answer comes back. */
export type LinkState = 'open' | 'dead' | 'deaf';

export interface HalfOpenProxy {
  readonly url: string;
  /** Going back to `open` cuts the connections that were opened meanwhile or before: what they held back is gone. */
  set(state: LinkState): void;
  close(): Promise<void>;
}

/** Between whoever is given its url and `upstream`, an http:// address. */
export async function startHalfOpenProxy(upstream: string): Promise<HalfOpenProxy> {
  const { hostname, port } = new URL(upstream);
  const sockets = new Set<Socket>();
  let state: LinkState = 'open';

  function relay(from: Socket, to: Socket, passes: () => boolean): void {
    sockets.add(from);
    from.on('data', (bytes) => {
      if (passes()) to.write(bytes);
    });
    from.on('error', () => {});
    from.on('close', () => {
      sockets.delete(from);
      // A dead link does not tell either side that the other has gone.
      if (state === 'open') to.destroy();
    });
  }

  const server = createServer((client) => {
    const remote = connect(Number(port), hostname);
    relay(client, remote, () => state !== 'dead');
    relay(remote, client, () => state === 'open');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    set(next) {
      state = next;
      if (next === 'open') cut();
    },
    async close() {
      cut();
      await new Promise<void>((closed) => server.close(() => closed()));
    },
  };
}
