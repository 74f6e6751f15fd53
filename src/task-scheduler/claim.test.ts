import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextRun } from '../next-run.ts';
import { type Iso, iso } from '../types.ts';
import { dueInstants, MAX_COUNTED, MAX_MISSED_ROWS } from './claim.ts';

const YEAR_MS = 365.25 * 86_400_000;

const taskOf = (
  scheduleType: 'cron' | 'interval',
  scheduleValue: string,
  timezone: string,
  from: number,
) => ({
  scheduleType,
  scheduleValue,
  timezone,
  anchor: iso(from),
  nextRun: iso(from) as Iso | null,
});

function counted(task: ReturnType<typeof taskOf>, now: number) {
  let steps = 0;
  const due = dueInstants(task, now, (schedule, after) => {
    steps += 1;
    return nextRun(schedule, after);
  });
  return { ...due, steps };
}

describe('the instants that have come', () => {
  it.each([
    ['interval', '1s', 'UTC'],
    ['cron', '* * * * *', 'Europe/Berlin'],
    ['cron', '*/5 0-5 * * 1', 'America/New_York'],
    ['cron', '* * * 1 *', 'UTC'],
  ] as const)('of %s %s after a jump of centuries take a bounded number of steps', (type, value, zone) => {
    const from = Date.parse('2026-11-02T08:00:00Z');
    const task = taskOf(type, value, zone, from);
    task.nextRun = iso(nextRun({ type, value, timezone: zone, anchor: from }, from) ?? from);
    const now = from + 300 * YEAR_MS;
    const { instants, unlisted, next, steps } = counted(task, now);
    expect(steps).toBeLessThan(MAX_COUNTED + 100);
    expect(instants).toHaveLength(1);
    expect(unlisted).toBe(MAX_COUNTED);
    const [latest = 0] = instants;
    expect(latest).toBeLessThanOrEqual(now);
    expect(next).toBeGreaterThan(now);
    expect(nextRun({ type, value, timezone: zone, anchor: from }, latest)).toBe(next);
  });

  it('are those of the calendar, none left out and none twice', () => {
    const from = Date.parse('2026-10-24T22:10:00Z');
    fc.assert(
      fc.property(
        fc.constantFrom('7m', '90s', '3h'),
        fc.integer({ min: 0, max: 10 * 86_400_000 }),
        (value, ms) => {
          const task = taskOf('interval', value, 'Europe/Berlin', from);
          const schedule = { type: 'interval', value, timezone: 'Europe/Berlin', anchor: from } as const;
          const all: number[] = [];
          for (let at: number | null = from; at !== null && at <= from + ms; at = nextRun(schedule, at))
            all.push(at);
          const { instants, unlisted, next } = counted(task, from + ms);
          expect([...all].slice(-MAX_MISSED_ROWS)).toEqual(instants);
          expect(unlisted).toBe(Math.max(0, all.length - MAX_MISSED_ROWS));
          expect(next).toBeGreaterThan(from + ms);
        },
      ),
      { numRuns: 50 },
    );
  });
});
