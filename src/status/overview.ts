/**
 * What the database tells at a glance, for the status command (the daemon running or stopped), /status and the page. One
 * plain object; instants are ISO 8601 UTC, days are UTC days. Its shape is documented in docs/operations.md: add, never
 * rename. Reads only, by indexes; a few milliseconds with a thousand groups and a million messages.
 */
import type { GroupLine, GroupUsage, NextTask } from '../db/overview.ts';
import { currentPhase, type Phase, phaseDurations } from '../db/turn-phases.ts';
import type { Db } from '../db.ts';
import { type Iso, iso, type TurnId } from '../types.ts';

export interface OpenTurn {
  id: string;
  group: string;
  kind: string;
  attempt: number;
  state: 'queued' | 'running';
  container: string | null;
  /** When the oldest of what it answers was asked for, or its task was due. */
  askedAt: Iso | null;
  queuedAt: Iso;
  startedAt: Iso | null;
  /** See db/turn-phases.ts: `container` until its agent has begun, `first_output` until the model answers, then `reply`. */
  phase: Exclude<Phase, 'queue'>;
  phaseSince: Iso;
  /** How long the phases before that took, in ms; null for one that was not left. */
  phasesMs: Record<Phase, number | null>;
  /** What its agent said last that it does: a tool's name or a plain word. Null when it said nothing, or nobody listens. */
  activity: string | null;
}

export interface EndedTurn {
  id: string;
  group: string;
  kind: string;
  attempt: number;
  /** done, retried, failed or stopped */
  state: string;
  finishedAt: Iso;
  /** How long each phase took, in ms; null for one that was not reached. */
  phasesMs: Record<Phase, number | null>;
}

export interface Overview {
  turns: OpenTurn[];
  /** Of the last ten turns, those that have ended; newest first. */
  lastTurns: EndedTurn[];
  /** The next ten, soonest first; prompts are cut. */
  nextTasks: NextTask[];
  /** The last five turns that failed for good, newest first. */
  lastErrors: {
    at: Iso;
    group: string;
    turn: string;
    kind: string;
    attempt: number;
    code: string | null;
    message: string | null;
  }[];
  usageToday: {
    day: string;
    requests: number;
    failures: number;
    inputTokens: number;
    outputTokens: number;
    /** As agents reported it; 0 when none did. */
    costUsd: number;
    groups: GroupUsage[];
  };
  /** What became of the messages that came today; `open`: nothing yet. Dispositions that none has are left out. */
  messagesToday: Record<string, number>;
  /** One for each registered group, main first. */
  perGroup: (GroupLine & {
    /** Messages that are owed an answer. */
    openMessages: number;
    /** Id of its open turn, if there is one. */
    turn: string | null;
  })[];
  outbox: { count: number; oldest: Iso | null };
}

const TURNS = 10;
const TASKS = 10;
const ERRORS = 5;
const PROMPT_LENGTH = 120;

export function readOverview(
  db: Db,
  nowMs: number,
  activityOf: (turn: TurnId) => string | null = () => null,
): Overview {
  const day = iso(nowMs).slice(0, 10);
  const turns = db.turns.open();
  const open = db.overview.openMessages();
  const ofGroup = new Map(turns.map((turn) => [turn.chatJid as string, turn.id]));
  const groups = db.overview.usage(day);
  const sum = (of: (usage: GroupUsage) => number) => groups.reduce((total, one) => total + of(one), 0);
  return {
    turns: turns.map((turn) => {
      const { phase, since } = currentPhase(turn);
      return {
        id: turn.id,
        group: turn.folder,
        kind: turn.kind,
        attempt: turn.attempt,
        state: turn.state === 'running' ? 'running' : 'queued',
        container: turn.containerName,
        askedAt: turn.askedAt,
        queuedAt: turn.queuedAt,
        startedAt: turn.startedAt,
        phase,
        phaseSince: since,
        phasesMs: phaseDurations(turn),
        activity: activityOf(turn.id),
      };
    }),
    lastTurns: db.overview.lastTurns(TURNS).flatMap(({ finishedAt, ...turn }) =>
      finishedAt === null
        ? []
        : [
            {
              id: turn.id,
              group: turn.group,
              kind: turn.kind,
              attempt: turn.attempt,
              state: turn.state,
              finishedAt,
              phasesMs: phaseDurations({ ...turn, finishedAt }),
            },
          ],
    ),
    nextTasks: db.overview
      .nextTasks(TASKS)
      .map((task) => ({ ...task, prompt: cut(task.prompt.replace(/\s+/g, ' ')) })),
    lastErrors: db.overview.failedTurns(ERRORS),
    usageToday: {
      day,
      requests: sum((one) => one.requests),
      failures: sum((one) => one.failures),
      inputTokens: sum((one) => one.inputTokens),
      outputTokens: sum((one) => one.outputTokens),
      costUsd: sum((one) => one.costUsd),
      groups,
    },
    messagesToday: db.overview.messages(day),
    perGroup: db.overview.groups().map((line) => ({
      ...line,
      openMessages: open.get(line.chatJid) ?? 0,
      turn: ofGroup.get(line.chatJid) ?? null,
    })),
    outbox: db.outbox.backlog(),
  };
}

const cut = (text: string): string =>
  text.length <= PROMPT_LENGTH ? text : `${text.slice(0, PROMPT_LENGTH - 1).toWellFormed()}…`;
