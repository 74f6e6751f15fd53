/** Listening and stopping, the same for both proxies: TCP or a unix socket, and a stop that does not wait for streams. */
import { chmod, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { NanoClawError } from '../errors.ts';

export interface TcpAddress {
  host: string;
  port: number;
}

export interface TcpListening extends TcpAddress {
  /** Idempotent; cuts what is open. */
  close(): Promise<void>;
}

/** Port 0 takes any free one. Throws PORT_IN_USE. */
export async function listenTcp(server: Server, host: string, port: number): Promise<TcpListening> {
  await listening(server, () => server.listen({ host, port, exclusive: true }), `${host}:${port}`);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP listener');
  return { host: address.address, port: address.port, close: () => stop(server, 0) };
}

/** Replaces a socket left by a daemon that is gone. `mode` says who may connect. */
export async function listenSocket(server: Server, path: string, mode: number): Promise<void> {
  await rm(path, { force: true });
  await listening(server, () => server.listen(path), path);
  await chmod(path, mode);
}

/** Idempotent. Ends what is open after `graceMs`. */
export function stop(server: Server, graceMs: number): Promise<void> {
  if (!server.listening) {
    server.closeAllConnections();
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function listening(server: Server, listen: () => void, where: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      server.removeListener('listening', ready);
      const used = error.code === 'EADDRINUSE';
      reject(used ? new NanoClawError('PORT_IN_USE', `${where} is in use.`, { cause: error }) : error);
    };
    const ready = () => {
      server.removeListener('error', failed);
      resolve();
    };
    server.once('error', failed).once('listening', ready);
    listen();
  });
}
