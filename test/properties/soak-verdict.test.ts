/** The soak's verdict: it must see growth, and must not see it in what only goes up and down. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Sample } from '../../bench/soak/sample.ts';
import { judge, slopeOf } from '../../bench/soak/verdict.ts';

const FLAT: Omit<Sample, 'minute' | 'collected'> = {
  rss: 120,
  heap: 30,
  fds: 60,
  database: 5,
  wal: 4,
  rows: 10_000,
  log: 3,
  mailbox: 15,
  turnLogs: 600,
  copies: 0,
  backlog: 1,
  unanswered: 2,
};
const hour = (more: (minute: number) => Partial<Sample>): Sample[] =>
  Array.from({ length: 241 }, (_, i) => ({
    ...FLAT,
    minute: i / 4,
    collected: i % 10 === 0,
    ...more(i / 4),
  }));
const growing = (samples: Sample[]) =>
  judge(samples)
    .filter(({ good }) => !good)
    .map(({ name }) => name);

it('finds nothing in a flat run, whatever the noise, single peaks and a warm-up', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 241, maxLength: 241 }),
      (noise) => {
        const samples = hour((minute) => ({
          // Garbage piles up and is collected now and then.
          rss:
            120 -
            (minute < 20 ? 20 : 0) +
            (minute % 2.5 === 0 ? 0 : 5 * minute) +
            3 * (noise[minute * 4] ?? 0),
          heap: 30 + (minute % 2.5 === 0 ? 0 : minute) + Math.abs(noise[minute * 4] ?? 0),
          fds: 60 + 4 * (noise[minute * 4] ?? 0),
        }));
        expect(growing(samples)).toEqual([]);
      },
    ),
    { numRuns: 20 },
  );
});

/** The log has a fixed bound, and fills it. */
const JUDGED = (Object.keys(FLAT) as (keyof typeof FLAT)[]).filter((metric) => metric !== 'log');
it.each(JUDGED)('finds a steady growth of %s', (metric) => {
  // As much again within the hour, and enough to matter.
  const whole = 2 * FLAT[metric] + 100;
  expect(growing(hour((minute) => ({ [metric]: FLAT[metric] + (whole * minute) / 60 })))).toHaveLength(1);
});

it('does not judge the trend of a short run, but its fixed bounds', () => {
  const short = hour((minute) => ({ rss: 100 + 50 * minute })).slice(0, 20);
  expect(growing(short)).toEqual([]);
  expect(growing(short.map((sample) => ({ ...sample, wal: 100 })))).toEqual(['WAL (MiB)']);
  expect(judge(short, { log: 2 }).filter(({ good }) => !good)).toMatchObject([{ name: 'logs (MiB)' }]);
});

it('takes the slope of a line, and that of a line with wild points', () => {
  fc.assert(
    fc.property(fc.integer({ min: -100, max: 100 }), fc.integer({ min: -100, max: 100 }), (slope, start) => {
      const line = Array.from({ length: 30 }, (_, x) => [x, start + slope * x] as const);
      expect(slopeOf(line)).toBeCloseTo(slope);
      expect(slopeOf(line.map(([x, y]) => [x, x % 10 === 0 ? 1e9 : y]))).toBeCloseTo(slope, -1);
    }),
  );
});
