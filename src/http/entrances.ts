/** The ways into a proxy: one door for each agent, or one address for all where sockets cannot be used. */
import type { Server } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import { type Door, type DoorLimits, openDoor } from './door.ts';
import { listenTcp, type TcpListening } from './listener.ts';
import type { TokenHolder } from './proxy-token.ts';

/** Connections at one address, whoever they are from. */
const MOST_CONNECTIONS = 1024;

export interface EntrancesOptions {
  clock: Clock;
  doorLimits: DoorLimits | undefined;
  /** A server for this owner's door; null: for whoever shows a token. */
  newServer: (owner: TokenHolder | null) => Server;
  /** A door had to be closed for a while. */
  onFlood: (owner: TokenHolder, reason: string) => void;
}

export interface Entrances {
  listen(host: string, port: number): Promise<TcpListening>;
  openDoor(owner: TokenHolder, path: string): Promise<Door>;
  /** All of them. Connections that are open are the caller's. */
  close(): Promise<void>;
}

export function createEntrances(options: EntrancesOptions): Entrances {
  const open = new Set<{ close(): Promise<void> }>();
  return {
    async listen(host, port) {
      const server = options.newServer(null);
      server.maxConnections = MOST_CONNECTIONS;
      const listening = await listenTcp(server, host, port);
      open.add(listening);
      return listening;
    },
    async openDoor(owner, path) {
      const flooded = (reason: string) => options.onFlood(owner, reason);
      const door = await openDoor(options.newServer(owner), path, options.clock, flooded, options.doorLimits);
      open.add(door);
      return {
        close() {
          open.delete(door);
          return door.close();
        },
      };
    },
    async close() {
      const closing = [...open].map((entrance) => entrance.close());
      open.clear();
      await Promise.all(closing);
    },
  };
}
