import { CronExpressionParser } from 'cron-parser';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromWall } from './lib/zone.ts';
import {
  checkSchedule,
  nextRun,
  previewSchedule,
  type Schedule,
  ScheduleError,
  scheduleTypeOf,
} from './next-run.ts';

const at = (text: string) => Date.parse(text);
const cron = (value: string, timezone = 'UTC'): Schedule => ({ type: 'cron', value, timezone, anchor: 0 });
const runs = (schedule: Schedule, from: string, to: string): string[] => {
  const found: string[] = [];
  for (
    let next = nextRun(schedule, at(from));
    next !== null && next <= at(to);
    next = nextRun(schedule, next)
  ) {
    found.push(new Date(next).toISOString().slice(0, 16));
  }
  return found;
};

describe('when the clocks are set forward', () => {
  it.each([
    // zone, the day around it, the run at 02:30 that day (UTC)
    ['Europe/Berlin', '2026-03-28T12:00Z', '2026-03-29T12:00Z', '2026-03-29T01:30'], // 03:30 CEST
    ['America/New_York', '2026-03-07T12:00Z', '2026-03-08T15:00Z', '2026-03-08T07:30'], // 03:30 EDT
    ['Australia/Sydney', '2026-10-03T00:00Z', '2026-10-03T23:00Z', '2026-10-03T16:30'], // 03:30 AEDT
  ])('02:30 in %s runs once, as much later as the clock jumped', (zone, from, to, expected) => {
    expect(runs(cron('30 2 * * *', zone), from, to)).toEqual([expected]);
  });

  it.each(['Europe/Berlin', 'America/New_York', 'Australia/Sydney', 'Australia/Lord_Howe', 'UTC'])(
    'every half hour in %s is every half hour of elapsed time, all year',
    (zone) => {
      const all = runs(cron('*/30 * * * *', zone), '2026-01-01T00:00Z', '2027-01-01T00:00Z');
      expect(all).toHaveLength(365 * 48);
      expect(new Set(all).size).toBe(all.length);
    },
  );

  it('does not use an instant twice when the shifted time is scheduled anyway', () => {
    expect(runs(cron('30 2,3 * * *', 'Europe/Berlin'), '2026-03-28T23:00Z', '2026-03-29T12:00Z')).toEqual([
      '2026-03-29T01:30',
    ]);
  });

  it('keeps an interval at elapsed time', () => {
    const schedule: Schedule = {
      type: 'interval',
      value: '1d',
      timezone: 'Europe/Berlin',
      anchor: at('2026-03-27T08:00Z'),
    };
    expect(runs(schedule, '2026-03-27T08:00Z', '2026-03-30T20:00Z')).toEqual([
      '2026-03-28T08:00',
      '2026-03-29T08:00',
      '2026-03-30T08:00',
    ]);
  });
});

describe('when the clocks are set back', () => {
  it.each([
    ['Europe/Berlin', '2026-10-24T12:00Z', '2026-10-25T12:00Z', '2026-10-25T00:30'], // 02:30 CEST, the first
    ['Australia/Sydney', '2026-04-04T00:00Z', '2026-04-05T00:00Z', '2026-04-04T15:30'], // 02:30 AEDT, the first
  ])('02:30 in %s runs the first time only', (zone, from, to, expected) => {
    expect(runs(cron('30 2 * * *', zone), from, to)).toEqual([expected]);
  });

  it('01:30 in New York runs the first time only', () => {
    expect(runs(cron('30 1 * * *', 'America/New_York'), '2026-10-31T12:00Z', '2026-11-01T12:00Z')).toEqual([
      '2026-11-01T05:30',
    ]);
  });

  it('a schedule of fixed hours runs each of its times once that day', () => {
    expect(runs(cron('*/30 1-2 * * *', 'Europe/Berlin'), '2026-10-24T20:00Z', '2026-10-25T12:00Z')).toEqual([
      '2026-10-24T23:00',
      '2026-10-24T23:30',
      '2026-10-25T00:00',
      '2026-10-25T00:30',
    ]);
  });

  it('from within the repeated hour the next day is next', () => {
    expect(runs(cron('30 2 * * *', 'Europe/Berlin'), '2026-10-25T00:45Z', '2026-10-26T12:00Z')).toEqual([
      '2026-10-26T01:30',
    ]);
  });
});

