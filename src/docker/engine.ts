/**
 * The Docker Engine API, as much of it as NanoClaw needs. Podman's socket speaks the same.
 *
 * Invariants: every failure is an EngineError (ENGINE_DOWN without an answer, ENGINE_REFUSED with a status).
 * The API version is agreed upon once, at the first call, and again after the engine was away. Answers are parsed, never cast.
 * Nothing is retried here except reads over a connection that had gone stale. Knows nothing of groups or turns.
 */
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { type EngineAddress, engineAddress } from './engine-address.ts';
import { type EngineCall, EngineError, EngineHttp, jsonLines } from './engine-http.ts';
import * as types from './engine-types.ts';
import { frameReader, Tail } from './log-frames.ts';

/** The newest API this client was written against. */
export const NEWEST_API = '1.47';

export interface EngineOptions {
  dockerHost?: string | undefined;
  certPath?: string | undefined;
  runtimeDir?: string | undefined;
  homeDir?: string | undefined;
  /** For every call that is not a stream or a wait. Default 30,000. */
  timeoutMs?: number;
}

export interface ExecResult {
  code: number;
  stdout: string;
  stderr: string;
}

export class Engine {
  readonly address: EngineAddress;
  readonly #http: EngineHttp;
  #version: Promise<types.EngineVersion> | null = null;

  constructor(options: EngineOptions = {}) {
    this.address = engineAddress(options);
    this.#http = new EngineHttp(this.address, options.timeoutMs ?? 30_000);
  }

  /** Drops idle connections. Streams end by their own signals. */
  close(): void {
    this.#http.close();
  }

  // ------------------------------------------------------------ the engine

