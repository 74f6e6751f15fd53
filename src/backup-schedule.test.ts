import { describe, expect, it } from 'vitest';
import { type BackupPlan, nextBackup } from './backup-schedule.ts';

const plan = (everyMs: number, at = '03:30', timezone = 'Europe/Berlin'): BackupPlan => ({
  everyMs,
  at,
  timezone,
  keep: 7,
});
const DAY = 86_400_000;
const next = (of: BackupPlan, last: string) => new Date(nextBackup(of, Date.parse(last))).toISOString();

describe('a daily backup', () => {
  it.each([
    ['made in time: the next day', '2026-11-02T02:30:40Z', '2026-11-03T02:30:00.000Z'],
    ['made late, after a night asleep: back to its time', '2026-11-02T08:00:00Z', '2026-11-03T02:30:00.000Z'],
    [
      'made by hand just before: not again the same night',
      '2026-11-02T02:29:00Z',
      '2026-11-03T02:30:00.000Z',
    ],
    ['made in the evening: the night after next', '2026-11-02T20:00:00Z', '2026-11-04T02:30:00.000Z'],
    ['over the change to summer time', '2027-03-27T02:30:00Z', '2027-03-28T01:30:00.000Z'],
    ['over the change to winter time', '2026-10-24T01:30:00Z', '2026-10-25T02:30:00.000Z'],
  ])('%s', (_, last, expected) => {
    expect(next(plan(DAY), last)).toBe(expected);
  });
});

it('a weekly one keeps its time of day', () => {
  expect(next(plan(7 * DAY), '2026-11-02T05:00:00Z')).toBe('2026-11-09T02:30:00.000Z');
});

it('one of some hours is counted from the last', () => {
  expect(next(plan(6 * 3_600_000), '2026-11-02T05:00:00Z')).toBe('2026-11-02T11:00:00.000Z');
});
