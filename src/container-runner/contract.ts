/** What the container runner needs, and what it does for the rest of the daemon. */
import type { RunResult } from '../group-queue.ts';
import type { Ipc } from '../ipc.ts';
import type { Reach } from '../lib/failpoint.ts';
import type { ReadSecrets } from '../mcp/secrets.ts';
import type { Lack, Thinks } from '../policy/thinking.ts';
import type { Problems } from '../problems.ts';
import type { AgentEvent } from '../protocol.ts';
import type { Presence } from '../router/presence.ts';
import type { Router } from '../router.ts';
import type { ChatJid, Conversation, Folder, Group, ProviderName, TurnId } from '../types.ts';
import type { PoolOptions } from './pool.ts';

export interface ContainerRunnerOptions
  extends Omit<PoolOptions, 'onStarted' | 'onExit' | 'isStopping' | 'startGate'> {
  assistantName: string;
  /** How long a turn may show no sign of life. */
  timeoutMs: number;
  memoryMb: number;
  /** Turns over messages that a group may begin within an hour; 0: no limit. */
  turnsPerHour: number;
  /** A conversation that was not used for longer is left for a fresh one; null: none is. */
  sessionMaxIdleMs: number | null;
  /** The zone in which a day of usage begins. */
  zone: string;
  /** What is missing for a group's agent to think; null: nothing. */
  lackOf: (group: Group) => Lack | null;
  /** USD for a million tokens in and out ("0.25/2") of what is thought with, as far as the host knows it; null: its agent says it. */
  priceOf: (thinks: Thinks) => string | null;
  /** The subject of a problem with this provider: empty for the one that the settings name. */
  aboutProvider: (provider: ProviderName | null) => string;
  /** What the operator holds for MCP servers, as it is now. */
  mcpSecrets: () => ReadSecrets;
  record: Router['record'];
  askMain: Router['askMain'];
  wakeDelivery: (jid: ChatJid) => void;
  beginDelivery: (jid: ChatJid) => void;
  /** What the chat sees of its turns. */
  presence: Pick<Presence, 'begin' | 'ended'>;
  /** How long the conversation's next turn should wait for files, and for the rest of an album. */
  incompleteMs: (jid: ChatJid, of: Conversation) => number;
  /** Called before each turn, so that the snapshots in the mailbox are fresh. Never rejects: they are hints. */
  writeSnapshots: (group: Group) => Promise<void>;
  /** A task's run has ended or is to be repeated. */
  tasksChanged: (jid: ChatJid) => void;
  /** So many agents start at once. */
  startsAtOnce: number;
  /** How often reality is looked at. Default: RECONCILE_MS. */
  reconcileMs?: number | undefined;
  /** Something waits in this chat, and perhaps nobody has said so. */
  wakeQueue: (jid: ChatJid) => void;
  problems: Problems;
  /** Late, because ipc needs the runner, too. */
  ipc: () => Pick<Ipc, 'attach' | 'detach' | 'drain'>;
  reach?: Reach | undefined;
}

export interface ContainerRunner {
  /** The queue's run: one turn of this chat, or nothing when nothing waits. */
  run(jid: ChatJid): Promise<RunResult>;
  /** An event from the mailbox. False: an earlier one is missing, look again. */
  onEvent(folder: Folder, event: AgentEvent): boolean;
  onLostEvent(folder: Folder, turn: string, n: number): void;
  /** At start, before the queue runs: takes over agents that still work and settles what others left. From then on
   * reality is looked at once a minute. */
  recover(): Promise<void>;
  /** Where a turn goes on or something waits. */
  chatsWithWork(): ChatJid[];
  /**
   * Ends the chat's turn, or only this one of it, if somebody wants it to stop, within two seconds: asks the agent, then
   * takes it away.
   */
  stopTurn(jid: ChatJid, only?: TurnId): void;
  /** Agents cannot run, for this reason, or (null) nobody knows yet; told to those who wait, see standstill.ts. */
  away(error: unknown): void;
  /** Agents can run. */
  back(): void;
  /** A group was unregistered, or its extra mounts have changed: its warm agent is not kept. */
  closeUnwanted(): void;
  /** Ends the folder's agent where it only waits. True: none runs there. */
  rest(folder: Folder): boolean;
  status(): { agents: { group: string; container: string; state: string }[]; turns: number };
  /** What the turn's agent said last that it does, a tool's name or a plain word; null when it said nothing. */
  activityOf(turn: TurnId): string | null;
  /** Idle agents go; busy ones go on and are adopted by the next daemon. */
  stop(): Promise<void>;
}
