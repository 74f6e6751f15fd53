/**
 * The agent image: there, and built from the sources that lie here.
 *
 * An image bears the hash of its sources (label nanoclaw.source). A different hash means that the sources were
 * updated: it is built anew, and if that fails an older one that speaks the same protocol still serves, with a
 * warning. An image that was not built here under its name is the operator's own, and used as it is, unless its label
 * says that it speaks another protocol: no agent in it would work, so that is said instead (IMAGE_MISMATCH).
 * Never pushes. Removes only the image that a new build replaced, and only when no container uses it.
 */
import { messageOf, NanoClawError } from '../errors.ts';
import { PROTOCOL_VERSION } from '../protocol.ts';
import {
  type BuildContext,
  DOCKERFILE,
  type ImageVariant,
  packBuildContext,
  readBuildContext,
} from './build-context.ts';
import type { Engine } from './engine.ts';
import { EngineError } from './engine-http.ts';
import { buildImage, findImage, pullImage } from './engine-images.ts';
import type { EngineImage, EngineProgress } from './engine-types.ts';

export const DEFAULT_IMAGE = 'nanoclaw-agent:latest';
export const DEFAULT_BASE = 'node:24-bookworm-slim';
/** Made by scripts/offline-base-image.sh from Debian packages, for machines that reach no registry. */
export const OFFLINE_BASE = 'nanoclaw-base:offline';
export const LABEL_SOURCE = 'nanoclaw.source';
/** The name an image was built under; one that an operator derived from ours bears another name than this. */
export const LABEL_TAG = 'nanoclaw.tag';
export const LABEL_PROTOCOL = 'nanoclaw.protocol';
/** A pull without a line of progress for so long is given up. */
const PULL_STALL_MS = 60_000;

export interface ImageOptions {
  image: string;
  /** The folder that holds container/ and src/protocol.ts. */
  projectRoot: string;
  variant?: ImageVariant | undefined;
  /** Overrides the choice of the base image. */
  baseImage?: string | undefined;
  /** Short lines for people: "step 3/12 RUN npm ci". */
  onProgress?: (line: string) => void;
  /** Gives a pull or build up. */
  signal?: AbortSignal | undefined;
}

export interface ImageState {
  id: string;
  /** reused: as it was; built: built now; foreign: the operator's own; outdated: the build failed, an old one serves. */
  state: 'reused' | 'built' | 'foreign' | 'outdated';
  /** Why it is outdated. */
  warning: string | null;
}

/** How an image stands to the sources that lie here. */
export interface ImageFacts {
  /**
   * current: built from them; outdated: from others, built anew at the next start; own: the operator's; mismatch: speaks
   * another protocol and cannot be built here; missing: the engine does not have it.
   */
  state: 'current' | 'outdated' | 'own' | 'mismatch' | 'missing';
  /** The label nanoclaw.protocol; null when it has none. */
  protocol: string | null;
  /** The label nanoclaw.source. */
  source: string | null;
}

/** Pure. `wanted`: the hash of the sources; null where there are none to build from. */
export function judgeImage(name: string, image: EngineImage | null, wanted: string | null): ImageFacts {
  const labels = image?.Config.Labels ?? {};
  const protocol = labels[LABEL_PROTOCOL] ?? null;
  const source = labels[LABEL_SOURCE] ?? null;
  const facts = (state: ImageFacts['state']): ImageFacts => ({ state, protocol, source });
  if (!image) return facts('missing');
  const own = name !== DEFAULT_IMAGE && labels[LABEL_TAG] !== name;
  const speaksOurs = protocol === null || protocol === String(PROTOCOL_VERSION);
  if ((own || wanted === null) && !speaksOurs) return facts('mismatch');
  if (own) return facts('own');
  return facts(wanted === null || source === wanted ? 'current' : 'outdated');
}

/** Throws ENGINE_DOWN, IMAGE_MISSING, IMAGE_MISMATCH or IMAGE_BUILD_FAILED. Not to be called twice at once for one image. */
export async function ensureImage(engine: Engine, options: ImageOptions): Promise<ImageState> {
  const say = options.onProgress ?? (() => {});
  const [existing, context] = await Promise.all([
    findImage(engine, options.image),
    readBuildContext(options.projectRoot, options.variant),
  ]);
  const { state, protocol } = judgeImage(options.image, existing, context?.hash ?? null);
  if (state === 'mismatch') throw mismatch(options.image, protocol);
  if (existing && state === 'own') return { id: existing.Id, state: 'foreign', warning: null };
  if (existing && state === 'current') return { id: existing.Id, state: 'reused', warning: null };
  if (
    context === null ||
    (!existing && options.image !== DEFAULT_IMAGE && !options.image.startsWith('nanoclaw-'))
  ) {
    return pulled(engine, options.image, say, options.signal);
  }
  try {
    await build(engine, options, context, say);
  } catch (error) {
    if (error instanceof EngineError && error.status === null) throw error;
    if (existing && existing.Config.Labels[LABEL_PROTOCOL] === String(PROTOCOL_VERSION)) {
      const warning = `The agent image is older than its sources and could not be built anew: ${messageOf(error)}`;
      return { id: existing.Id, state: 'outdated', warning };
    }
    throw error;
  }
  const built = await findImage(engine, options.image);
  if (!built)
    throw new NanoClawError('IMAGE_MISSING', `The image ${options.image} was built and is gone again.`);
  if (existing && existing.Id !== built.Id) {
    // Without force: one that a container still runs from, or that has another name, stays.
    await engine.json({ method: 'DELETE', path: `/images/${existing.Id}` }).catch(() => {});
  }
  return { id: built.Id, state: 'built', warning: null };
}

