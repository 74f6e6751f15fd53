/** One agent that lives, as the pool knows it (pool.ts). */
import type { Timer } from '../lib/clock.ts';
import type { AgentContainer } from '../runtime/agent-runtime.ts';
import type { Folder, ProviderName } from '../types.ts';
import type { Leave } from './start-gate.ts';

export interface Agent {
  readonly container: AgentContainer;
  readonly folder: Folder;
  state: 'busy' | 'idle' | 'closing';
  idleSince: number;
  idleTimer?: Timer;
  /** Which extra mounts it has; it is not given another turn when they are not the group's any more. */
  readonly mounts: string;
  /** What it can think with; null: nobody has noted it. Another needs another agent. */
  readonly provider: ProviderName | null;
  /** For its first turn. */
  notes: readonly string[];
  /** The database knows which container of the engine it is; with its first turn at the latest. */
  isNoted: boolean;
  /** It has shown that it works: another one may start. */
  begun: Leave;
}
