/** Where agents run: the engine, the image, the network rules, and whether an agent could write where it has to. */
import { readBuildContext } from '../../docker/build-context.ts';
import { findImage } from '../../docker/engine-images.ts';
import { DEFAULT_IMAGE, ensureImage, type ImageFacts, judgeImage } from '../../docker/image.ts';
import { messageOf } from '../../errors.ts';
import { projectRoot } from '../../lib/project-root.ts';
import { PROTOCOL_VERSION } from '../../protocol.ts';
import type { DaemonStatus } from '../../status.ts';
import type { Check } from './check.ts';
import { fail, ok, unseen, warn } from './finding.ts';
import { type Ground, groupsOf } from './ground.ts';
import { mendWorkspaces, probeWorkspaces, workspaceFinding } from './workspace-probe.ts';

const PLAIN = 'Agents run as plain processes, without isolation.';
const NO_ENGINE = 'the container engine does not answer';

/** Agents may run without an engine here, though held by nothing. */
const mayDoWithout = ({ config }: Ground) => config.runtime === 'auto' && config.provider === 'offline';

const engineAnswers = (ground: Ground): Promise<boolean> =>
  ground.once('engine answers', () =>
    ground.engine.version().then(
      () => true,
      () => false,
    ),
  );

const engine: Check = {
  id: 'engine',
  async look(ground) {
    if (ground.config.runtime === 'process')
      return warn('engine', PLAIN, 'Set CONTAINER_RUNTIME=auto or docker.');
    try {
      const { Version, ApiVersion } = await ground.engine.version();
      return ok('engine', `The container engine answers: version ${Version}, API ${ApiVersion}.`);
    } catch (error) {
      const say = mayDoWithout(ground) ? warn : fail;
      return say(
        'engine',
        messageOf(error),
        'Start Docker; docker version must answer for the user that the daemon runs as.',
      );
    }
  },
};

interface ImageLook extends ImageFacts {
  id: string | null;
  /** It is one that is built here. */
  builds: boolean;
}

const lookAtImage = (ground: Ground): Promise<ImageLook> =>
  ground.once('image', async () => {
    const name = ground.config.containerImage;
    const [found, context] = await Promise.all([
      findImage(ground.engine, name),
      readBuildContext(projectRoot(), ground.config.imageVariant),
    ]);
    const facts = judgeImage(name, found, context?.hash ?? null);
    const ours = name === DEFAULT_IMAGE || name.startsWith('nanoclaw-');
    return { ...facts, id: found?.Id ?? null, builds: context !== null && ours };
  });

const image: Check = {
  id: 'image',
  async look(ground) {
    const { config } = ground;
    const name = config.containerImage;
    if (config.runtime === 'process') return ok('image', 'Plain processes need no image.');
    if (!(await engineAnswers(ground))) return unseen('image', NO_ENGINE, 'engine');
    const { state, protocol, builds } = await lookAtImage(ground);
    const speaks = protocol === null || protocol === String(PROTOCOL_VERSION);
    const older = `for another version of NanoClaw (protocol ${protocol}; this one speaks ${PROTOCOL_VERSION})`;
    const build = 'nanoclaw doctor --fix builds it (as nanoclaw image, and each start of the daemon).';
    const pull = `docker pull ${name}, or unset CONTAINER_IMAGE to have one built.`;
    if (state === 'missing')
      return fail('image', `The agent image ${name} is not there.`, builds ? build : pull);
    if (state === 'mismatch')
      return fail(
        'image',
        `The agent image ${name} is ${older}.`,
        'Build yours again on the current nanoclaw-agent:latest.',
      );
    if (state === 'own') return ok('image', `The agent image is your own, ${name}.`);
    if (state === 'current')
      return ok('image', `The agent image ${name} is there, built from these sources.`);
    if (!speaks) return fail('image', `The agent image ${name} is ${older}.`, build);
    return warn('image', `The agent image ${name} is older than its sources.`, build);
  },
  async mend(ground, { onProgress }) {
    const { config } = ground;
    if (config.runtime === 'process' || !(await engineAnswers(ground))) return [];
    const { state, builds } = await lookAtImage(ground);
    if (!(state === 'missing' && builds) && state !== 'outdated') return [];
    const built = await ensureImage(ground.engine, {
      image: config.containerImage,
      projectRoot: projectRoot(),
      variant: config.imageVariant,
      baseImage: config.baseImage,
      onProgress,
    });
    if (built.warning) throw new Error(built.warning);
    return [`Built ${config.containerImage}.`];
  },
};

/** As the running daemon says; without one only that plain processes are never held. */
async function networkOf(ground: Ground): Promise<DaemonStatus['network']> {
  const status = await ground.status();
  if (status) return status.network;
  return ground.config.runtime === 'process'
    ? { enforced: false, reason: 'agents run as plain processes' }
    : { enforced: null, reason: null };
}

const network: Check = {
  id: 'network',
  async look(ground) {
    const strict = groupsOf(ground)
      .filter(({ network: policy }) => policy !== 'open')
      .map(({ folder }) => folder);
    const { enforced, reason } = await networkOf(ground);
    if (enforced === true) return ok('network', 'The network rules of the groups are enforced.');
    if (enforced === null) {
      const seen = 'Whether network rules can be enforced here, only a running daemon knows.';
      if (strict.length === 0) return ok('network', `${seen} No group has any but the default.`);
      return warn('network', seen, 'Start the daemon, or try nanoclaw doctor --drill.');
    }
    const seen = `Network rules are NOT enforced: ${reason ?? 'the runtime cannot'}.`;
    const fix = 'Use a Docker engine on this machine under Linux; docs/security.md says why.';
    if (strict.length === 0) return warn('network', seen, fix);
    return fail('network', `${seen} Agents of ${strict.join(', ')} do not start.`, fix);
  },
};

const workspace: Check = {
  id: 'workspace',
  async look(ground) {
    const { config } = ground;
    if (config.runtime === 'process')
      return ok('workspace', 'Plain processes write as the daemon’s user: see owners.');
    if (!(await engineAnswers(ground))) return unseen('workspace', NO_ENGINE, 'engine');
    const { id } = await lookAtImage(ground);
    if (id === null) return unseen('workspace', 'there is no image to try it with', 'image');
    return workspaceFinding(ground, await probeWorkspaces(ground, id));
  },
  async mend(ground) {
    if (ground.config.runtime === 'process' || !(await engineAnswers(ground))) return [];
    const { id } = await lookAtImage(ground);
    return id === null ? [] : mendWorkspaces(await probeWorkspaces(ground, id));
  },
};

export const ENGINE_CHECKS: readonly Check[] = [engine, image, network, workspace];