const mismatch = (image: string, protocol: string | null) =>
  new NanoClawError(
    'IMAGE_MISMATCH',
    `The agent image ${image} speaks protocol ${protocol}, this NanoClaw speaks ${PROTOCOL_VERSION}: its agents cannot work.`,
    {
      fix: `Build ${image} anew on the ${DEFAULT_IMAGE} of this version, or unset CONTAINER_IMAGE to use that one.`,
    },
  );

/** The first usable base image: the given one, the official one (local or pulled), the offline one. */
export async function chooseBaseImage(
  engine: Engine,
  given: string | undefined,
  say: (line: string) => void,
  signal?: AbortSignal | undefined,
): Promise<string> {
  if (given) return given;
  if (await findImage(engine, DEFAULT_BASE)) return DEFAULT_BASE;
  let why: string;
  try {
    say(`pulling ${DEFAULT_BASE}`);
    await pull(engine, DEFAULT_BASE, signal);
    return DEFAULT_BASE;
  } catch (error) {
    if (error instanceof EngineError && error.status === null) throw error;
    why = messageOf(error);
  }
  if (await findImage(engine, OFFLINE_BASE)) {
    say(`${DEFAULT_BASE} cannot be pulled; building on ${OFFLINE_BASE}`);
    return OFFLINE_BASE;
  }
  throw new NanoClawError(
    'IMAGE_BUILD_FAILED',
    `No base image for the agent: ${DEFAULT_BASE} cannot be pulled (${why}).`,
    {
      fix: `Run "docker pull ${DEFAULT_BASE}" where a registry can be reached, or scripts/offline-base-image.sh on a Debian machine that reaches none.`,
    },
  );
}

async function build(
  engine: Engine,
  options: ImageOptions,
  context: BuildContext,
  say: (line: string) => void,
): Promise<void> {
  const base = await chooseBaseImage(engine, options.baseImage, say, options.signal);
  const output: string[] = [];
  const onProgress = (line: EngineProgress) => {
    const text = line.stream?.trimEnd() ?? line.status ?? '';
    if (!text) return;
    output.push(text);
    if (output.length > 30) output.shift();
    const step = /^Step (\d+\/\d+) : (.*)/.exec(text);
    if (step) say(`step ${step[1]} ${step[2]?.slice(0, 100)}`);
  };
  try {
    await buildImage(
      engine,
      packBuildContext(context),
      {
        tag: options.image,
        dockerfile: DOCKERFILE,
        buildArgs: { BASE_IMAGE: base, SOURCE_HASH: context.hash, ...context.buildArgs },
        labels: {
          [LABEL_SOURCE]: context.hash,
          [LABEL_PROTOCOL]: String(PROTOCOL_VERSION),
          [LABEL_TAG]: options.image,
        },
      },
      onProgress,
      options.signal,
    );
  } catch (cause) {
    if (cause instanceof EngineError && cause.status === null) throw cause;
    const last = output.slice(-12).join('\n').slice(-2000);
    throw new NanoClawError(
      'IMAGE_BUILD_FAILED',
      `The agent image could not be built: ${messageOf(cause)}\n${last}`,
      {
        fix: 'The lines above are the end of the build. Most often npm could not reach its registry. Then start again.',
        cause,
      },
    );
  }
}

async function pulled(
  engine: Engine,
  image: string,
  say: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<ImageState> {
  try {
    say(`pulling ${image}`);
    await pull(engine, image, signal);
    const found: EngineImage | null = await findImage(engine, image);
    const facts = judgeImage(image, found, null);
    if (facts.state === 'mismatch') throw mismatch(image, facts.protocol);
    if (found) return { id: found.Id, state: 'foreign', warning: null };
  } catch (cause) {
    if (cause instanceof NanoClawError && cause.code === 'IMAGE_MISMATCH') throw cause;
    if (cause instanceof EngineError && cause.status === null) throw cause;
    throw new NanoClawError(
      'IMAGE_MISSING',
      `The agent image ${image} is not here and cannot be pulled: ${messageOf(cause)}`,
      {
        fix: `Build or pull it, or unset CONTAINER_IMAGE to have ${DEFAULT_IMAGE} built from container/.`,
        cause,
      },
    );
  }
  throw new NanoClawError('IMAGE_MISSING', `The agent image ${image} is not here.`);
}

/** Pulls; a pull that stands still is a refusal (status 504), not an engine that is down. */
async function pull(engine: Engine, image: string, signal?: AbortSignal): Promise<void> {
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(), PULL_STALL_MS);
  try {
    await pullImage(
      engine,
      image.includes(':') ? image : `${image}:latest`,
      () => timer.refresh(),
      signal ? AbortSignal.any([stalled.signal, signal]) : stalled.signal,
    );
  } catch (error) {
    if (stalled.signal.aborted) throw new EngineError(504, `no progress for ${PULL_STALL_MS / 1000} s`);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
