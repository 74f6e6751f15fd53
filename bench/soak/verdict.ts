/**
 * Flat or not? Of each thing that was looked at: the trend over the second half of the run, as growth within that half,
 * beside what is allowed; and what may never be exceeded at all. Pure.
 */
import type { Sample } from './sample.ts';

type Metric = Exclude<keyof Sample, 'minute'>;

interface Bound {
  metric: Metric;
  name: string;
  /** Growth in the second half: at most this share of its median, or this much, whichever is more. */
  share: number;
  least: number;
  /** Never more than this. */
  most?: number;
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

/** Garbage collection and warm agents come and go: a tenth up or down within half an hour is no trend. */
const BOUNDS: readonly Bound[] = [
  { metric: 'rss', name: 'resident memory (MiB)', share: 0.1, least: 10 },
  { metric: 'heap', name: 'heap in use (MiB)', share: 0.1, least: 6 },
  { metric: 'fds', name: 'open files', share: 0.1, least: 6, most: 500 },
  { metric: 'database', name: 'database (MiB)', share: 0.1, least: 1 },
  { metric: 'wal', name: 'WAL (MiB)', share: 0.1, least: 4, most: 24 },
  { metric: 'rows', name: 'rows', share: 0.1, least: 300 },
  { metric: 'log', name: 'logs (MiB)', share: 0.1, least: 0.5 },
  { metric: 'mailbox', name: 'mailbox files', share: 0.1, least: 20 },
  { metric: 'turnLogs', name: 'turn logs', share: 0.1, least: 30 },
  { metric: 'copies', name: 'copies to send', share: 0.1, least: 5 },
  { metric: 'backlog', name: 'outbox backlog', share: 0.1, least: 20 },
  { metric: 'unanswered', name: 'unanswered', share: 0.1, least: 20 },
];
const SHORTEST_TREND_MINUTES = 10;

/** `most` gives limits that the run's own settings set. */
export function judge(samples: readonly Sample[], most: Partial<Record<Metric, number>> = {}): Judged[] {
  const end = samples.at(-1)?.minute ?? 0;
  const half = samples.filter(({ minute }) => minute >= end / 2);
  return BOUNDS.map((bound) => {
    const values = samples.map((sample) => sample[bound.metric]);
    const recent = half.map((sample) => sample[bound.metric]);
    const limit = most[bound.metric] ?? bound.most;
    const allowedGrowth = Math.max(bound.share * medianOf(recent), bound.least);
    const growth =
      end < SHORTEST_TREND_MINUTES
        ? null
        : slopeOf(half.map((sample) => [sample.minute, sample[bound.metric]])) * (end / 2);
    const largest = Math.max(...values);
    const allowed = `${growth === null ? '' : `+${allowedGrowth.toFixed(1)}`}${limit === undefined ? '' : ` ≤ ${limit}`}`;
    return {
      name: bound.name,
      first: values[0] ?? 0,
      median: medianOf(recent),
      largest,
      last: values.at(-1) ?? 0,
      growth,
      allowed: allowed.trim(),
      good: (growth === null || growth <= allowedGrowth) && (limit === undefined || largest <= limit),
    };
  });
}

/** By Theil and Sen, the median of the slopes between all pairs: single peaks do not move it. Per unit of x. */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
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