describe('cron', () => {
  it.each([
    ['0 9 * * 1-5', '2026-11-20T12:00Z', '2026-11-23T09:00'], // Friday → Monday
    ['0 9 * * MON-FRI', '2026-11-20T12:00Z', '2026-11-23T09:00'],
    ['0 0 29 2 *', '2026-11-20T12:00Z', '2028-02-29T00:00'],
    ['0 0 13 * 5', '2026-11-20T12:00Z', '2026-11-27T00:00'], // the 13th or a Friday
    ['*/15 8-10 * * *', '2026-11-20T10:50Z', '2026-11-21T08:00'],
    ['5/20 * * * *', '2026-11-20T10:06Z', '2026-11-20T10:25'],
    ['0 12 1 jan,JUL *', '2026-11-20T12:00Z', '2027-01-01T12:00'],
    ['0 0 * * 7', '2026-11-20T12:00Z', '2026-11-22T00:00'],
    ['@daily', '2026-11-20T12:00Z', '2026-11-21T00:00'],
    ['@Hourly', '2026-11-20T12:00Z', '2026-11-20T13:00'],
  ])('%s after %s is %s', (value, from, expected) => {
    expect(new Date(nextRun(cron(value), at(from)) ?? NaN).toISOString().slice(0, 16)).toBe(expected);
  });

  it.each([
    ['', 'exactly five fields'],
    ['* * *', 'got 3 fields'],
    ['0 0 0 * * *', 'got 6 fields'],
    ['60 * * * *', 'minute field "60"'],
    ['* 24 * * *', 'hour field'],
    ['* * 0 * *', 'day field'],
    ['* * * 13 *', 'month field'],
    ['* * * * 8', 'weekday field'],
    ['5-1 * * * *', 'minute field'],
    ['*/0 * * * *', 'minute field'],
    ['1-2-3 * * * *', 'minute field'],
    ['H * * * *', 'minute field'],
    ['0 0 31 2 *', 'never comes'],
    ['0 0 30 FEB *', 'never comes'],
  ])('%j is refused with what is expected', (value, reason) => {
    expect(() => checkSchedule(cron(value), at('2026-11-20T12:00Z'))).toThrow(ScheduleError);
    expect(() => checkSchedule(cron(value), at('2026-11-20T12:00Z'))).toThrow(reason);
  });
});

describe('interval and once', () => {
  const now = at('2026-11-20T12:00Z');
  const interval = (value: string, anchor = now): Schedule => ({
    type: 'interval',
    value,
    timezone: 'UTC',
    anchor,
  });
  const once = (value: string, timezone = 'Europe/Berlin'): Schedule => ({
    type: 'once',
    value,
    timezone,
    anchor: 0,
  });

  it('keeps its phase whenever it is asked', () => {
    expect(nextRun(interval('15m'), now)).toBe(now + 900_000);
    expect(nextRun(interval('15m'), now + 900_000)).toBe(now + 1_800_000);
    expect(nextRun(interval('15m'), now + 3_000_001)).toBe(now + 3_600_000);
    expect(nextRun(interval('900000'), now - 5)).toBe(now + 900_000);
  });

  it('reads a time in its zone, or with the offset it has', () => {
    expect(nextRun(once('2026-12-24T18:00'), now)).toBe(at('2026-12-24T17:00Z'));
    expect(nextRun(once('2026-12-24 18:00:30'), now)).toBe(at('2026-12-24T17:00:30Z'));
    expect(nextRun(once('2026-12-24T18:00Z'), now)).toBe(at('2026-12-24T18:00Z'));
    expect(nextRun(once('2026-12-24T18:00:00+05:30'), now)).toBe(at('2026-12-24T12:30Z'));
    expect(nextRun(once('2027-03-28T02:30'), now)).toBe(at('2027-03-28T01:30Z'));
    expect(nextRun(once('2026-10-25T02:30'), at('2026-10-01T00:00Z'))).toBe(at('2026-10-25T00:30Z'));
  });

  it.each([
    [interval('30s'), 'at least 1 min'],
    [interval('367d'), 'at most a year'],
    [interval('0'), 'expected a length'],
    [interval('soon'), 'expected a length'],
    [once('2026-11-20T12:59'), 'in the past'],
    [once('2027-02-31T10:00'), 'expected a date and time'],
    [once('tomorrow'), 'expected a date and time'],
    [once('2027-01-01T25:00'), 'expected a date and time'],
    [once('2027-01-01T10:00', 'Mars/Base'), 'no time zone'],
  ])('%j is refused', (schedule, reason) => {
    expect(() => checkSchedule(schedule, now)).toThrow(reason);
  });
});

