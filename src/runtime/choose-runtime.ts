/**
 * Which runtime, and the model endpoint that goes with it. `auto`: what thinks with a model only ever runs in Docker, and waits for
 * it; the offline agent runs in Docker where an engine answers and an image can be had, else as a process.
 */
import path from 'node:path';
import type { Config } from '../config.ts';
import { Engine } from '../docker/engine.ts';
import { messageOf, NanoClawError } from '../errors.ts';
import type { AgentProxies } from '../http/agent-proxies.ts';
import { issueToken } from '../http/proxy-token.ts';
import type { Clock } from '../lib/clock.ts';
import { projectRoot } from '../lib/project-root.ts';
import type { Logger } from '../log.ts';
import type { ProviderName } from '../types.ts';
import type { AgentRuntime } from './agent-runtime.ts';
import { createDockerRuntime } from './docker-runtime.ts';
import { createProcessRuntime } from './process-runtime.ts';

export interface RuntimeParts {
  clock: Clock;
  log: Logger;
  instanceId: string;
  openProxies: () => AgentProxies;
  /** A test's own. */
  given?: AgentRuntime;
}

export interface ChosenRuntime {
  readonly runtime: AgentRuntime;
  /** What a new agent of this provider may reach, with a fresh token of its own. */
  issueAccess(provider: ProviderName): {
    token: string | null;
    tokenSha256: string | null;
    modelUrl: string | null;
    doorUrl: string | null;
  };
  /** After a failed prepare(): takes the other runtime if that is allowed. False: wait and try again. */
  fallBack(error: unknown): Promise<boolean>;
  close(): Promise<void>;
}

export async function chooseRuntime(config: Config, parts: RuntimeParts): Promise<ChosenRuntime> {
  if (parts.given) return fixed(parts.given);
  if (config.runtime === 'process') return fixed(processRuntime(parts));
  const engine = new Engine(config.engine);
  if (config.runtime === 'auto' && config.provider === 'offline' && !(await answers(engine))) {
    engine.close();
    parts.log.warn(
      { event: 'no_engine' },
      'no Docker engine answers: agents run as plain processes, without isolation',
    );
    return fixed(processRuntime(parts));
  }
  return withDocker(config, parts, engine);
}

function withDocker(config: Config, parts: RuntimeParts, engine: Engine): ChosenRuntime {
  const proxies = parts.openProxies();
  const docker = createDockerRuntime({
    engine,
    instanceId: parts.instanceId,
    image: config.containerImage,
    projectRoot: projectRoot(),
    variant: config.imageVariant,
    stateDir: path.join(config.home, 'data', 'run'),
    baseImage: config.baseImage,
    limits: { memoryMb: config.containerMemoryMb, cpus: config.containerCpus },
    // The agent ends by itself only when the daemon has been gone for long: the daemon's own idle time comes first.
    idleExitMs: config.idleTimeoutMs + 3_600_000,
    // No network at all is the strictest there is; where it is not possible the runtime falls back and says so.
    reach: 'sockets',
    doors: proxies,
    proxyUrl: ({ token }) =>
      token === null || egressAt === null ? null : `http://agent:${token}@${egressAt}`,
    clock: parts.clock,
    log: parts.log,
  });
  let modelUrl: string | null = null;
  let egressAt: string | null = null;
  const prepared: AgentRuntime = {
    ...docker,
    async prepare() {
      await docker.prepare();
      const sockets = docker.proxySockets();
      if (sockets) {
        modelUrl = sockets.modelUrl;
        egressAt = sockets.egressHost;
      } else {
        const { modelPort, egressPort } = await proxies.listen(docker.gatewayAddress());
        modelUrl = `http://${docker.proxyHost()}:${modelPort}`;
        egressAt = `${docker.proxyHost()}:${egressPort}`;
      }
    },
  };
  let current = prepared;
  return {
    get runtime() {
      return current;
    },
    issueAccess(provider) {
      if (current !== prepared) return NO_ACCESS;
      const { token, sha256 } = issueToken();
      const own = provider === 'offline' ? null : modelUrl;
      return { token, tokenSha256: sha256, modelUrl: own, doorUrl: modelUrl };
    },
    async fallBack(error) {
      const noImage =
        error instanceof NanoClawError &&
        (error.code === 'IMAGE_BUILD_FAILED' || error.code === 'IMAGE_MISSING');
      if (!noImage || config.runtime !== 'auto' || config.provider !== 'offline') return false;
      parts.log.warn(
        { event: 'no_image', fix: error.fix },
        `${messageOf(error)} The offline agent runs as a plain process instead, without isolation.`,
      );
      await docker.close();
      current = processRuntime(parts);
      return true;
    },
    async close() {
      await current.close();
      await proxies.close();
    },
  };
}

const NO_ACCESS = { token: null, tokenSha256: null, modelUrl: null, doorUrl: null };

const processRuntime = (parts: RuntimeParts): AgentRuntime =>
  createProcessRuntime({
    agentRunner: path.join(projectRoot(), 'dist', 'agent-runner.js'),

    log: parts.log,
  });

const fixed = (runtime: AgentRuntime): ChosenRuntime => ({
  runtime,
  issueAccess: () => NO_ACCESS,
  fallBack: async () => false,
  close: () => runtime.close(),
});

async function answers(engine: Engine): Promise<boolean> {
  try {
    await engine.ping();
    return true;
  } catch {
    return false;
  }
}
