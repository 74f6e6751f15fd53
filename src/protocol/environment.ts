/** What the daemon and the agent runner agree on besides files: the agent's environment, and how it exits. */
import { z } from 'zod';

/**
 * What the agent runner is told at its start, as environment variables. Nothing here is a secret of the host:
 * NANOCLAW_DOOR_TOKEN, ANTHROPIC_AUTH_TOKEN and OPENAI_API_KEY are the container's own, good only at the daemon's proxy and only while the
 * container lives.
 */
export const agentEnvironmentSchema = z.object({
  NANOCLAW_PROTOCOL: z.coerce.number().int(),
  /** This container's name; the runner takes only turns that name it. */
  NANOCLAW_CONTAINER: z.string().min(1),
  NANOCLAW_PROVIDER: z.enum(['claude', 'openai', 'offline']),
  /** The group's folder, its workspace: /workspace/group in a container. */
  NANOCLAW_GROUP_DIR: z.string().min(1),
  NANOCLAW_GLOBAL_DIR: z.string().min(1),
  /** The mailbox: the directory that holds in/ and out/ (/workspace/ipc in a container). */
  NANOCLAW_IPC_DIR: z.string().min(1),
  /** The agent exits by itself after so long without a turn (ms); a safety net for a daemon that is gone. */
  NANOCLAW_IDLE_EXIT_MS: z.coerce.number().int().min(1000),
  /** How often the mailbox is looked at when no file event came (ms). */
  NANOCLAW_SWEEP_MS: z.coerce.number().int().min(50),
  HOME: z.string().min(1),
  /** The daemon's door to MCP servers elsewhere, and the container's own token for it. */
  NANOCLAW_DOOR_URL: z.url().optional(),
  NANOCLAW_DOOR_TOKEN: z.string().optional(),
  ANTHROPIC_BASE_URL: z.url().optional(),
  ANTHROPIC_AUTH_TOKEN: z.string().optional(),
  OPENAI_BASE_URL: z.url().optional(),
  OPENAI_API_KEY: z.string().optional(),
  OPENAI_MODEL: z.string().min(1).optional(),
  /** How many tokens prompt and answer may take together. */
  OPENAI_CONTEXT_TOKENS: z.coerce.number().int().min(4096).optional(),
});
export type AgentEnvironment = z.infer<typeof agentEnvironmentSchema>;

/** Exit code of an agent that found its folder, home or mailbox not writable; its stderr names the path. */
export const EXIT_WORKSPACE_UNWRITABLE = 70;
