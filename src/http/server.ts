/**
 * The daemon's own HTTP server: its status as JSON for the command line, and whatever is mounted on it (the
 * simulator). Loopback by default, where only requests that name this machine are answered; elsewhere, and wherever a
 * token is set, a guard stands before everything. It changes nothing.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf, NanoClawError } from '../errors.ts';
import { isLoopbackHost } from '../lib/loopback.ts';
import { http } from '../lib/node-http.ts';
import type { Guard } from './guard.ts';
import { sendJson } from './send-json.ts';

/** Handles a request and returns true, or leaves it and returns false. */
export type Handler = (req: IncomingMessage, res: ServerResponse) => boolean;

export interface HttpServer {
  /** e.g. http://127.0.0.1:7420 */
  readonly url: string;
  close(): Promise<void>;
}

export interface HttpServerOptions {
  host: string;
  port: number;
  /** Asked in turn, once a request was let in. */
  handlers: readonly Handler[];
  /** Null on loopback without a token only; the settings see to that. */
  guard: Guard | null;
}

/** Throws PORT_IN_USE. */
export async function startHttpServer({
  host,
  port,
  handlers,
  guard,
}: HttpServerOptions): Promise<HttpServer> {
  const server = http.createServer((req, res) => {
    if (guard) {
      if (!guard.admit(req, res)) return;
    } else if (!isLoopbackHost(hostName(req.headers.host ?? ''))) {
      sendJson(res, 421, { error: 'expected to be asked as localhost' });
      return;
    }
    for (const handle of handlers) if (handle(req, res)) return;
    sendJson(res, 404, { error: 'not found' });
  });
  await listen(server, host, port);
  const address = server.address() as AddressInfo;
  const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${shown}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * A page in somebody's browser can have its own name lead to 127.0.0.1 (DNS rebinding) and would then be let in as if
 * it were ours: so whoever asks must have meant this machine. With a guard no name helps: the cookie is another name's.
 */
const hostName = (header: string): string => header.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new NanoClawError('PORT_IN_USE', `Cannot listen on ${host}:${port}: ${messageOf(error)}.`, {
          fix: 'Stop what uses the port, or choose another HTTP_PORT (0 takes any free one).',
          cause: error,
        }),
      );
    });
    server.listen(port, host, () => resolve());
  });
}
