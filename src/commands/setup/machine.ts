/** Node, Docker, and the image that agents run in. */
import type { Config } from '../../config.ts';
import { Engine } from '../../docker/engine.ts';
import { ensureImage, type ImageState } from '../../docker/image.ts';
import { messageOf, NanoClawError } from '../../errors.ts';
import { projectRoot } from '../../lib/project-root.ts';
import { configOf, failed, requireValid, type Setup, save, warn } from './context.ts';
import type { Model } from './model.ts';

const START_DOCKER =
  'Start Docker (docs: https://docs.docker.com/engine/install), see that "docker version" answers for this user, then run nanoclaw setup again.';

/** Why no engine answers, or null. */
export async function checkMachine(setup: Setup): Promise<string | null> {
  const { talk, flags } = setup;
  if (flags.runtime !== undefined) requireValid('CONTAINER_RUNTIME', flags.runtime, '--runtime');
  talk.good(`Node ${process.versions.node} runs this.`);
  const engine = new Engine(configOf(setup).engine);
  try {
    talk.progress('Looking for Docker …');
    const { Version } = await engine.version();
    talk.good(`Docker answers: version ${Version}.`);
    return null;
  } catch (error) {
    setup.signal.throwIfAborted();
    return messageOf(error);
  } finally {
    engine.close();
  }
}

/** Writes the runtime that was asked for, and refuses what cannot work: what thinks runs in containers only. */
export function chooseRuntime(setup: Setup, model: Model, noEngine: string | null): void {
  const { flags, talk } = setup;
  if (flags.runtime !== undefined) save(setup, { CONTAINER_RUNTIME: flags.runtime });
  const { runtime } = configOf(setup);
  if (runtime === 'process') return warn(setup, 'Agents run as plain processes, without isolation.');
  if (noEngine === null) return;
  if (model.provider !== 'offline' || runtime === 'docker')
    throw failed(`Docker does not answer, and agents need it: ${noEngine}`, START_DOCKER);
  talk.say(`Docker does not answer (${noEngine})`);
  warn(setup, 'Without Docker the offline agent runs as a plain process, without isolation.');
}

export interface Image {
  name: string;
  state: ImageState['state'];
}

/** Null where no image is needed. Shows the steps of a build. */
export async function prepareImage(setup: Setup, noEngine: string | null): Promise<Image | null> {
  const config = configOf(setup);
  if (config.runtime === 'process' || noEngine !== null) return null;
  const { talk, signal } = setup;
  const engine = new Engine(config.engine);
  try {
    talk.progress(`Looking at the agents’ image ${config.containerImage} …`);
    const { state, warning } = await ensureImage(engine, {
      image: config.containerImage,
      projectRoot: projectRoot(),
      variant: config.imageVariant,
      baseImage: config.baseImage,
      onProgress: (line) => talk.progress(`image: ${line}`),
      signal,
    });
    if (warning !== null) warn(setup, warning);
    talk.good(`The agents’ image ${config.containerImage} is ${IMAGE_TEXT[state]}.`);
    return { name: config.containerImage, state };
  } catch (error) {
    signal.throwIfAborted();
    return withoutImage(setup, config, error);
  } finally {
    engine.close();
  }
}

const IMAGE_TEXT: Record<ImageState['state'], string> = {
  reused: 'there',
  built: 'built',
  foreign: 'there (your own)',
  outdated: 'there (an older one)',
};

/** As the daemon does: the offline agent also runs without. */
function withoutImage(setup: Setup, config: Config, error: unknown): null {
  const mayGoOn = config.runtime === 'auto' && config.provider === 'offline';
  if (!mayGoOn || !(error instanceof NanoClawError) || !/^IMAGE_(MISSING|BUILD)/.test(error.code))
    throw error;
  warn(setup, `${error.message} The offline agent runs as a plain process instead, without isolation.`);
  return null;
}
