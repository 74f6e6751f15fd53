/**
 * The credential proxy: agents reach the model through it, and only the model.
 *
 * A container shows its own token, at its own door, and reaches the one server that it was started for; that server's credential is
 * put in the token's place on the way out and never
 * comes back: not in headers, not in a body that echoes it. Only the paths of the model API pass (model-routes.ts). Bytes stream both ways as
 * they come, with back-pressure; whichever side goes away takes the other with it. Counts requests and tokens as they
 * pass. Never logs a header's value or a body.
 */
import type { Agent as HttpAgent, IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import { messageOf } from '../errors.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { http } from '../lib/node-http.ts';
import type { Rate } from '../lib/token-bucket.ts';
import type { Logger } from '../log.ts';
import { type Door, type DoorLimits, SERVER_LIMITS } from './door.ts';
import { createEntrances } from './entrances.ts';
import type { TcpListening } from './listener.ts';
import {
  type ModelApi,
  ownToken,
  type ProxyCredential,
  requestHeaders,
  responseHeaders,
  routeOf,
} from './model-routes.ts';
import { answer, fail } from './own-answer.ts';
import { type ResolveToken, resolveAt, type TokenHolder } from './proxy-token.ts';
import { createRates } from './rates.ts';
import { createRefusalLog } from './refusal-log.ts';
import { relayBody } from './relay-body.ts';
import { answerTokens, RequestWeight } from './usage-estimate.ts';
import { type TokenUsage, UsageSniffer } from './usage-sniffer.ts';

export const MAX_MODEL_BODY_BYTES = 64 * 1024 * 1024;
const TOO_LARGE = 'The request is larger than 64 MiB.';
const CONNECT_TIMEOUT_MS = 15_000;
/** Without a byte from the model server; an answer that is not streamed may take 10 minutes. */
const IDLE_TIMEOUT_MS = 660_000;
const RATE: Rate = { perSecond: 20, burst: 200 };

/** A model's server, where it is and how it is asked. */
export interface ModelServer {
  /** Its root, e.g. https://api.anthropic.com or http://127.0.0.1:8080/prefix; of chat completions with its /v1. */
  upstream: URL;
  api: ModelApi;
  credential: ProxyCredential | null;
  /** What an answer of this model cost, in USD; null: nobody knows. Default: Claude's list prices. */
  costOf?(model: string, tokens: TokenUsage): number | null;
}

export interface ModelProxyOptions {
  /** The one that this container may ask, always the same object; null: none. */
  serverOf(holder: TokenHolder): ModelServer | null;
  resolveToken: ResolveToken;
  log: Logger;
  /** The model server answered 401 or 403. Called on each; the caller decides what to tell whom. Must not throw. */
  onCredentialFailure(failure: { status: number; holder: TokenHolder }): void;
  /** The first request that worked after a refused credential, or after the start. Must not throw. */
  onCredentialWorks?(holder: TokenHolder): void;
  /** What one request has used, when it is over, however it ended. Must not throw. */
  onUsed?(used: { holder: TokenHolder; use: ModelUse }): void;
  /** Told of each refused request of a known container, for the audit. Must not throw. */
  onRefused?(refusal: { holder: TokenHolder; reason: string }): void;
  /** Why this container may ask the model no more just now; null: it may. Must not throw. */
  whyNotAsk?(holder: TokenHolder): string | null;
  /** What else is asked for at the same door, by a known container. False: nothing of its. Must not throw. */
  other?(request: IncomingMessage, response: ServerResponse, holder: TokenHolder): boolean;
  clock?: Clock;
  doorLimits?: DoorLimits;
  /** Requests of one container. Default: 200 at once, then 20 a second. */
  rate?: Rate;
}

export interface ModelUse {
  requests: number;
  /** Requests that the model server did not answer, or with a status of 400 and above. */
  failures: number;
  inputTokens: number;
  outputTokens: number;
  /** What that cost, as far as list prices tell. */
  usd: number;
}

export interface ModelProxy {
  /** For all containers, which only their tokens tell apart. */
  listen(host: string, port: number): Promise<TcpListening>;
  /** For `owner` alone: on a unix socket, which replaces one that lies there. Another's token is refused there. */
  openDoor(owner: TokenHolder, path: string): Promise<Door>;
  /** Idempotent; cuts what still streams. */
  close(): Promise<void>;
}

export function createModelProxy(options: ModelProxyOptions): ModelProxy {
  const { log } = options;
  const agents = new Map<ModelServer, HttpAgent>();
  const credentialWorks = new Set<ModelServer>();
  const clock = options.clock ?? systemClock;
  const logRefusal = createRefusalLog(log, clock, 'model_request_refused');
  const mayAsk = createRates(clock, options.rate ?? RATE);
  const refused = (holder: TokenHolder | null, reason: string) => {
    logRefusal(holder, reason);
    if (holder) options.onRefused?.({ holder, reason });
  };

  const handle = (request: IncomingMessage, response: ServerResponse, owner: TokenHolder | null): void => {
    const holder = resolveAt(owner, ownToken(request.headers), options.resolveToken);
    const server = holder && options.serverOf(holder);
    const route = routeOf(request.method, request.url, server?.api);
    if (route.kind === 'health' && (!owner || mayAsk(owner))) answer(response, 200, { status: 'ok' }, !owner);
    else if (!holder) {
      refused(owner, "a request without the container's own token");
      const message = 'This token is not known here, or its container has ended.';
      fail(response, 401, 'authentication_error', message);
    } else if (!mayAsk(holder)) {
      refused(holder, 'too many requests');
      fail(response, 429, 'rate_limit_error', 'NanoClaw: too many requests in a short time.');
    } else if (options.other?.(request, response, holder)) {
      // It answers itself.
    } else if (route.kind !== 'forward' || !server) {
      const reason = !server
        ? 'this container was started without a model'
        : route.kind === 'refused'
          ? route.reason
          : 'too many requests';
      refused(holder, reason);
      fail(response, 403, 'permission_error', `Refused by NanoClaw: ${reason}.`);
    } else if (Number(request.headers['content-length'] ?? 0) > MAX_MODEL_BODY_BYTES) {
      fail(response, 413, 'request_too_large', TOO_LARGE);
    } else {
      const whyNot = isPriced(route.path) ? (options.whyNotAsk?.(holder) ?? null) : null;
      if (whyNot === null) return forward(request, response, { server, path: route.path, holder });
      refused(holder, whyNot);
      // Clients take 400 as the last word.
      response.setHeader('x-should-retry', 'false');
      fail(response, 400, 'invalid_request_error', `Refused by NanoClaw: ${whyNot}.`);
    }
  };

  function forward(
    request: IncomingMessage,
    response: ServerResponse,
    { server, path, holder }: { server: ModelServer; path: string; holder: TokenHolder },
  ): void {
    const { upstream, credential } = server;
    const secure = upstream.protocol === 'https:';
    const use: ModelUse = { requests: 1, failures: 0, inputTokens: 0, outputTokens: 0, usd: 0 };
    const weight = new RequestWeight();
    const headers = requestHeaders(request.headers, credential, upstream.host);
    // Uncompressed, so that tokens can be counted and an echoed credential be seen.
    headers['accept-encoding'] = 'identity';
    if (request.method === 'GET') delete headers['content-length'];
    let settled = false;
    const failed = (status: number, type: string, message: string) => {
      if (settled) return;
      settled = true;
      use.failures = 1;
      options.onUsed?.({ holder, use });
      out.destroy();
      if (!response.headersSent) fail(response, status, type, message);
      else response.destroy();
    };

    const out = (secure ? https : http).request({
      agent: agentOf(server),
      method: request.method,
      hostname: upstream.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: upstream.port || (secure ? 443 : 80),
      path: upstream.pathname.replace(/\/+$/, '') + path,
      headers,
      timeout: CONNECT_TIMEOUT_MS,
    });
    out.on('socket', (socket) => {
      const connected = () => out.setTimeout(IDLE_TIMEOUT_MS);
      if (socket.connecting) socket.once(secure ? 'secureConnect' : 'connect', connected);
      else connected();
    });
    out.on('timeout', () => out.destroy(new Error('the model server did not answer in time')));
    out.on('error', (error) => {
      if (!settled && !response.destroyed) {
        log.warn(
          { event: 'model_unreachable', group: holder.folder, container: holder.container },
          messageOf(error),
        );
      }
      failed(502, 'api_error', `The model server cannot be reached: ${reasonOf(error)}.`);
    });
    out.on('response', (answered) => {
      const weighed = isPriced(path) ? weight : null;
      void relay(answered, response, { server, holder, use, weight: weighed }).finally(() => {
        if (!settled) options.onUsed?.({ holder, use });
        settled = true;
      });
    });
    response.on('close', () => {
      if (response.writableFinished) return;
      // Hung up before the answer began: what was asked is not free for that.
      if (!response.headersSent && request.complete && isPriced(path)) use.inputTokens = weight.tokens();
      out.destroy();
    });

    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      weight.push(chunk);
      if (size > MAX_MODEL_BODY_BYTES) failed(413, 'request_too_large', TOO_LARGE);
    });
    request.on('error', () => out.destroy());
    if (request.method === 'GET') out.end();
    else request.pipe(out);
  }

  function agentOf(server: ModelServer): HttpAgent {
    const known = agents.get(server);
    if (known) return known;
    const settings = { keepAlive: true, maxFreeSockets: 16, timeout: IDLE_TIMEOUT_MS };
    const agent =
      server.upstream.protocol === 'https:' ? new https.Agent(settings) : new http.Agent(settings);
    agents.set(server, agent);
    return agent;
  }

  /** Streams the answer. Never rejects. */
  async function relay(
    from: IncomingMessage,
    to: ServerResponse,
    {
      server,
      holder,
      use,
      weight,
    }: { server: ModelServer; holder: TokenHolder; use: ModelUse; weight: RequestWeight | null },
  ): Promise<void> {
    const { credential } = server;
    const status = from.statusCode ?? 502;
    if (status >= 400) use.failures = 1;
    if (status === 401 || status === 403) {
      log.warn(
        { event: 'credential_refused', status, group: holder.folder },
        'the model server refused the credential',
      );
      credentialWorks.delete(server);
      options.onCredentialFailure({ status, holder });
    } else if (status < 400 && !credentialWorks.has(server)) {
      credentialWorks.add(server);
      options.onCredentialWorks?.(holder);
    }
    const sniffer =
      from.headers['content-encoding'] === undefined ? new UsageSniffer(from.headers['content-type']) : null;
    to.writeHead(status, responseHeaders(from.headers, credential));
    let bytes = 0;
    await relayBody(from, to, {
      secrets: credential ? [credential.value] : [],
      see: (piece) => {
        bytes += piece.length;
        sniffer?.push(piece);
      },
    });
    const seen = sniffer?.usage();
    use.inputTokens = seen?.inputTokens ?? 0;
    use.outputTokens = seen?.outputTokens ?? 0;
    const cost = (counted?: TokenUsage) =>
      sniffer === null || !server.costOf
        ? sniffer?.cost(counted)
        : server.costOf(sniffer.model, counted ?? sniffer.usage());
    use.usd = cost() ?? 0;
    if (weight === null || status >= 400 || sniffer?.isFinal) return;
    const isStream = /^text\/event-stream/i.test(from.headers['content-type'] ?? '');
    use.inputTokens ||= weight.tokens();
    use.outputTokens = Math.max(use.outputTokens, answerTokens(bytes, server.api, isStream));
    use.usd = Math.max(use.usd, cost(use) ?? 0);
  }

  const entrances = createEntrances({
    clock,
    doorLimits: options.doorLimits,
    newServer: (owner) =>
      http.createServer(SERVER_LIMITS, (request, response) => handle(request, response, owner)),
    onFlood: (owner, reason) => refused(owner, reason),
  });

  return {
    listen: entrances.listen,
    openDoor: entrances.openDoor,
    async close() {
      await entrances.close();
      for (const agent of agents.values()) agent.destroy();
    },
  };
}

/** A network error's own word; never the address, which is the host's business. */
function reasonOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? 'the connection failed';
}

/** The model thinks about it. */
const isPriced = (path: string): boolean => /\/(?:messages|chat\/completions)(?:\?|$)/.test(path);
