/**
 * The engine's images: look, pull, build, remove. Same promises as engine.ts.
 * A pull or build that fails in the middle is answered with 200 and an error line: that is thrown as ENGINE_REFUSED.
 */
import type { Readable } from 'node:stream';
import type { Engine } from './engine.ts';
import { type AddressSource, engineAddress } from './engine-address.ts';
import { type EngineCall, EngineError, EngineHttp, jsonLines } from './engine-http.ts';
import { type EngineImage, type EngineProgress, imageSchema, progressSchema } from './engine-types.ts';

type OnProgress = (line: EngineProgress) => void;

/** Throws ENGINE_REFUSED with status 404 when there is no such image. */
export async function inspectImage(engine: Engine, name: string): Promise<EngineImage> {
  return imageSchema.parse(await engine.json({ method: 'GET', path: `/images/${name}/json` }));
}

/** As inspectImage, but null when there is no such image. */
export async function findImage(engine: Engine, name: string): Promise<EngineImage | null> {
  const answer = await engine.json({ method: 'GET', path: `/images/${name}/json`, accept: [404] });
  const parsed = imageSchema.safeParse(answer);
  return parsed.success ? parsed.data : null;
}

/**
 * As findImage, for one look that may not take long: within `timeoutMs`, without agreeing upon an API version first.
 * Throws ENGINE_DOWN or CONFIG_INVALID (an address that cannot be used).
 */
export async function peekImage(
  at: AddressSource,
  name: string,
  timeoutMs: number,
): Promise<EngineImage | null> {
  const http = new EngineHttp(engineAddress(at), timeoutMs);
  try {
    const answer = await http.json({ method: 'GET', path: `/images/${name}/json`, accept: [404] });
    return imageSchema.safeParse(answer).data ?? null;
  } finally {
    http.close();
  }
}

export async function removeImage(engine: Engine, name: string): Promise<void> {
  await engine.json({ method: 'DELETE', path: `/images/${name}`, query: { force: true }, timeoutMs: 60_000 });
}

/** Pulls "repository:tag". */
export async function pullImage(
  engine: Engine,
  name: string,
  onProgress: OnProgress,
  signal?: AbortSignal,
): Promise<void> {
  const call: EngineCall = {
    method: 'POST',
    path: '/images/create',
    query: { fromImage: name },
    ...(signal ? { signal } : {}),
  };
  await follow(engine, call, onProgress);
}

export interface BuildOptions {
  tag: string;
  /** Path of the Dockerfile inside the context. */
  dockerfile: string;
  buildArgs: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
}

/** Builds from a tar stream with the engine's own (classic) builder. */
export async function buildImage(
  engine: Engine,
  context: Readable,
  options: BuildOptions,
  onProgress: OnProgress,
  signal?: AbortSignal,
): Promise<void> {
  const query = {
    t: options.tag,
    dockerfile: options.dockerfile,
    buildargs: JSON.stringify(options.buildArgs),
    labels: JSON.stringify(options.labels),
    rm: true,
    forcerm: true,
  };
  const call: EngineCall = {
    method: 'POST',
    path: '/build',
    query,
    stream: context,
    contentType: 'application/x-tar',
  };
  await follow(engine, signal ? { ...call, signal } : call, onProgress);
}

async function follow(engine: Engine, call: EngineCall, onProgress: OnProgress): Promise<void> {
  for await (const line of jsonLines(await engine.open(call))) {
    const progress = progressSchema.parse(line);
    onProgress(progress);
    if (progress.error !== undefined) throw new EngineError(500, progress.error);
  }
}
