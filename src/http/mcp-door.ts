/**
 * The door to MCP servers elsewhere: /mcp/<name>, at a container's own door and with its own token. Behind it stands the one address that
 * people have approved under this name for this group, and nothing else: no other path, no redirect, no header of the container's
 * but those of the protocol. Secrets are put in here and never come back. The group's network policy counts, the name is resolved
 * here and the very address that was judged is connected to. Approval and policy are asked for each request, and again for
 * what streams when they have changed. Never logs a header's value or a body.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP, type Socket } from 'node:net';
import tls from 'node:tls';
import { type Clock, systemClock } from '../lib/clock.ts';
import { http } from '../lib/node-http.ts';
import type { Logger } from '../log.ts';
import type { HttpDefinition } from '../mcp/definition.ts';
import { fillHeaders, hostOf, isLocalServer, portOf, type ReadSecrets, whyNotReach } from '../mcp/secrets.ts';
import type { NetworkRules } from '../policy/network.ts';
import { dialFirst, interfaceAddresses } from './dial.ts';
import type { TokenHolder } from './proxy-token.ts';
import { ownNetworks, whyNotPublic } from './public-address.ts';
import { createRefusalLog } from './refusal-log.ts';
import { relayBody } from './relay-body.ts';
import { resolveHost } from './resolve-host.ts';

export interface McpDoorOptions {
  /** What is approved under this name now; null: nothing. */
  approved(folder: string, name: string): HttpDefinition | null;
  secrets(): ReadSecrets;
  /** Null: there is no such group. */
  network(folder: string): NetworkRules | null;
  log: Logger;
  onRefused?(refusal: { holder: TokenHolder; reason: string }): void;
  resolve?: (host: string) => Promise<string[]>;
  /** Judges an address; default whyNotPublic. For tests that have no public internet. */
  judge?(address: string): string | null;
  clock?: Clock;
  /** Without a byte of an answer. */
  idleTimeoutMs?: number;
}

export interface McpDoor {
  /** False: it is no request for an MCP server. */
  handle(request: IncomingMessage, response: ServerResponse, holder: TokenHolder): boolean;
  /** After a change of approvals or policies: cuts what streams and is no longer allowed. */
  recheck(): void;
}

const PATH = /^\/mcp\/([a-z0-9-]{1,32})$/;
const METHODS: ReadonlySet<string> = new Set(['POST', 'GET', 'DELETE']);
/** Of the protocol. Everything else of a container's request stays here. */
const PASSED = ['content-type', 'accept', 'mcp-session-id', 'mcp-protocol-version', 'last-event-id'];
const RETURNED = ['content-type', 'cache-control', 'mcp-session-id', 'retry-after'];
const MOST_BODY_BYTES = 4 * 1024 * 1024;
const MOST_OPEN = 32;
const MOST_ADDRESSES = 4;
const CONNECT_MS = 10_000;
const IDLE_MS = 600_000;

class Refused extends Error {
  readonly status: number;
  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
  }
}

interface Open {
  holder: TokenHolder;
  name: string;
  /** Which definition it goes to. */
  key: string;
}

