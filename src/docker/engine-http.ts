/**
 * HTTP to the Docker engine: one place for sockets, timeouts and what an answer means.
 *
 * A connection that fails, or an engine that does not answer in time, is ENGINE_DOWN; an answer that is not a
 * success is ENGINE_REFUSED with the engine's own words and the status. Reads share kept-alive connections and are
 * tried again once when such a connection turned out to be closed; anything that changes state gets a
 * connection of its own, so that it is sent exactly once. Streams have no timeout; they end by `signal`.
 */
import type { Agent, IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { messageOf, NanoClawError } from '../errors.ts';
import { http } from '../lib/node-http.ts';
import type { EngineAddress } from './engine-address.ts';

/** A failure of the engine. `status` is its HTTP status, or null when there was no answer. */
export class EngineError extends NanoClawError {
  readonly status: number | null;

  constructor(status: number | null, message: string, options: { fix?: string; cause?: unknown } = {}) {
    super(status === null ? 'ENGINE_DOWN' : 'ENGINE_REFUSED', message, options);
    this.name = 'EngineError';
    this.status = status;
  }
}

export interface EngineCall {
  method: 'GET' | 'HEAD' | 'POST' | 'DELETE';
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, with `contentType`. */
  stream?: Readable;
  contentType?: string;
  /** Statuses at or above 300 that are no failure; their body is read as usual. */
  accept?: readonly number[];
  /** Longest wait for the whole answer; null for streams. Default: the client's. */
  timeoutMs?: number | null;
  signal?: AbortSignal;
}

const LARGEST_ANSWER_BYTES = 32 * 1024 * 1024;

export class EngineHttp {
  readonly #address: EngineAddress;
  readonly #timeoutMs: number;
  readonly #kept: Agent;

  constructor(address: EngineAddress, timeoutMs: number) {
    this.#address = address;
    this.#timeoutMs = timeoutMs;
    const options = { keepAlive: true, maxFreeSockets: 4, timeout: 30_000 };
    this.#kept = address.kind === 'tcp' && address.tls ? new https.Agent(options) : new http.Agent(options);
  }

  close(): void {
    this.#kept.destroy();
  }

  /** The whole answer: its JSON, or null when empty. */
  async json(call: EngineCall): Promise<unknown> {
    const timeoutMs = call.timeoutMs === undefined ? this.#timeoutMs : call.timeoutMs;
    const timeout = timeoutMs === null ? undefined : AbortSignal.timeout(timeoutMs);
    const signals = [timeout, call.signal].filter((signal) => signal !== undefined);
    const bounded = signals.length ? { ...call, signal: AbortSignal.any(signals) } : call;
    try {
      const text = await readText(await this.open(bounded));
      return text === '' ? null : JSON.parse(text);
    } catch (error) {
      if (timeout?.aborted) {
        throw new EngineError(
          null,
          `The container engine did not answer ${call.method} ${call.path} within ${timeoutMs} ms.`,
        );
      }
      if (error instanceof EngineError) throw error;
      throw this.#down(error);
    }
  }

  /** The answer as a stream, once its headers are there. The caller must read or destroy it. */
  async open(call: EngineCall): Promise<IncomingMessage> {
    const repeatable = call.method === 'GET' || call.method === 'HEAD';
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(call, repeatable);
      } catch (error) {
        if (error instanceof StaleConnection && attempt < 3) continue;
        throw error instanceof StaleConnection ? this.#down(error.cause) : error;
      }
    }
  }

  async #once(call: EngineCall, reuse: boolean): Promise<IncomingMessage> {
    const response = await this.#send(call, reuse);
    const status = response.statusCode ?? 0;
    if (status < 300 || call.accept?.includes(status)) return response;
    const text = await readText(response).catch(() => '');
    throw new EngineError(
      status,
      `The container engine refused ${call.method} ${call.path}: ${engineMessage(text, status)}`,
    );
  }

  #send(call: EngineCall, reuse: boolean): Promise<IncomingMessage> {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) query.set(key, String(value));
    }
    const body = call.body === undefined ? null : Buffer.from(JSON.stringify(call.body));
    const headers: Record<string, string | number> = {};
    if (body) headers['content-type'] = 'application/json';
    if (call.contentType) headers['content-type'] = call.contentType;
    if (!call.stream) headers['content-length'] = body?.length ?? 0;
    const address = this.#address;
    const options: https.RequestOptions = {
      method: call.method,
      path: query.size ? `${call.path}?${query}` : call.path,
      headers,
      agent: reuse ? this.#kept : false,
      ...(call.signal ? { signal: call.signal } : {}),
      ...(address.kind === 'unix'
        ? { socketPath: address.socketPath, headers: { ...headers, host: 'docker' } }
        : { host: address.host, port: address.port, ...definedTls(address) }),
    };
    const module = address.kind === 'tcp' && address.tls ? https : http;
    return new Promise((resolve, reject) => {
      const request = module.request(options, resolve);
      request.on('error', (error: NodeJS.ErrnoException) => {
        const stale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        reject(stale ? new StaleConnection(error) : this.#down(error));
      });
      if (call.stream) {
        call.stream.on('error', (error) => request.destroy(error));
        call.stream.pipe(request);
      } else request.end(body ?? undefined);
    });
  }

  #down(cause: unknown): EngineError {
    const where =
      this.#address.kind === 'unix'
        ? this.#address.socketPath
        : `${this.#address.host}:${this.#address.port}`;
    const code = (cause as NodeJS.ErrnoException | undefined)?.code;
    const fix =
      code === 'EACCES'
        ? 'Add the user to the docker group (sudo usermod -aG docker USER, then log in again), or use a rootless engine.'
        : 'Start Docker, or set DOCKER_HOST to where the engine listens.';
    return new EngineError(null, `The container engine at ${where} cannot be reached: ${messageOf(cause)}`, {
      fix,
      cause,
    });
  }
}

class StaleConnection extends Error {
  override readonly cause: unknown;
  constructor(cause: unknown) {
    super('kept connection was closed');
    this.cause = cause;
  }
}

function definedTls(address: Extract<EngineAddress, { kind: 'tcp' }>): https.RequestOptions {
  if (!address.tls) return {};
  const { ca, cert, key } = address.tls;
  return { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) };
}

function engineMessage(text: string, status: number): string {
  try {
    const parsed: unknown = JSON.parse(text);
    if (parsed && typeof parsed === 'object' && 'message' in parsed)
      return `${parsed.message} (HTTP ${status})`;
  } catch {
    // not JSON: a proxy or something else answered
  }
  return `${text.slice(0, 300).trim() || 'no reason given'} (HTTP ${status})`;
}

/** Reads a bounded answer as text; destroys the stream when it is larger than anything we ask for. */
export async function readText(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_ANSWER_BYTES)
      throw new EngineError(502, 'The container engine sent more than 32 MiB.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Splits a stream into JSON values, one per line; a broken line ends the iteration with an error. */
export async function* jsonLines(stream: IncomingMessage): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim()) yield JSON.parse(line);
  }
  if (rest.trim()) yield JSON.parse(rest);
}
