/**
 * What the status page shows, put together from the daemon's status and the database. Bounded, whatever there is: the first
 * so many of each list, and how many there are. Reads only. What is the same for a while (the runs of a schedule, the use of
 * past days) is remembered, since a page that is open asks every second.
 */
import { dayIn, daysOf } from '../allowances.ts';
import type { PageTask } from '../db/page.ts';
import { phaseDurations } from '../db/turn-phases.ts';
import type { Db } from '../db.ts';
import type {
  EndedTurn,
  GroupLine,
  Health,
  PageSections,
  PhaseName,
  RunningTurn,
  TaskLine,
} from '../http/page-sections.ts';
import { BoundedMap } from '../lib/bounded-map.ts';
import type { Clock } from '../lib/clock.ts';
import { nextRun, type Schedule, ScheduleError } from '../next-run.ts';
import { type DaemonStatus, describeProblem, isConnected, others, whyNotConnected } from '../status.ts';
import { iso } from '../types.ts';

export interface PageViewParts {
  db: Db;
  clock: Clock;
  status: () => DaemonStatus;
  assistantName: string;
  /** The zone in which a day of usage begins. */
  timezone: string;
  /** The built-in simulator runs at the same address. */
  simulator: boolean;
}

const ENDED = 12;
const TASKS = 12;
const MESSAGES = 25;
const GROUPS = 20;
const USERS = 5;
const DAYS = 14;
const RUNS = 60;
const TEXT_LENGTH = 160;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** The sums of days are read that often at most. */
const USAGE_FRESH_MS = 10_000;

export function createPageView({
  db,
  clock,
  status,
  assistantName,
  simulator,
  timezone,
}: PageViewParts): () => PageSections {
  const runsOf = new BoundedMap<string, string[]>(4 * TASKS);
  let month: { at: number; value: PageSections['usage']['month'] } | null = null;
  let days: { at: number; value: PageSections['usage']['days'] } | null = null;

  function usageDays(now: number): PageSections['usage']['days'] {
    if (days && Math.abs(now - days.at) < USAGE_FRESH_MS) return days.value;
    const first = iso(now - (DAYS - 1) * DAY_MS).slice(0, 10);
    const used = new Map(db.page.usage(first).map((line) => [line.day, line]));
    const counts = db.page.messageCounts(first);
    const none = { requests: 0, failures: 0, inputTokens: 0, outputTokens: 0, costUsd: 0 };
    const value = Array.from({ length: DAYS }, (_, i) => {
      const day = iso(now - (DAYS - 1 - i) * DAY_MS).slice(0, 10);
      return { ...none, ...used.get(day), day, messages: counts.get(day) ?? 0 };
    });
    days = { at: now, value };
    return value;
  }

  function usageMonth(now: number): PageSections['usage']['month'] {
    if (month && Math.abs(now - month.at) < USAGE_FRESH_MS) return month.value;
    const [from, to] = daysOf('month', dayIn(now, timezone));
    const used = db.allowances.usedBy('group', null, [from, to]);
    const shown = used
      .map(({ key, turns, input_tokens, output_tokens, cost_usd }) => ({
        ...{ group: key, turns },
        ...{ inputTokens: input_tokens, outputTokens: output_tokens, costUsd: cost_usd },
      }))
      .sort((a, b) => b.inputTokens + b.outputTokens - a.inputTokens - a.outputTokens || b.turns - a.turns)
      .slice(0, GROUPS);
    month = { at: now, value: { from, total: used.length, shown } };
    return month.value;
  }

  function upcoming(task: PageTask, now: number): string[] {
    const key = [task.id, task.nextRun, task.scheduleValue, task.timezone, Math.floor(now / HOUR_MS)].join(
      ' ',
    );
    const known = runsOf.get(key);
    if (known) return known;
    const found = [task.nextRun, ...runsAfter(task, now + 7 * DAY_MS + HOUR_MS)];
    runsOf.set(key, found);
    return found;
  }

  return () => {
    const s = status();
    const now = clock.now();
    return {
      health: healthOf(s, assistantName, simulator),
      running: s.turns.map(runningTurn),
      ended: db.overview
        .lastTurns(ENDED + s.turns.length)
        .flatMap(endedTurn)
        .slice(0, ENDED),
      tasks: {
        total: db.page.taskCount(),
        shown: db.page.tasks(TASKS).map((task) => taskLine(task, upcoming(task, now))),
      },
      messages: db.page.messages(MESSAGES).map((message) => ({
        ...message,
        group: message.group ?? '',
        text: cut(message.text),
        reason: message.reason === null ? null : cut(message.reason),
      })),
      errors: s.lastErrors.map(({ at, group, turn, attempt, code, message }) => ({
        at,
        group,
        turn,
        attempt,
        code,
        message: message === null ? null : cut(message),
      })),
      usage: {
        days: usageDays(now),
        month: usageMonth(now),
        groups: s.usageToday.groups
          .map(({ group, inputTokens, outputTokens, costUsd }) => ({
            group,
            tokens: inputTokens + outputTokens,
            costUsd,
          }))
          .sort((a, b) => b.tokens - a.tokens)
          .slice(0, USERS),
      },
      groups: { total: s.perGroup.length, shown: busiest(s.perGroup).slice(0, GROUPS).map(groupLine) },
    };
  };
}

