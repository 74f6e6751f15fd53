/**
 * The seam between a turn and what it runs in. Two implementations: docker and process.
 * A runtime starts and ends agents; it knows nothing of turns, messages or the database.
 */
import type { OpenAiServer } from '../config/openai.ts';
import type { NetworkEnforcement } from '../policy/network.ts';
import type { Folder, ProviderName, RuntimeName } from '../types.ts';

/** What to start. All paths are absolute paths of the host. */
export interface AgentLaunch {
  /** Unique name, also the container's: nanoclaw-<folder>-<8 hex digits>. Never reused. */
  name: string;
  folder: Folder;
  isMain: boolean;
  provider: ProviderName;
  /** groups/<folder>, read-write. */
  groupDir: string;
  /** groups/global, read-only unless main. */
  globalDir: string;
  /** data/ipc/<folder>: holds in/ (read-only for the agent) and out/ (read-write). */
  mailboxDir: string;
  /** data/sessions/<folder>, the agent's home, read-write. */
  homeDir: string;
  /** NANOCLAW_HOME for main (shown read-only at /workspace/project without secrets), else null. */
  projectDir: string | null;
  /**
   * Allowlisted mounts, already judged; each appears as /workspace/extra/<name>. `identity` is what was judged, as
   * "<dev>:<ino>": the runtime throws MOUNT_REFUSED when it turns out that something else was mounted.
   */
  extraMounts: readonly { name: string; hostPath: string; writable: boolean; identity: string }[];
  /** The agent's own token for the daemon's proxies; good only while it lives. Null where there are none. */
  token: string | null;
  /** The daemon's model endpoint; null for the offline provider. */
  modelUrl: string | null;
  /** Where the daemon speaks to MCP servers for it; null where agents are plain processes. */
  doorUrl?: string | null;
  /** For the provider `openai`: which model, and what the agent has to know of it. */
  openai?: Pick<OpenAiServer, 'model' | 'contextTokens'> | null;
  timezone: string;
}

export interface AgentExit {
  /** Process exit code, or null when it is not known (killed, or gone before we looked). */
  code: number | null;
  oomKilled: boolean;
  /** The last lines the agent wrote to stderr and stdout, at most 4 KiB; for the log and for diagnosis. */
  lastOutput: string;
}

/** A started agent. */
export interface AgentContainer {
  readonly name: string;
  /** The engine's id; for `process` the pid as text. */
  readonly id: string;
  readonly folder: Folder;
  /** Resolves once when the agent has ended, however it ended. Never rejects. */
  readonly exited: Promise<AgentExit>;
  /** Kills the agent and removes what is left of it. Idempotent; resolves when it is gone. */
  remove(): Promise<void>;
}

export interface AgentRuntime {
  readonly name: RuntimeName;
  /**
   * Makes the runtime ready: engine reachable, network and image there (built when missing). Idempotent and
   * cheap when ready. Throws ENGINE_DOWN (retry later), IMAGE_MISSING or IMAGE_BUILD_FAILED (the operator's).
   */
  prepare(): Promise<void>;
  /** Starts an agent. Resolves when its process runs; throws ENGINE_DOWN or ENGINE_REFUSED. */
  launch(launch: AgentLaunch): Promise<AgentContainer>;
  /** The agents of this instance that the engine knows, running or ended; used for adoption at start and by sweeps. */
  list(): Promise<AgentContainer[]>;
  /** How much memory an agent of ours uses now, in bytes; null when it is not known. Throws as the engine does. */
  memoryOf(name: string): Promise<number | null>;
  /** Whether an agent is held to its group's network policy here, and why not. Known after prepare(). */
  networkEnforcement(): NetworkEnforcement;
  /** Ends the runtime's own watching (not the agents). */
  close(): Promise<void>;
}