export function createMcpDoor(options: McpDoorOptions): McpDoor {
  const { log, resolve = resolveHost, judge = whyNotPublic, idleTimeoutMs = IDLE_MS } = options;
  const logRefusal = createRefusalLog(log, options.clock ?? systemClock, 'mcp_request_refused');
  const open = new Map<ServerResponse, Open>();

  function refuse(holder: TokenHolder, status: number, reason: string): Refused {
    logRefusal(holder, reason);
    options.onRefused?.({ holder, reason });
    return new Refused(status, reason);
  }

  function whyNot(folder: string, definition: HttpDefinition, held: ReadSecrets): string | null {
    const rules = options.network(folder);
    return rules === null ? 'this group is not registered' : whyNotReach(definition, folder, rules, held);
  }

  async function addressesOf(holder: TokenHolder, url: URL, isLocal: boolean): Promise<string[]> {
    const host = hostOf(url);
    const found = isIP(host)
      ? [host]
      : isLocal && host === 'localhost'
        ? ['127.0.0.1', '::1']
        : await resolve(host).catch(() => []);
    if (found.length === 0) throw new Refused(502, 'the name of the server does not resolve');
    if (isLocal) return found.slice(0, MOST_ADDRESSES);
    const isOwn = ownNetworks(interfaceAddresses());
    const why = (address: string) =>
      judge(address) ?? (isOwn(address) && judge === whyNotPublic ? "this host's own" : null);
    const allowed = found.filter((address) => why(address) === null);
    if (allowed.length === 0)
      throw refuse(
        holder,
        403,
        `${host} is not on the public internet (${why(found[0] ?? '')}); the operator may name it in mcp-secrets.json`,
      );
    return allowed.slice(0, MOST_ADDRESSES);
  }

  async function forward(
    request: IncomingMessage,
    response: ServerResponse,
    holder: TokenHolder,
    name: string,
  ): Promise<void> {
    const { folder, container } = holder;
    const definition = options.approved(folder, name);
    if (definition === null) throw refuse(holder, 404, `no MCP server “${name}” is approved for this group`);
    if ([...open.values()].filter((each) => each.holder.container === container).length >= MOST_OPEN)
      throw refuse(holder, 429, `more than ${MOST_OPEN} requests to MCP servers at once`);
    const url = new URL(definition.url);
    const held = options.secrets();
    const isLocal = isLocalServer(held, url, folder);
    const denied = whyNot(folder, definition, held);
    if (denied !== null) throw refuse(holder, 403, denied);
    const filled = fillHeaders(held, definition, folder);
    if ('refused' in filled) throw refuse(holder, 403, filled.refused);
    if (Number(request.headers['content-length'] ?? 0) > MOST_BODY_BYTES)
      throw new Refused(413, 'the request is larger than 4 MiB');
    open.set(response, { holder, name, key: JSON.stringify(definition) });
    response.once('close', () => open.delete(response));

    const addresses = await addressesOf(holder, url, isLocal);
    const socket = await connected(url, addresses);
    if (response.destroyed) return void socket.destroy();
    const passed = PASSED.flatMap((each) => {
      const value = request.headers[each];
      return typeof value === 'string' ? [[each, value] as const] : [];
    });
    const out = http.request({
      createConnection: () => socket,
      method: request.method,
      path: `${url.pathname}${url.search}`,
      // Uncompressed, so that a secret that is echoed can be seen.
      headers: {
        ...Object.fromEntries(passed),
        ...filled.headers,
        host: url.host,
        'accept-encoding': 'identity',
      },
      timeout: idleTimeoutMs,
    });
    response.once('close', () => out.destroy());
    out.on('timeout', () => out.destroy(new Error('timeout')));
    const answered = new Promise<IncomingMessage>((done, failed) =>
      out.once('response', done).on('error', failed),
    );
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MOST_BODY_BYTES) out.destroy(new Refused(413, 'the request is larger than 4 MiB'));
    });
    request.on('error', () => out.destroy());
    if (request.method === 'POST') request.pipe(out);
    else out.end();
    await relay(await answered, response, filled.values);
  }

  async function relay(from: IncomingMessage, to: ServerResponse, secrets: readonly string[]): Promise<void> {
    const status = from.statusCode ?? 502;
    const end = (reason: string) => {
      from.destroy();
      return new Refused(502, reason);
    };
    if (status >= 300 && status < 400)
      throw end('the server answered with a redirect, which is not followed');
    if (!/^(identity)?$/i.test(from.headers['content-encoding'] ?? ''))
      throw end('the server answered compressed although it was asked not to');
    const headers = RETURNED.flatMap((each) => {
      const value = from.headers[each];
      return typeof value === 'string' && !secrets.some((secret) => value.includes(secret))
        ? [[each, value]]
        : [];
    });
    to.writeHead(status, Object.fromEntries(headers) as Record<string, string>);
    await relayBody(from, to, { secrets });
  }

  return {
    handle(request, response, holder) {
      if (!request.url?.startsWith('/mcp/')) return false;
      const name = PATH.exec(request.url)?.[1];
      const work =
        name !== undefined && METHODS.has(request.method ?? '')
          ? forward(request, response, holder, name)
          : Promise.reject(refuse(holder, 404, 'no such MCP server'));
      work.catch((error: unknown) => {
        if (response.headersSent) return void response.destroy();
        const { status, message } =
          error instanceof Refused ? error : new Refused(502, 'the server cannot be reached');
        const text = `NanoClaw: ${message}.\n`;
        response.writeHead(status, {
          'content-type': 'text/plain',
          'content-length': Buffer.byteLength(text),
          connection: 'close',
        });
        response.end(text);
      });
      return true;
    },
    recheck() {
      const held = options.secrets();
      for (const [response, { holder, name, key }] of open) {
        const definition = options.approved(holder.folder, name);
        const isAllowed =
          definition !== null &&
          JSON.stringify(definition) === key &&
          whyNot(holder.folder, definition, held) === null;
        if (!isAllowed) response.destroy();
      }
    },
  };
}

/** To the first address that answers, and with TLS where the address says so, for the name that it says. */
async function connected(url: URL, addresses: readonly string[]): Promise<Socket> {
  const socket = await dialFirst(addresses, portOf(url), CONNECT_MS);
  if (url.protocol !== 'https:') return socket;
  const host = hostOf(url);
  return await new Promise((resolve, reject) => {
    const secure = tls.connect({
      socket,
      ALPNProtocols: ['http/1.1'],
      ...(isIP(host) ? { host } : { servername: host }),
    });
    secure.setTimeout(CONNECT_MS, () => secure.destroy(new Error('timeout')));
    secure.once('error', reject);
    secure.once('secureConnect', () => {
      secure.setTimeout(0);
      secure.removeListener('error', reject);
      resolve(secure);
    });
  });
}
