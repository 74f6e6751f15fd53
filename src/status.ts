/** What the daemon says about itself: the shape for scripts, and a few lines for people. Pure. */
import type { Problems } from './problems.ts';
import type { Overview } from './status/overview.ts';
import type { PollerStatus } from './telegram/poller.ts';
import type { Iso } from './types.ts';

export interface DaemonStatus extends Overview {
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

/** A poll may last 50 s; whoever has not succeeded for longer is not connected. */
const CONNECTED_MS = 75_000;

export function isConnected(status: DaemonStatus): boolean {
  const last = status.poller.lastSuccessAt;
  return last !== null && status.poller.problem === null && Date.parse(status.now) - last < CONNECTED_MS;
}

/** Why it cannot do its job now, in plain words; empty when it can. */
export function notReady(s: DaemonStatus): string[] {
  return [
    ...(isConnected(s) ? [] : [`Telegram: ${whyNotConnected(s)}`]),
    ...(s.runtime.ready ? [] : [`Agents: ${s.runtime.problem ?? 'starting'}`]),
    ...(s.senders.problem === null ? [] : [`Senders: ${s.senders.problem}`]),
    ...others(s).map(describeProblem),
  ];
}

/** What is wrong with the sender rules is told as it is now, not as it was when it began. */
const others = (s: DaemonStatus) => s.problems.filter(({ kind }) => kind !== 'sender_rules');

function whyNotConnected(s: DaemonStatus): string {
  const last = s.poller.lastSuccessAt;
  if (s.poller.problem !== null) return s.poller.problem;
  return last === null ? 'no poll has succeeded yet' : `last poll ${age(Date.parse(s.now) - last)} ago`;
}

/** Short lines for a chat or a terminal. */
export function describeStatus(s: DaemonStatus): string {
  const now = Date.parse(s.now);
  const last = s.poller.lastSuccessAt;
  const telegram = isConnected(s)
    ? `connected as @${s.poller.bot?.username ?? '?'}, last poll ${age(now - (last ?? now))} ago`
    : `NOT connected: ${whyNotConnected(s)}`;
  const warm = s.agents.filter((a) => a.state === 'idle').length;
  return [
    ...(s.failpoints > 0
      ? ['FAILPOINTS ARE ON: this daemon fails on purpose. Never run it like this for people.']
      : []),
    `Up since ${s.startedAt} (${age(now - Date.parse(s.startedAt))})`,
    `Telegram: ${telegram}${s.pendingAtTelegram === null ? '' : `, ${s.pendingAtTelegram} updates wait there`}`,
    `Agents: ${s.runtime.name}, ${s.provider}, ${s.runtime.ready ? 'ready' : `NOT ready: ${s.runtime.problem ?? 'starting'}`}`,
    ...(s.network.enforced === false
      ? [`Network rules: NOT enforced: ${s.network.reason ?? 'the runtime cannot'}`]
      : []),
    `Turns: ${s.turnsRunning} running, ${s.queue.waiting.length} waiting, ${s.queue.backingOff.length} to be retried; ${warm} warm`,
    `Outbox: ${s.outbox.count === 0 ? 'empty' : `${s.outbox.count} to send, oldest from ${s.outbox.oldest}`}`,
    `Groups: ${s.groups}`,
    ...(s.senders.problem === null ? [] : [`Senders: NOBODY is admitted: ${s.senders.problem}`]),
    ...(s.senders.unknown.length === 0
      ? []
      : [`Senders: the rules name no registered group: ${s.senders.unknown.join(', ')}`]),
    ...others(s).map((p) => `Problem for ${age(now - Date.parse(p.since))}: ${describeProblem(p)}`),
  ].join('\n');
}

/** For any group's chat: is it all right, and what happens here? Nothing of the host or of other groups. */
export function describeBriefly(s: DaemonStatus, jid: string): string {
  const here = s.queue.running.includes(jid)
    ? 'I am at work on something.'
    : s.queue.waiting.includes(jid)
      ? 'Something waits for a free place.'
      : s.queue.backingOff.includes(jid)
        ? 'Something failed or has to wait, and is tried again.'
        : 'Nothing is going on.';
  const isWell = s.runtime.ready && isConnected(s) && s.problems.length === 0;
  return [
    `Up for ${age(Date.parse(s.now) - Date.parse(s.startedAt))}.`,
    isWell ? 'All is well.' : 'Something is not all right; the main chat knows more.',
    `Here: ${here}`,
  ].join('\n');
}

export const describeProblem = (p: { kind: string; subject: string; detail: string }): string =>
  `${p.kind.replaceAll('_', ' ')}${p.subject === '' ? '' : ` (${p.subject})`}: ${p.detail}`;

export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}
