/**
 * A container's own door to a proxy: a unix socket that is mounted into no other container, with bounds of its own.
 * Whoever floods it stands in nobody's way but its own: connections beyond `connections` at once are dropped, and
 * when they come faster than `rate` the door is closed for a while, so that a flood costs the daemon next to nothing.
 * What is open stays open meanwhile.
 */
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { basename, dirname } from 'node:path';
import type { Clock, Timer } from '../lib/clock.ts';
import { createTokenBucket, type Rate } from '../lib/token-bucket.ts';
import { listenSocket, stop } from './listener.ts';

export interface DoorLimits {
  /** Open at once. */
  connections: number;
  /** New ones. */
  rate: Rate;
  /** How long the door stays closed after a flood. */
  closedMs: number;
}

export const DOOR_LIMITS: DoorLimits = {
  connections: 128,
  rate: { perSecond: 50, burst: 256 },
  closedMs: 2000,
};

/** For every server of agents: what is slow or half-open is looked at often enough to matter. */
export const SERVER_LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 300_000,
  keepAliveTimeout: 60_000,
  connectionsCheckingInterval: 2000,
  maxHeaderSize: 64 * 1024,
} as const;

export interface Door {
  /** Idempotent. Cuts what is open and removes the socket. */
  close(): Promise<void>;
}

/** Who connects is judged by the door and the token, not by the file's mode: the agent's uid is not the daemon's. */
const SOCKET_MODE = 0o666;

/** The kernel's limit for a socket's path, bytes. */
const LONGEST_PATH = 107;

/** A home may lie deep: then the socket is reached through its open folder. `done` closes that. Linux only. */
function within(file: string): { path: string; done(): void } {
  if (Buffer.byteLength(file) <= LONGEST_PATH) return { path: file, done() {} };
  const folder = openSync(dirname(file), constants.O_RDONLY | constants.O_DIRECTORY);
  let open = true;
  return {
    path: `/proc/self/fd/${folder}/${basename(file)}`,
    done() {
      if (open) closeSync(folder);
      open = false;
    },
  };
}

/** Replaces a socket that lies at `file`. `onFlood` is told once per flood. */
export async function openDoor(
  server: Server,
  file: string,
  clock: Clock,
  onFlood: (reason: string) => void,
  limits: DoorLimits = DOOR_LIMITS,
): Promise<Door> {
  const mayConnect = createTokenBucket(clock, limits.rate);
  const { path, done } = within(file);
  let reopening: Timer | null = null;
  let closed = false;

  const reopen = (): void => {
    reopening = null;
    listenSocket(server, path, SOCKET_MODE).then(
      () => {
        if (closed) void shut();
      },
      () => {
        if (!closed) reopening = clock.after(limits.closedMs, reopen);
      },
    );
  };
  const arrived = (): void => {
    if (mayConnect() || closed || reopening) return;
    onFlood(`more than ${limits.rate.perSecond} new connections a second`);
    server.close();
    reopening = clock.after(limits.closedMs, reopen);
  };
  const shut = async (): Promise<void> => {
    await stop(server, 0);
    rmSync(file, { force: true });
    done();
  };

  server.maxConnections = limits.connections;
  server.on('connection', arrived).on('drop', arrived);
  try {
    await listenSocket(server, path, SOCKET_MODE);
  } catch (error) {
    done();
    throw error;
  }
  return {
    close() {
      closed = true;
      reopening?.cancel();
      return shut();
    },
  };
}
