/**
 * The status in short lines, for a chat or a terminal. Times are told as how long ago or how far ahead, so that no zone is
 * needed. Pure. Other groups than main get describeBriefly: nothing of the host, of other groups or of people.
 */
import { age } from '../lib/duration.ts';
import { percent } from '../lib/percent.ts';
import { type DaemonStatus, describeProblem, isConnected, others, whyNotConnected } from '../status.ts';
import type { Disposition, Iso } from '../types.ts';
import { ENGLISH, type Words } from '../words.ts';
import type { OpenTurn, Overview } from './overview.ts';

/** So many of a list are shown; how many more there are is said. */
const SHOWN = 5;

export function describeStatus(s: DaemonStatus): string {
  const now = Date.parse(s.now);
  const last = s.poller.lastSuccessAt;
  const telegram = isConnected(s)
    ? `connected as @${s.poller.bot?.username ?? '?'}, last poll ${age(now - (last ?? now))} ago`
    : `NOT connected: ${whyNotConnected(s)}`;
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
    `Turns: ${s.turnsRunning} running, ${s.queue.waiting.length} waiting, ${s.queue.backingOff.length} to be retried`,
    ...listed(s.turns, (turn) => `${turn.group}: ${describeTurn(turn, now)}`),
    ...describeAgents(s),
    ...describeOverview(s, now),
    ...(s.senders.problem === null ? [] : [`Senders: NOBODY is admitted: ${s.senders.problem}`]),
    ...(s.senders.unknown.length === 0
      ? []
      : [`Senders: the rules name no registered group: ${s.senders.unknown.join(', ')}`]),
    ...others(s).map((p) => `Problem for ${age(now - Date.parse(p.since))}: ${describeProblem(p)}`),
  ].join('\n');
}

/** Of a daemon that is stopped: what its database tells. */
export function describeStopped(
  home: string,
  overview: Overview,
  problems: readonly { kind: string; subject: string; detail: string; since: Iso }[],
  nowMs: number,
): string {
  return [
    `The daemon is stopped (home ${home}). What its database says:`,
    `Turns that were running: ${overview.turns.length}`,
    ...listed(overview.turns, (turn) => `${turn.group}: since ${age(nowMs - Date.parse(turn.queuedAt))}`),
    ...describeOverview(overview, nowMs),
    ...problems.map((p) => `Problem for ${age(nowMs - Date.parse(p.since))}: ${describeProblem(p)}`),
    '→ nanoclaw start starts it here; where it runs as a service: nanoclaw service start.',
  ].join('\n');
}

/** For any group's chat: is it all right, and what happens here? */
export function describeBriefly(s: DaemonStatus, jid: string, words: Words): string {
  const now = Date.parse(s.now);
  const line = s.perGroup.find(({ chatJid }) => chatJid === jid);
  const turn = s.turns.find(({ id }) => id === line?.turn);
  const here =
    turn !== undefined
      ? words.atWork(describeTurn(turn, now, words))
      : s.queue.running.includes(jid)
        ? words.atWork(null)
        : s.queue.waiting.includes(jid)
          ? words.waitsForPlace
          : s.queue.backingOff.includes(jid)
            ? words.backsOff
            : words.nothingGoesOn;
  const isWell = s.runtime.ready && isConnected(s) && s.problems.length === 0;
  return [
    words.up(words.age(now - Date.parse(s.startedAt))),
    isWell ? words.allIsWell : words.notAllIsWell,
    words.here(here),
    ...(line?.nextRun ? [nextTask(Date.parse(line.nextRun) - now, words)] : []),
  ].join('\n');
}

const nextTask = (aheadMs: number, words: Words): string =>
  aheadMs >= 0 ? words.nextTaskIn(words.age(aheadMs)) : words.nextTaskDue(words.age(-aheadMs));

function describeTurn(turn: OpenTurn, nowMs: number, words: Words = ENGLISH): string {
  const phase = turn.phase === 'reply' ? (turn.activity ?? words.phases.reply) : words.phases[turn.phase];
  const parts = [
    words.age(nowMs - Date.parse(turn.queuedAt)),
    words.phaseFor(phase, words.age(nowMs - Date.parse(turn.phaseSince))),
    ...(turn.kind === 'task' ? [words.aTask] : []),
    ...(turn.attempt > 1 ? [words.attempt(turn.attempt)] : []),
  ];
  return parts.join(', ');
}

