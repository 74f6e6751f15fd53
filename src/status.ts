/** What the daemon says about itself, as scripts get it, and what follows from it. In words: status/describe.ts. Pure. */
import { age } from './lib/duration.ts';
import type { Problems } from './problems.ts';
import type { Overview } from './status/overview.ts';
import type { PollerStatus } from './telegram/poller.ts';
import type { Iso } from './types.ts';

/** What only the running daemon knows. */
export interface LiveStatus {
  pid: number;
  startedAt: Iso;
  now: Iso;
  home: string;
  url: string;
  provider: string;
  runtime: { name: string; ready: boolean; problem: string | null };
  /** Whether agents are held to their group's network policy; null until the runtime is ready. */
  network: { enforced: boolean | null; reason: string | null };
  poller: PollerStatus;
  /** Updates that wait at Telegram, as it said when the status was asked for; null when it did not. */
  pendingAtTelegram: number | null;
  queue: { running: string[]; waiting: string[]; backingOff: string[] };
  /** Agents that live; `memoryBytes` as the engine said within the last seconds, null where it does not (process runtime). */
  agents: { group: string; container: string; state: string; memoryBytes: number | null }[];
  turnsRunning: number;
  groups: number;
  memory: { rssBytes: number; heapUsedBytes: number };
  /** Not 0: a test makes this daemon fail on purpose. */
  failpoints: number;
  /** The sender rules: why nobody is admitted, and what they name that is no group. */
  senders: { file: string; problem: string | null; unknown: string[] };
  /** What only the operator can put right, oldest first. */
  problems: ReturnType<Problems['open']>;
}

export type DaemonStatus = LiveStatus & Overview;

/** A poll may last 50 s; whoever has not succeeded for longer is not connected. */
const CONNECTED_MS = 75_000;

export function isConnected(status: LiveStatus): boolean {
  const last = status.poller.lastSuccessAt;
  return last !== null && status.poller.problem === null && Date.parse(status.now) - last < CONNECTED_MS;
}

/** Why it cannot do its job now, in plain words; empty when it can. */
export function notReady(s: LiveStatus): string[] {
  return [
    ...(isConnected(s) ? [] : [`Telegram: ${whyNotConnected(s)}`]),
    ...(s.runtime.ready ? [] : [`Agents: ${s.runtime.problem ?? 'starting'}`]),
    ...(s.senders.problem === null ? [] : [`Senders: ${s.senders.problem}`]),
    ...others(s).map(describeProblem),
  ];
}

/** What is wrong with the sender rules is told as it is now, not as it was when it began. */
export const others = (s: LiveStatus) => s.problems.filter(({ kind }) => kind !== 'sender_rules');

export function whyNotConnected(s: LiveStatus): string {
  const last = s.poller.lastSuccessAt;
  if (s.poller.problem !== null) return s.poller.problem;
  return last === null ? 'no poll has succeeded yet' : `last poll ${age(Date.parse(s.now) - last)} ago`;
}

export const describeProblem = (p: { kind: string; subject: string; detail: string }): string =>
  `${p.kind.replaceAll('_', ' ')}${p.subject === '' ? '' : ` (${p.subject})`}: ${p.detail}`;
