/**
 * The forward proxy: the one way from a container to the public internet.
 *
 * A container shows its own token (Proxy-Authorization, Basic), at its own door. The proxy resolves the name itself, judges every address
 * and connects to the very one it judged, so a name that resolves differently a moment later gains nothing. Never
 * connects to this host, private or special ranges, whatever the group's policy says. The policy is asked for each
 * connection, and again for those that are open when it has changed. CONNECT tunnels and plain http:// requests;
 * nothing is kept, cached or looked into. A refusal is a 403 with one plain line.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Clock, systemClock } from '../lib/clock.ts';
import { http } from '../lib/node-http.ts';
import type { Rate } from '../lib/token-bucket.ts';
import type { Logger } from '../log.ts';
import { dialFirst, interfaceAddresses, joined } from './dial.ts';
import { type Door, type DoorLimits, SERVER_LIMITS } from './door.ts';
import { createEntrances } from './entrances.ts';
import { withoutHopHeaders } from './hop-headers.ts';
import type { TcpListening } from './listener.ts';
import { type ResolveToken, resolveAt, type TokenHolder } from './proxy-token.ts';
import { ownNetworks, whyNotPublic } from './public-address.ts';
import { createRates } from './rates.ts';
import { createRefusalLog } from './refusal-log.ts';
import { resolveHost } from './resolve-host.ts';

export interface EgressProxyOptions {
  resolveToken: ResolveToken;
  /** Null allows; a reason refuses. `host` is lower case without a final dot, a name or an address. Judges the port, too. Must not throw. */
  policy(folder: string, host: string, port: number): string | null;
  log: Logger;
  /** Told of each refusal, for the audit. Must not throw. */
  onRefused?(refusal: { holder: TokenHolder; host: string; port: number; reason: string }): void;
  /** All addresses of a name. Default: by DNS, see resolve-host.ts. */
  resolve?: (host: string) => Promise<string[]>;
  /** Addresses of this host with the length of their networks, never connected to. Default: all its interfaces, as of now. */
  ownAddresses?(): string[];
  /** Judges an address; default whyNotPublic. For tests that have no public internet. */
  judge?(address: string): string | null;
  /** Open connections at once per container. Default 64. */
  maxConnections?: number;
  /** Closes a tunnel without a byte in either direction. Default 5 min. */
  idleTimeoutMs?: number;
  connectTimeoutMs?: number;
  clock?: Clock;
  doorLimits?: DoorLimits;
  /** New connections and requests of one container. Default: 200 at once, then 20 a second. */
  rate?: Rate;
}

export interface EgressProxy {
  /** For all containers, which only their tokens tell apart. */
  listen(host: string, port: number): Promise<TcpListening>;
  /** For `owner` alone: on a unix socket, which replaces one that lies there. Another's token is refused there. */
  openDoor(owner: TokenHolder, path: string): Promise<Door>;
  /** After a change of policies: cuts what is open and no longer allowed. */
  recheck(): void;
  /** Idempotent; cuts open tunnels. */
  close(): Promise<void>;
}

/** A name may have hundreds. */
const MOST_ADDRESSES = 4;
const HANG_UP_MS = 5000;
const RATE: Rate = { perSecond: 20, burst: 200 };

/** A refusal as the client sees it. */
class Refused extends Error {
  readonly status: number;
  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
  }
}