describe('the preview', () => {
  it('says what happens when the clocks change', () => {
    expect(previewSchedule(cron('30 2 * * 0', 'Europe/Berlin'), at('2026-03-20T00:00Z'), 3)).toEqual({
      timezone: 'Europe/Berlin',
      next: ['2026-03-22T01:30:00.000Z', '2026-03-29T01:30:00.000Z', '2026-04-05T00:30:00.000Z'],
      notes: [expect.stringContaining('set forward')],
    });
    expect(previewSchedule(cron('30 2 * * 0', 'Europe/Berlin'), at('2026-10-20T00:00Z'), 1).notes).toEqual([
      expect.stringContaining('the first time only'),
    ]);
    expect(previewSchedule(cron('0 0 13 * 5'), 0, 1).notes).toEqual([
      expect.stringContaining('either of them'),
    ]);
    expect(previewSchedule(cron('0 9 * * *', 'Europe/Berlin'), at('2026-06-01T00:00Z')).notes).toEqual([]);
  });

  it('knows a schedule by its look', () => {
    expect(scheduleTypeOf('0 9 * * *')).toBe('cron');
    expect(scheduleTypeOf('@daily')).toBe('cron');
    expect(scheduleTypeOf('15m')).toBe('interval');
    expect(scheduleTypeOf('2026-12-24T18:00')).toBe('once');
    expect(scheduleTypeOf('2026-12-24 18:00')).toBe('once');
  });
});

describe('for any schedule and any moment', () => {
  const zones = fc.constantFrom(
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'Africa/Casablanca',
    'America/Santiago',
  );
  const field = (min: number, max: number) =>
    fc.oneof(
      { weight: 2, arbitrary: fc.constant('*') },
      fc.integer({ min, max }).map(String),
      fc
        .tuple(fc.integer({ min, max }), fc.integer({ min, max }))
        .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
      fc.integer({ min: 2, max: 15 }).map((n) => `*/${n}`),
    );
  const crons = fc
    .tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6))
    .map((f) => f.join(' '));
  const moments = fc.integer({ min: at('2020-01-01T00:00Z'), max: at('2035-01-01T00:00Z') });

  it('the next run is later, and nothing lies between', () => {
    fc.assert(
      fc.property(crons, zones, moments, (value, zone, from) => {
        const schedule = cron(value, zone);
        const next = nextRun(schedule, from);
        if (next === null) return;
        expect(next).toBeGreaterThan(from);
        expect(next % 60_000).toBe(0);
        // Asked from any moment before it, the answer is the same: no run is skipped, none is used twice.
        expect(nextRun(schedule, from + Math.floor((next - from) / 2))).toBe(next);
        expect(nextRun(schedule, next - 1)).toBe(next);
        expect(nextRun(schedule, next) ?? Infinity).toBeGreaterThan(next);
      }),
      { numRuns: 500 },
    );
  });

  it('agrees with cron-parser where no clocks change', () => {
    fc.assert(
      fc.property(crons, moments, (value, from) => {
        // crontab(5): a day field that begins with * is not restricted, also with a step. cron-parser differs there.
        const [, , day = '', , weekday = ''] = value.split(' ');
        fc.pre(!/^\*./.test(day) && !/^\*./.test(weekday));
        const theirs = CronExpressionParser.parse(value, { currentDate: new Date(from), tz: 'UTC' }).next();
        expect(nextRun(cron(value), from)).toBe(theirs.getTime());
      }),
      { numRuns: 500 },
    );
  });

  it('a year of a daily time has as many runs as days', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 59 }),
        fc.integer({ min: 0, max: 23 }),
        zones,
        (minute, hour, zone) => {
          // The year is the zone's own: it may end with another offset than it began with.
          const midnight = (day: string) => fromWall(at(`${day}T00:00Z`), zone).instants[0] - 1;
          const from = new Date(midnight('2026-05-01')).toISOString();
          const to = new Date(midnight('2027-05-01')).toISOString();
          const all = runs(cron(`${minute} ${hour} * * *`, zone), from, to);
          expect(all).toHaveLength(365);
          expect(new Set(all).size).toBe(365);
        },
      ),
      { numRuns: 40 },
    );
  });
});