function healthOf(s: DaemonStatus, assistant: string, simulator: boolean): Health {
  const connected = isConnected(s);
  const words = [
    ...(s.failpoints > 0 ? ['FAILPOINTS are on: this daemon fails on purpose'] : []),
    ...(s.senders.problem === null ? [] : [`Nobody is admitted: ${s.senders.problem}`]),
    ...(s.senders.unknown.length === 0
      ? []
      : [`The sender rules name no registered group: ${s.senders.unknown.slice(0, 10).join(', ')}`]),
  ];
  return {
    assistant,
    startedAt: s.startedAt,
    connected,
    notConnected: connected ? null : whyNotConnected(s),
    bot: s.poller.bot?.username ?? null,
    lastPollAt: s.poller.lastSuccessAt === null ? null : iso(s.poller.lastSuccessAt),
    provider: s.provider,
    runtime: s.runtime,
    networkNotEnforced: s.network.enforced === false ? (s.network.reason ?? 'the runtime cannot') : null,
    queue: {
      running: s.queue.running.length,
      waiting: s.queue.waiting.length,
      backingOff: s.queue.backingOff.length,
    },
    warm: s.agents.filter((agent) => agent.state === 'idle').length,
    outbox: s.outbox,
    memoryMb: Math.round(s.memory.rssBytes / 10_485_760) * 10,
    problems: [
      ...words.map((text) => ({ since: null, text })),
      ...others(s).map((problem) => ({ since: problem.since, text: describeProblem(problem) })),
    ],
    simulator,
  };
}

function runningTurn(turn: DaemonStatus['turns'][number]): RunningTurn {
  const { id, group, kind, attempt, phase, phaseSince, activity } = turn;
  const { phasesMs } = turn;
  return {
    id,
    group,
    kind,
    attempt,
    askedAt: turn.askedAt ?? turn.queuedAt,
    phase,
    phaseSince,
    phasesMs: known(phasesMs),
    activity: activity === null ? null : cut(activity),
  };
}

type ListedTurn = ReturnType<Db['overview']['lastTurns']>[number];

const endedTurn = ({ id, group, kind, attempt, state, ...times }: ListedTurn): EndedTurn[] =>
  times.finishedAt === null
    ? []
    : [
        {
          id,
          group,
          kind,
          attempt,
          state,
          finishedAt: times.finishedAt,
          phasesMs: known(phaseDurations(times)),
        },
      ];

const known = (phases: Record<PhaseName, number | null>): Partial<Record<PhaseName, number>> =>
  Object.fromEntries(Object.entries(phases).filter(([, ms]) => ms !== null));

function taskLine(task: PageTask, runs: string[]): TaskLine {
  const { id, group, lastResult, failures, scheduleValue: value, timezone } = task;
  const schedule =
    task.scheduleType === 'interval'
      ? `every ${value}`
      : task.scheduleType === 'once'
        ? `once, ${value}`
        : `${value} (${timezone})`;
  return {
    id,
    group,
    prompt: cut(task.prompt),
    schedule,
    runs,
    lastResult: lastResult === null ? null : cut(lastResult),
    failures,
  };
}

/** The instants after the task's next run and before `end`; none for a schedule that cannot be read. */
function runsAfter(task: PageTask, end: number): string[] {
  const schedule: Schedule = {
    type: task.scheduleType as Schedule['type'],
    value: task.scheduleValue,
    timezone: task.timezone,
    anchor: Date.parse(task.anchor),
  };
  const found: string[] = [];
  try {
    let at = nextRun(schedule, Date.parse(task.nextRun));
    while (at !== null && at < end && found.length < RUNS - 1) {
      found.push(iso(at));
      at = nextRun(schedule, at);
    }
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
  }
  return found;
}

/** Main first, then where something goes on, then where somebody wrote last. */
function busiest(groups: DaemonStatus['perGroup']): DaemonStatus['perGroup'] {
  const rank = (g: DaemonStatus['perGroup'][number]) =>
    g.isMain ? 0 : g.turn !== null || g.openMessages > 0 ? 1 : 2;
  return [...groups].sort(
    (a, b) => rank(a) - rank(b) || (b.lastActivity ?? '').localeCompare(a.lastActivity ?? ''),
  );
}

const groupLine = (g: DaemonStatus['perGroup'][number]): GroupLine => ({
  name: g.name,
  folder: g.folder,
  isMain: g.isMain,
  open: g.openMessages,
  isRunning: g.turn !== null,
  lastActivity: g.lastActivity,
});

/** On one line, whole characters. */
function cut(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= TEXT_LENGTH ? line : `${line.slice(0, TEXT_LENGTH - 1).toWellFormed()}…`;
}