function describeAgents(s: DaemonStatus): string[] {
  if (s.agents.length === 0) return [];
  const warm = s.agents.filter((agent) => agent.state === 'idle').length;
  const known = s.agents.flatMap(({ memoryBytes }) => (memoryBytes === null ? [] : [memoryBytes]));
  const memory = known.length === 0 ? '' : `, ${mib(known.reduce((sum, one) => sum + one, 0))} of memory`;
  return [
    `Containers: ${s.agents.length}, ${warm} warm${memory}`,
    ...listed(
      s.agents,
      ({ group, state, memoryBytes }) =>
        `${group}: ${state === 'idle' ? 'warm' : state}${memoryBytes === null ? '' : `, ${mib(memoryBytes)}`}`,
    ),
  ];
}

/** What running and stopped daemons have in common. */
function describeOverview(o: Overview, now: number): string[] {
  const { count, oldest } = o.outbox;
  const [lastError] = o.lastErrors;
  const recent = [...o.perGroup].sort((a, b) => (b.lastActivity ?? '').localeCompare(a.lastActivity ?? ''));
  return [
    `Outbox: ${count === 0 ? 'empty' : `${count} to send, the oldest for ${age(now - Date.parse(oldest ?? ''))}`}`,
    ...(o.nextTasks.length === 0 ? [] : ['Next tasks:']),
    ...o.nextTasks
      .slice(0, SHOWN)
      .map((task) => `• ${when(task.nextRun, now)}, ${task.group}: ${short(task.prompt)}`),
    `Today (UTC): ${describeToday(o)}`,
    ...(lastError === undefined
      ? []
      : [
          `Last error: ${age(now - Date.parse(lastError.at))} ago, ${lastError.group}: ${lastError.code ?? ''}: ${short(lastError.message ?? '')}`,
        ]),
    `Groups: ${o.perGroup.length}`,
    ...listed(recent, (group) => {
      const parts = [
        group.lastActivity === null ? 'silent' : `${age(now - Date.parse(group.lastActivity))} ago`,
        ...(group.openMessages > 0 ? [`${group.openMessages} unanswered`] : []),
        ...describeSession(group),
        ...describeModel(group),
        ...(group.paused === null ? [] : [`PAUSED (${group.paused})`]),
      ];
      return `${group.folder}${group.isMain ? ' (main)' : ''}: ${parts.join(', ')}`;
    }),
  ];
}

const describeModel = ({ provider, model }: Overview['perGroup'][number]): string[] => {
  const chosen = [provider, model].filter((one) => one !== null);
  return chosen.length === 0 ? [] : [`thinks with ${chosen.join(' ')}`];
};

function describeSession({
  sessionId,
  contextTokens,
  contextWindow,
}: Overview['perGroup'][number]): string[] {
  if (sessionId === null) return [];
  if (contextTokens === null || contextWindow === null) return ['has a session'];
  return [`session ${percent(contextTokens, contextWindow)} % full`];
}

const DISPOSITION_WORDS: Record<Disposition | 'open', string> = {
  answered: 'answered',
  open: 'open',
  failed: 'failed',
  stopped: 'stopped',
  not_allowed: 'not allowed',
  host_command: 'commands',
  not_for_nina: 'not for the assistant',
  unregistered: 'of groups that are gone',
  // What she wrote herself, and notes such as "Anna joined": not said.
  own: '',
  service: '',
};

function describeToday({ messagesToday, usageToday: use }: Overview): string {
  const messages = Object.entries(DISPOSITION_WORDS).flatMap(([disposition, words]) => {
    const count = messagesToday[disposition] ?? 0;
    return words === '' || count === 0 ? [] : [`${count} ${words}`];
  });
  const tokens = `${use.requests} model requests, ${thousands(use.inputTokens)} + ${thousands(use.outputTokens)} tokens`;
  const used = use.requests === 0 ? [] : [tokens];
  const cost = use.costUsd > 0 ? [`$${use.costUsd.toFixed(2)}`] : [];
  const said = messages.length === 0 ? 'no messages' : `messages: ${messages.join(', ')}`;
  return [said, [...used, ...cost].join(', ')].filter((part) => part !== '').join('; ');
}

function listed<T>(all: readonly T[], line: (one: T) => string): string[] {
  const more = all.length - SHOWN;
  return [...all.slice(0, SHOWN).map((one) => `• ${line(one)}`), ...(more > 0 ? [`• and ${more} more`] : [])];
}

function when(at: Iso, now: number): string {
  const ahead = Date.parse(at) - now;
  return ahead >= 0 ? `in ${age(ahead)}` : `due for ${age(-ahead)}`;
}

const short = (text: string): string => (text.length <= 60 ? text : `${text.slice(0, 59).toWellFormed()}…`);
const mib = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MiB`;
const thousands = (count: number): string => count.toLocaleString('en-US');
