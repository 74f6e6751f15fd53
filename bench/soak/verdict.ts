/**
 * Flat or not? Of each thing that was looked at: the trend over the second half of the run, as growth within that half,
 * beside what is allowed; and what may never be exceeded at all. Pure.
 */
import type { Sample } from './sample.ts';

type Metric = Exclude<keyof Sample, 'minute' | 'collected'>;

interface Bound {
  metric: Metric;
  name: string;
  /** Growth in the second half: a tenth of its median, or this much, whichever is more. Left out: any. */
  least?: number;
  /** Never more than this. */
  most?: number;
  /** Only looks just after a collection of garbage count: before it, memory says when the last one was. */
  collected?: true;
}

export interface Judged {
  name: string;
  first: number;
  median: number;
  largest: number;
  last: number;
  /** By the trend, over the second half; null when the run is too short to tell. */
  growth: number | null;
  allowed: string;
  good: boolean;
}

/** Warm agents come and go: a tenth up or down within half an hour is no trend. */
const BOUNDS: readonly Bound[] = [
  { metric: 'rss', name: 'resident memory (MiB)', least: 10, most: 512, collected: true },
  { metric: 'heap', name: 'heap in use (MiB)', least: 3, collected: true },
  { metric: 'fds', name: 'open files', least: 6, most: 500 },
  { metric: 'database', name: 'database (MiB)', least: 1 },
  { metric: 'wal', name: 'WAL (MiB)', least: 4, most: 24 },
  { metric: 'rows', name: 'rows', least: 300 },
  // Fills what it may have, and no more: the run gives the limit.
  { metric: 'log', name: 'logs (MiB)' },
  { metric: 'mailbox', name: 'mailbox files', least: 20 },
  { metric: 'turnLogs', name: 'turn logs', least: 30 },
  { metric: 'copies', name: 'copies to send', least: 5 },
  { metric: 'backlog', name: 'outbox backlog', least: 20 },
  { metric: 'unanswered', name: 'unanswered', least: 20 },
];
const SHARE = 0.1;
/** What the run keeps for ten minutes must have filled up before the second half. */
export const SHORTEST_TREND_MINUTES = 30;

/** `most` gives limits that the run's own settings set. */
export function judge(samples: readonly Sample[], most: Partial<Record<Metric, number>> = {}): Judged[] {
  const end = samples.at(-1)?.minute ?? 0;
  const half = samples.filter(({ minute }) => minute >= end / 2);
  return BOUNDS.map((bound) => {
    const values = samples.map((sample) => sample[bound.metric]);
    const counted = half.filter(({ collected }) => collected || !bound.collected);
    const recent = counted.map((sample) => sample[bound.metric]);
    const points = counted.map((sample) => [sample.minute, sample[bound.metric]] as const);
    const limit = most[bound.metric] ?? bound.most;
    const mayGrow = bound.least === undefined ? null : Math.max(SHARE * medianOf(recent), bound.least);
    const tooShort = end < SHORTEST_TREND_MINUTES;
    const growth = tooShort ? null : slopeOf(points) * (end / 2);
    const largest = Math.max(...values);
    const allowed = `${tooShort || mayGrow === null ? '' : `+${mayGrow.toFixed(1)}`}${limit === undefined ? '' : ` ≤ ${limit}`}`;
    return {
      name: bound.name,
      first: values[0] ?? 0,
      median: medianOf(recent),
      largest,
      last: values.at(-1) ?? 0,
      growth,
      allowed: allowed.trim(),
      good:
        (growth === null || mayGrow === null || growth <= mayGrow) &&
        (limit === undefined || largest <= limit),
    };
  });
}

type Point = readonly [x: number, y: number];

/** By Theil and Sen, the median of the slopes between all pairs: single peaks do not move it. Per unit of x. */
export function slopeOf(points: readonly Point[]): number {
  const slopes: number[] = [];
  points.forEach(([x, y], i) => {
    for (const [later, value] of points.slice(i + 1)) if (later > x) slopes.push((value - y) / (later - x));
  });
  return medianOf(slopes);
}

/** 0 of nothing. */
function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
