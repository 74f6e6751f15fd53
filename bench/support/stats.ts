/** What is said of many measurements of one thing. Pure. */

export interface Stats {
  n: number;
  median: number;
  p95: number;
  p99: number;
}

/** Nearest rank; of few samples the high percentiles are simply the largest one. Throws when there is none. */
export function statsOf(samples: readonly number[]): Stats {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number): number => {
    const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
    if (value === undefined) throw new Error('nothing was measured');
    return value;
  };
  return { n: sorted.length, median: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** Of rates: the slow ones are the bad ones, so p95 and p99 are what 95 and 99 of 100 runs reached. */
export function ratesOf(samples: readonly number[]): Stats {
  const { n, median, p95, p99 } = statsOf(samples.map((rate) => -rate));
  return { n, median: -median, p95: -p95, p99: -p99 };
}
