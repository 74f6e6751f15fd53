/**
 * What the status page is told, in sections: each is sent whole when it has changed. Types alone, shared with the page's
 * own modules. Instants are ISO 8601 UTC; texts of people are cut. Lists hold the first so many, `total` says how many
 * there are.
 */
export interface PageSections {
  health: Health;
  running: RunningTurn[];
  ended: EndedTurn[];
  tasks: { total: number; shown: TaskLine[] };
  messages: MessageLine[];
  errors: ErrorLine[];
  usage: {
    days: UsageDay[];
    groups: { group: string; tokens: number; costUsd: number }[];
    /** What turns were charged with since the first of the month, in the daemon's zone: the most first, and how many groups there are. */
    month: { from: string; total: number; shown: UsedByGroup[] };
  };
  groups: { total: number; shown: GroupLine[] };
}

export interface PageFrame {
  /** The daemon's clock, so that ages are right whatever the browser's says. */
  now: string;
  sections: Partial<PageSections>;
}

export interface Health {
  assistant: string;
  startedAt: string;
  connected: boolean;
  /** Why it is not connected, in plain words; null when it is. */
  notConnected: string | null;
  bot: string | null;
  lastPollAt: string | null;
  provider: string;
  runtime: { name: string; ready: boolean; problem: string | null };
  /** Why agents are not held to their group's network policy; null when they are, or nobody knows yet. */
  networkNotEnforced: string | null;
  queue: { running: number; waiting: number; backingOff: number };
  /** Agents that wait for their group's next turn. */
  warm: number;
  outbox: { count: number; oldest: string | null };
  memoryMb: number;
  /** What only the operator can put right. */
  problems: { since: string | null; text: string }[];
  /** The built-in simulator runs at the same address. */
  simulator: boolean;
}

export type PhaseName = 'queue' | 'container' | 'first_output' | 'reply';

export interface RunningTurn {
  id: string;
  group: string;
  kind: string;
  attempt: number;
  askedAt: string;
  phase: PhaseName;
  phaseSince: string;
  /** Of the phases before this one, in ms. */
  phasesMs: Partial<Record<PhaseName, number>>;
  activity: string | null;
}

export interface EndedTurn {
  id: string;
  group: string;
  kind: string;
  attempt: number;
  /** done, retried, failed or stopped */
  state: string;
  finishedAt: string;
  phasesMs: Partial<Record<PhaseName, number>>;
}

export interface TaskLine {
  id: string;
  group: string;
  prompt: string;
  /** In words: the cron line, the interval, or the instant. */
  schedule: string;
  /** The next runs within a week, soonest first; the first may lie beyond. */
  runs: string[];
  lastResult: string | null;
  /** Failed runs in a row. */
  failures: number;
}

export interface MessageLine {
  seq: number;
  group: string;
  at: string;
  who: string;
  isNina: boolean;
  text: string;
  /** null: not settled yet */
  disposition: string | null;
  reason: string | null;
}

export interface ErrorLine {
  at: string;
  group: string;
  turn: string;
  attempt: number;
  code: string | null;
  message: string | null;
}

export interface UsedByGroup {
  group: string;
  turns: number;
  inputTokens: number;
  outputTokens: number;
  costUsd: number;
}

export interface UsageDay {
  day: string;
  messages: number;
  requests: number;
  failures: number;
  inputTokens: number;
  outputTokens: number;
  costUsd: number;
}

export interface GroupLine {
  name: string;
  folder: string;
  isMain: boolean;
  /** Messages that are owed an answer. */
  open: number;
  isRunning: boolean;
  lastActivity: string | null;
}
