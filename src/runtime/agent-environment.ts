/**
 * The environment of an agent, the same for every runtime: what the protocol names, and the time zone. Pure; takes
 * nothing from the daemon's own environment, so that no secret of the host can slip in.
 */

import type { AgentEnvironment } from '../protocol/environment.ts';
import { PROTOCOL_VERSION } from '../protocol.ts';
import type { AgentLaunch } from './agent-runtime.ts';

/** Where the agent finds its folders, as it sees them. */
export type AgentPaths = Pick<AgentLaunch, 'groupDir' | 'globalDir' | 'mailboxDir' | 'homeDir'>;

export function protocolEnvironment(
  launch: AgentLaunch,
  paths: AgentPaths,
  idleExitMs: number,
  sweepMs: number,
): Record<string, string> {
  const { provider, modelUrl, doorUrl = null, openai } = launch;
  const token = modelUrl === null ? undefined : (launch.token ?? undefined);
  const environment: Record<keyof AgentEnvironment, string | undefined> = {
    NANOCLAW_PROTOCOL: String(PROTOCOL_VERSION),
    NANOCLAW_CONTAINER: launch.name,
    NANOCLAW_PROVIDER: provider,
    NANOCLAW_GROUP_DIR: paths.groupDir,
    NANOCLAW_GLOBAL_DIR: paths.globalDir,
    NANOCLAW_IPC_DIR: paths.mailboxDir,
    NANOCLAW_IDLE_EXIT_MS: String(idleExitMs),
    NANOCLAW_SWEEP_MS: String(sweepMs),
    HOME: paths.homeDir,
    NANOCLAW_DOOR_URL: doorUrl ?? undefined,
    NANOCLAW_DOOR_TOKEN: doorUrl === null ? undefined : (launch.token ?? undefined),
    ...(provider === 'openai'
      ? {
          ANTHROPIC_BASE_URL: undefined,
          ANTHROPIC_AUTH_TOKEN: undefined,
          OPENAI_BASE_URL: modelUrl === null ? undefined : `${modelUrl}/v1`,
          OPENAI_API_KEY: token,
        }
      : {
          ANTHROPIC_BASE_URL: modelUrl ?? undefined,
          ANTHROPIC_AUTH_TOKEN: token,
          OPENAI_BASE_URL: undefined,
          OPENAI_API_KEY: undefined,
        }),
    OPENAI_MODEL: provider === 'openai' ? (openai?.model ?? undefined) : undefined,
    OPENAI_CONTEXT_TOKENS: provider === 'openai' && openai ? String(openai.contextTokens) : undefined,
  };
  const set = Object.entries(environment).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return { ...Object.fromEntries(set), TZ: launch.timezone };
}