  /** Resolves when the engine answers. Asks afresh each time. */
  async ping(): Promise<void> {
    const response = await this.#http.open({
      method: 'GET',
      path: '/_ping',
      signal: AbortSignal.timeout(5000),
    });
    response.resume();
  }

  /** The engine's version, as of the first successful call. */
  version(): Promise<types.EngineVersion> {
    this.#version ??= this.#http
      .json({ method: 'GET', path: '/version', timeoutMs: 10_000 })
      .then((answer) => types.versionSchema.parse(answer))
      .catch((error) => {
        this.#version = null;
        throw error;
      });
    return this.#version;
  }

  async info(): Promise<types.EngineInfo> {
    return types.infoSchema.parse(await this.json({ method: 'GET', path: '/info' }));
  }

  // ------------------------------------------------------------ containers

  /** Creates (not starts) a container; returns its id. A missing image is status 404, a used name 409. */
  async createContainer(name: string, spec: types.ContainerSpec): Promise<string> {
    const answer = await this.json({
      method: 'POST',
      path: '/containers/create',
      query: { name },
      body: spec,
    });
    return z.object({ Id: z.string() }).parse(answer).Id;
  }

  /** Idempotent: a container that already runs is fine. */
  async start(id: string): Promise<void> {
    await this.json({ method: 'POST', path: `/containers/${id}/start`, accept: [304], timeoutMs: 60_000 });
  }

  /**
   * Begins to wait for the container's end. Resolves once the engine has taken the request, so that a start issued
   * afterwards cannot be missed; `ended` resolves at the end, or rejects with ENGINE_DOWN when the connection breaks.
   */
  async wait(
    id: string,
    condition: 'not-running' | 'next-exit' | 'removed',
    signal?: AbortSignal,
  ): Promise<{ ended: Promise<void> }> {
    const response = await this.open({
      method: 'POST',
      path: `/containers/${id}/wait`,
      query: { condition },
      ...(signal ? { signal } : {}),
    });
    const ended = (async () => {
      for await (const answer of jsonLines(response)) {
        z.object({ StatusCode: z.number() }).parse(answer);
        return;
      }
      throw new EngineError(null, 'The container engine closed the connection while a container ran.');
    })().catch((cause) => {
      throw cause instanceof EngineError
        ? cause
        : new EngineError(null, 'The connection to the engine was lost.', { cause });
    });
    ended.catch(() => {}); // the caller may come for it later
    return { ended };
  }

  async inspect(id: string): Promise<types.EngineContainer> {
    return types.containerSchema.parse(await this.json({ method: 'GET', path: `/containers/${id}/json` }));
  }

  /** The last `bytes` bytes of what the container wrote, stdout and stderr together. */
  async logsTail(id: string, bytes: number): Promise<string> {
    const tail = new Tail(bytes);
    const read = frameReader((_, data) => tail.push(data));
    const response = await this.open({
      method: 'GET',
      path: `/containers/${id}/logs`,
      query: { stdout: 1, stderr: 1, tail: 200 },
      signal: AbortSignal.timeout(10_000),
    });
    for await (const chunk of response as AsyncIterable<Buffer>) read(chunk);
    return tail.text();
  }

  async kill(id: string, signal = 'SIGKILL'): Promise<void> {
    await this.json({ method: 'POST', path: `/containers/${id}/kill`, query: { signal } });
  }

  async removeContainer(id: string): Promise<void> {
    await this.json({
      method: 'DELETE',
      path: `/containers/${id}`,
      query: { force: true, v: true },
      timeoutMs: 60_000,
    });
  }

  /** All containers, running or not, that bear every one of the labels ("key" or "key=value"). */
  async listContainers(labels: readonly string[]): Promise<types.EngineContainerSummary[]> {
    const filters = JSON.stringify({ label: labels });
    const answer = await this.json({
      method: 'GET',
      path: '/containers/json',
      query: { all: true, filters },
    });
    return types.containerListSchema.parse(answer);
  }

  async pause(id: string): Promise<void> {
    await this.json({ method: 'POST', path: `/containers/${id}/pause` });
  }

  async unpause(id: string): Promise<void> {
    await this.json({ method: 'POST', path: `/containers/${id}/unpause` });
  }

  /** One reading of the container's use of memory, processor and processes. */
  async stats(id: string): Promise<types.EngineStats> {
    const query = { stream: false, 'one-shot': true };
    return types.statsSchema.parse(
      await this.json({ method: 'GET', path: `/containers/${id}/stats`, query }),
    );
  }

  /** Runs a command in a running container and collects at most 1 MiB of each output. */
  async exec(
    id: string,
    command: readonly string[],
    options: { user?: string; env?: readonly string[] } = {},
  ): Promise<ExecResult> {
    const created = await this.json({
      method: 'POST',
      path: `/containers/${id}/exec`,
      body: {
        AttachStdout: true,
        AttachStderr: true,
        Cmd: command,
        User: options.user ?? '',
        Env: options.env ?? [],
      },
    });
    const execId = z.object({ Id: z.string() }).parse(created).Id;
    const output = { stdout: new Tail(1024 * 1024), stderr: new Tail(1024 * 1024) };
    const read = frameReader((stream, data) => output[stream].push(data));
    const response = await this.open({
      method: 'POST',
      path: `/exec/${execId}/start`,
      body: { Detach: false, Tty: false },
    });
    for await (const chunk of response as AsyncIterable<Buffer>) read(chunk);
    const done = await this.json({ method: 'GET', path: `/exec/${execId}/json` });
    const code = z.object({ ExitCode: z.number().nullable() }).parse(done).ExitCode ?? -1;
    return { code, stdout: output.stdout.text(), stderr: output.stderr.text() };
  }

  // ------------------------------------------------------------ networks

  async inspectNetwork(name: string): Promise<types.EngineNetwork> {
    return types.networkSchema.parse(await this.json({ method: 'GET', path: `/networks/${name}` }));
  }

  async createNetwork(spec: types.NetworkSpec): Promise<string> {
    const answer = await this.json({ method: 'POST', path: '/networks/create', body: spec });
    return z.object({ Id: z.string() }).parse(answer).Id;
  }

  async removeNetwork(name: string): Promise<void> {
    await this.json({ method: 'DELETE', path: `/networks/${name}` });
  }

  // ------------------------------------------------------------ events

  /**
   * One connection of events, from `since` (seconds, with a fraction) on. Ends when the connection does; reconnecting
   * is the caller's, see watchEvents. Events are hints: some may be missed, so what matters is asked by id.
   */
  async *events(
    filters: Record<string, string[]>,
    since: number | null,
    signal: AbortSignal,
  ): AsyncGenerator<types.EngineEvent> {
    const query = {
      filters: JSON.stringify(filters),
      ...(since === null ? {} : { since: since.toFixed(9) }),
    };
    const response = await this.open({ method: 'GET', path: '/events', query, signal });
    for await (const line of jsonLines(response)) yield types.eventSchema.parse(line);
  }

  // ------------------------------------------------------------ any call, for the other modules here

  /** The whole answer of a call under the agreed API version; null when empty. */
  json(call: EngineCall): Promise<unknown> {
    return this.#agreed(call, (versioned) => this.#http.json(versioned));
  }

  /** The answer as a stream, once its headers are there. */
  open(call: EngineCall): Promise<IncomingMessage> {
    return this.#agreed(call, (versioned) => this.#http.open(versioned));
  }

  async #agreed<T>(call: EngineCall, send: (call: EngineCall) => Promise<T>): Promise<T> {
    const version = agreedVersion(await this.version());
    try {
      return await send({ ...call, path: `/v${version}${call.path}` });
    } catch (error) {
      // Another engine may stand there when it is back.
      if (error instanceof EngineError && error.status === null) this.#version = null;
      throw error;
    }
  }
}

/** The older of the engine's and our newest API. Throws ENGINE_REFUSED when the engine has dropped ours. */
export function agreedVersion(engine: types.EngineVersion): string {
  const agreed = compareVersions(engine.ApiVersion, NEWEST_API) < 0 ? engine.ApiVersion : NEWEST_API;
  if (compareVersions(agreed, engine.MinAPIVersion) >= 0) return agreed;
  throw new EngineError(
    400,
    `The engine wants API ${engine.MinAPIVersion} or newer; this NanoClaw speaks up to ${NEWEST_API}.`,
    {
      fix: 'Update NanoClaw, or use an older engine.',
    },
  );
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  return (left?.[0] ?? 0) - (right?.[0] ?? 0) || (left?.[1] ?? 0) - (right?.[1] ?? 0);
}
