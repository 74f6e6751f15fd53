/** What figures with the real SDK in containers share: whether an engine answers, the image, a world whose model is a script. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { loadConfig } from '../../src/config.ts';
import { Engine } from '../../src/docker/engine.ts';
import { ensureImage } from '../../src/docker/image.ts';
import { messageOf } from '../../src/errors.ts';
import { projectRoot } from '../../src/lib/project-root.ts';
import { createMessagesApi } from '../../test/support/messages-api.ts';
import type { BenchContext } from '../figure.ts';
import { openWorld, type World } from './world.ts';

export interface ClaudeWorld extends World {
  image: string;
  /** By performance.now(): when the last request of a conversation had arrived, and when its answer was handed out. */
  readonly model: { requestedAt: number; answeredAt: number };
  /** The id of the one container of this world. */
  container(): Promise<string>;
  /** Removes the containers and networks of this world; the daemon leaves warm ones only when it is killed. */
  removeContainers(): Promise<void>;
}

export const docker = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)('docker', args, { maxBuffer: 16 * 2 ** 20 })).stdout.trim();

/**
 * The agent's image, built when it is missing or older than these sources. Null where there is none to be had: then
 * `what` is noted as not measured.
 */
export async function agentImage(bench: BenchContext, what: string): Promise<string | null> {
  const made = await bench.once('agent image', async () => {
    try {
      await docker('version');
    } catch {
      return { why: 'no Docker engine answers' };
    }
    const config = loadConfig({ ...process.env, NANOCLAW_HOME: '/nonexistent' });
    const engine = new Engine(config.engine);
    try {
      const onProgress = (line: string) => bench.say(`  image: ${line}`);
      const options = { image: config.containerImage, projectRoot: projectRoot(), onProgress };
      await ensureImage(engine, { ...options, baseImage: config.baseImage });
      return { image: config.containerImage };
    } catch (error) {
      return { why: messageOf(error) };
    } finally {
      engine.close();
    }
  });
  if ('image' in made) return made.image ?? null;
  bench.skipped(what, made.why ?? '');
  return null;
}

/** A world whose groups have agents in containers, with the Claude Agent SDK, and whose model answers "Yes." at once. */
export async function openClaudeWorld(
  bench: BenchContext,
  image: string,
  settings: Record<string, string> = {},
): Promise<ClaudeWorld> {
  const seen = { requestedAt: 0, answeredAt: 0 };
  const api = await createMessagesApi({
    script: (request) => {
      seen.requestedAt = request.at;
      seen.answeredAt = performance.now();
      return 'Yes.';
    },
  });
  const closeApi = bench.cleanups.add(() => api.close());
  const world = await openWorld(bench, {
    ...(process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {}),
    CONTAINER_RUNTIME: 'docker',
    CONTAINER_IMAGE: image,
    AGENT_PROVIDER: 'claude',
    ANTHROPIC_API_KEY: 'made-up-for-the-benchmark',
    ANTHROPIC_BASE_URL: api.url,
    ...settings,
  });
  const removeContainers = () => removeAll(world);
  const undo = bench.cleanups.add(removeContainers);
  return {
    ...world,
    image,
    model: seen,
    container: async () => (await docker('ps', '-q', '--filter', labelOf(world))).split('\n')[0] ?? '',
    removeContainers,
    async dispose() {
      await undo();
      await closeApi();
      await world.dispose();
    },
  };
}

const labelOf = (world: World): string => `label=nanoclaw.instance=${world.withDb((db) => db.instanceId)}`;

async function removeAll(world: World): Promise<void> {
  if (!existsSync(`${world.home}/data`)) return;
  const label = labelOf(world);
  const containers = (await docker('ps', '-aq', '--filter', label)).split('\n').filter(Boolean);
  if (containers.length > 0) await docker('rm', '-f', '-v', ...containers);
  const networks = (await docker('network', 'ls', '-q', '--filter', label)).split('\n').filter(Boolean);
  if (networks.length > 0) await docker('network', 'rm', ...networks);
}
