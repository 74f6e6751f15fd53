/**
 * What a figure is: a measured thing beside the bare limit of the same kind, measured in the same run on the same
 * machine. A figure measures and returns rows; it never prints them. To add one: a file in figures/, a line in main.ts.
 */
import type { Cleanups } from './support/cleanups.ts';
import type { Stats } from './support/stats.ts';

export interface Row {
  /** What was measured, e.g. "update → turn file". */
  name: string;
  unit: 'ms' | 'MB' | 'rows/s' | 'messages/s' | 'MiB/s' | 'ms CPU/min' | 'MiB' | '×';
  measured: Stats;
  /** The bare limit; null where there is none to name. */
  limit: { name: string; stats: Stats } | null;
  /** null: shown, but nothing is asked of it. */
  aim: Aim | null;
  /** What a reader must know of how it came about. */
  note?: string;
}

/**
 * ratio: at most so many times the limit (medians). share: at least that share of the limit (rates).
 * over: at most so much more than the limit. p99: at most so much. most: a median of at most so much.
 */
export type Aim = { kind: 'ratio' | 'share' | 'over' | 'p99' | 'most'; value: number };

export interface BenchContext {
  cleanups: Cleanups;
  /** What Node is given before the daemon's own file, e.g. --cpu-prof. */
  daemonNodeArgs: readonly string[];
  /** About this many samples, or a tenth with --quick. */
  samples(full: number): number;
  /** So many rows of a large database, or a hundredth with --quick. */
  rows(full: number): number;
  /** What two figures need is made once in a run: measurements of one line, a large database. */
  once<T>(name: string, make: () => Promise<T>): Promise<T>;
  /** Says on the terminal what goes on. */
  say(line: string): void;
  /** Names what is not measured here, and why. */
  skipped(what: string, why: string): void;
}

export type Figure = (bench: BenchContext) => Promise<Row[]>;

/** Median against median; null without a limit. */
export function ratioOf({ measured, limit }: Pick<Row, 'measured' | 'limit'>): number | null {
  return limit === null || limit.stats.median === 0 ? null : measured.median / limit.stats.median;
}

/** null when nothing is asked. */
export function isMet({ measured, limit, aim }: Pick<Row, 'measured' | 'limit' | 'aim'>): boolean | null {
  if (aim === null) return null;
  if (aim.kind === 'p99') return measured.p99 <= aim.value;
  if (aim.kind === 'most') return measured.median <= aim.value;
  if (limit === null) return null;
  const { median } = limit.stats;
  if (aim.kind === 'ratio' && median === 0) return null; // no multiple of nothing says anything
  if (aim.kind === 'over') return measured.median - median <= aim.value;
  if (aim.kind === 'share') return measured.median >= aim.value * median;
  return measured.median <= aim.value * median;
}

export function aimText(aim: Aim | null, unit: Row['unit']): string {
  if (aim === null) return '';
  if (aim.kind === 'p99') return `p99 ≤ ${aim.value} ${unit}`;
  if (aim.kind === 'most') return `≤ ${aim.value} ${unit}`;
  if (aim.kind === 'over') return `≤ limit + ${aim.value} ${unit}`;
  return aim.kind === 'share' ? `≥ ${aim.value} ×` : `≤ ${aim.value} ×`;
}