export function createEgressProxy(options: EgressProxyOptions): EgressProxy {
  const resolve = options.resolve ?? resolveHost;
  const ownAddresses = options.ownAddresses ?? interfaceAddresses;
  const judge = options.judge ?? whyNotPublic;
  const maxConnections = options.maxConnections ?? 64;
  const idleTimeoutMs = options.idleTimeoutMs ?? 300_000;
  const connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
  const clock = options.clock ?? systemClock;
  const logRefusal = createRefusalLog(options.log, clock, 'connection_refused');
  const mayAsk = createRates(clock, options.rate ?? RATE);
  const open = new Map<string, number>();
  const sockets = new Map<Duplex, TokenHolder | null>();
  /** What is open, and to where. */
  const admitted = new Map<Duplex | ServerResponse, { folder: string; host: string; port: number }>();

  function holderOf(request: IncomingMessage, owner: TokenHolder | null): TokenHolder {
    const basic =
      /^Basic ([A-Za-z0-9+/=]{1,512})$/i.exec(request.headers['proxy-authorization'] ?? '')?.[1] ?? '';
    const token = Buffer.from(basic, 'base64').toString('latin1').split(':')[1];
    const holder = resolveAt(owner, token || null, options.resolveToken);
    if (!holder) throw new Refused(407, 'no valid token');
    if (mayAsk(holder)) return holder;
    logRefusal(holder, 'too many requests');
    throw new Refused(429, 'too many requests in a short time');
  }

  /** The addresses to connect to, the first that answers. Throws Refused. */
  async function admit(holder: TokenHolder, host: string, port: number): Promise<string[]> {
    const refuse = (status: number, reason: string): Refused => {
      logRefusal(holder, `${host}:${port} refused: ${reason}`);
      options.onRefused?.({ holder, host, port, reason });
      return new Refused(status, reason);
    };
    const policy = options.policy(holder.folder, host, port);
    if (policy !== null) throw refuse(403, policy);
    const found = isIP(host) ? [host] : await resolve(host).catch(() => []);
    if (found.length === 0) throw new Refused(502, 'the name does not resolve');
    // It may have changed while the name was looked up.
    const changed = options.policy(holder.folder, host, port);
    if (changed !== null) throw refuse(403, changed);
    const isOwn = ownNetworks(ownAddresses());
    const judged = found.map((address) => ({
      address,
      why: judge(address) ?? (isOwn(address) ? "this host's own address or network" : null),
    }));
    const addresses = judged.filter(({ why }) => why === null).map(({ address }) => address);
    if (addresses.length > 0) return addresses.slice(0, MOST_ADDRESSES);
    const why = judged.at(-1)?.why ?? '';
    throw refuse(403, `${host} is not on the public internet (${why})`);
  }

  /** Counts the connection against its container until `stream` closes. Throws Refused. */
  function take(holder: TokenHolder, stream: Duplex | ServerResponse): void {
    const count = open.get(holder.container) ?? 0;
    if (count >= maxConnections) {
      logRefusal(holder, `more than ${maxConnections} connections at once`);
      throw new Refused(429, `more than ${maxConnections} connections at once`);
    }
    open.set(holder.container, count + 1);
    stream.once('close', () => {
      const left = (open.get(holder.container) ?? 1) - 1;
      if (left > 0) open.set(holder.container, left);
      else open.delete(holder.container);
    });
  }

  function note(stream: Duplex | ServerResponse, { folder }: TokenHolder, host: string, port: number): void {
    if (stream.destroyed) return;
    admitted.set(stream, { folder, host, port });
    stream.once('close', () => admitted.delete(stream));
  }

  async function tunnel(
    request: IncomingMessage,
    client: Duplex,
    head: Buffer,
    owner: TokenHolder | null,
  ): Promise<void> {
    client.on('error', () => client.destroy());
    sockets.set(client, owner);
    client.once('close', () => sockets.delete(client));
    try {
      const holder = holderOf(request, owner);
      take(holder, client);
      const { host, port } = authority(request.url ?? '', null);
      const addresses = await admit(holder, host, port);
      note(client, holder, host, port);
      const remote = await dialFirst(addresses, port, connectTimeoutMs);
      if (client.destroyed) return void remote.destroy();
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      if (head.length) remote.write(head);
      joined(client, remote, idleTimeoutMs);
    } catch (error) {
      const { status, message } = refusalOf(error);
      const challenge = status === 407 ? 'Proxy-Authenticate: Basic realm="nanoclaw"\r\n' : '';
      const text = `NanoClaw: ${message}\n`;
      client.end(
        `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${challenge}Content-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
      );
      // One that does not hang up holds a place at its door.
      client.resume();
      const hangUp = clock.after(HANG_UP_MS, () => client.destroy());
      client.once('close', () => hangUp.cancel());
    }
  }

  async function plain(
    request: IncomingMessage,
    response: ServerResponse,
    owner: TokenHolder | null,
  ): Promise<void> {
    try {
      const holder = holderOf(request, owner);
      take(holder, response);
      if (!URL.canParse(request.url ?? '')) throw new Refused(400, 'this is a forward proxy');
      const url = new URL(request.url ?? '');
      if (url.protocol !== 'http:') throw new Refused(400, 'only http:// and CONNECT');
      const { host, port } = authority(url.host, 80);
      const addresses = await admit(holder, host, port);
      note(response, holder, host, port);
      const remote = await dialFirst(addresses, port, connectTimeoutMs);
      if (response.destroyed) return void remote.destroy();
      const headers = { ...withoutHopHeaders(request.headers), host: url.host };
      const out = http.request({
        createConnection: () => remote,
        method: request.method,
        path: `${url.pathname}${url.search}`,
        headers,
        timeout: idleTimeoutMs,
      });
      response.on('close', () => out.destroy());
      out.on('timeout', () => out.destroy(new Error('timeout')));
      const answered = new Promise<IncomingMessage>((done, failed) =>
        out.once('response', done).on('error', failed),
      );
      request.on('error', () => out.destroy());
      request.pipe(out);
      const answer = await answered;
      response.writeHead(answer.statusCode ?? 502, withoutHopHeaders(answer.headers));
      response.flushHeaders();
      await pipeline(answer, response);
    } catch (error) {
      if (response.headersSent) return void response.destroy();
      const { status, message } = refusalOf(error);
      const challenge = status === 407 ? { 'proxy-authenticate': 'Basic realm="nanoclaw"' } : {};
      response.writeHead(status, { 'content-type': 'text/plain', connection: 'close', ...challenge });
      response.end(`NanoClaw: ${message}\n`);
    }
  }

  const entrances = createEntrances({
    clock,
    doorLimits: options.doorLimits,
    newServer(owner) {
      const server = http.createServer(SERVER_LIMITS);
      server.on('request', (request, response) => void plain(request, response, owner));
      server.on('connect', (request, client, head) => void tunnel(request, client, head, owner));
      return server;
    },
    onFlood: logRefusal,
  });

  return {
    listen: entrances.listen,
    async openDoor(owner, path) {
      const door = await entrances.openDoor(owner, path);
      return {
        close() {
          for (const [socket, of] of sockets) if (of === owner) socket.destroy();
          return door.close();
        },
      };
    },
    recheck() {
      for (const [stream, { folder, host, port }] of admitted)
        if (options.policy(folder, host, port) !== null) stream.destroy();
    },
    async close() {
      const closing = entrances.close();
      for (const socket of sockets.keys()) socket.destroy();
      await closing;
    },
  };
}

/** "host:port" in one spelling. Only characters that a name or an address can have. Throws Refused. */
function authority(text: string, defaultPort: number | null): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9._-]{1,253}))(?::(\d{1,5}))?$/i.exec(text);
  const host = (match?.[1] ?? match?.[2] ?? '').toLowerCase().replace(/\.$/, '');
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (!host || port === null || port < 1 || port > 65_535) throw new Refused(400, 'not a host and port');
  return { host, port };
}

function refusalOf(error: unknown): Refused {
  return error instanceof Refused ? error : new Refused(502, 'the server cannot be reached');
}
