import { expect, test } from 'vitest';
import { readTrailingWhen, readWhen, scheduleArguments } from './offline-when.ts';

const cron = (value: string) => ({ kind: 'cron', value });
const interval = (value: string) => ({ kind: 'interval', value });
const at = (hour: number, minute = 0, day = 'next') => ({ kind: 'at', day, hour, minute });

test.each([
  ['in 10 seconds x', { kind: 'in', ms: 10_000 }],
  ['in 5 minutes x', { kind: 'in', ms: 300_000 }],
  ['In 2h x', { kind: 'in', ms: 7_200_000 }],
  ['in an hour: x', { kind: 'in', ms: 3_600_000 }],
  ['in one week, x', { kind: 'in', ms: 604_800_000 }],
  ['at 18:00 x', at(18)],
  ['at 9 x', at(9)],
  ["at 9 o'clock x", at(9)],
  ['at 9:30pm x', at(21, 30)],
  ['at 12 am x', at(0)],
  ['at noon x', at(12)],
  ['tomorrow at 7.05 x', at(7, 5, 'tomorrow')],
  ['at 7 today x', at(7, 0, 'today')],
  ['every weekday at 9 x', cron('0 9 * * 1-5')],
  ['every day at 7:30 x', cron('30 7 * * *')],
  ['daily at midnight x', cron('0 0 * * *')],
  ['every Monday at 8 x', cron('0 8 * * 1')],
  ['every sunday, friday and Tuesday at 6pm x', cron('0 18 * * 0,2,5')],
  ['every weekend at 10 x', cron('0 10 * * 0,6')],
  ['every minute: x', cron('* * * * *')],
  ['every hour x', cron('0 * * * *')],
  ['every 2 hours x', interval('2h')],
  ['every 10 secs x', interval('10s')],
  ['every day x', interval('1d')],
])('%s', (text, when) => {
  expect(readWhen(text)).toEqual({ when, rest: 'x' });
});

test.each([
  'in time x',
  'in 5 mice',
  'at 25:00 x',
  'at 9:61 x',
  'at 13pm x',
  'at 930',
  'at 9:3',
  'every now and then',
  'every minute-long',
  'every day at 25:00 x',
  'everyone at 9',
  'at home',
])('is no time: %s', (text) => {
  expect(readWhen(text)).toBeNull();
});

test('a time may come last', () => {
  expect(readTrailingWhen('send me an overview every weekday at 9.')).toEqual({
    when: cron('0 9 * * 1-5'),
    rest: 'send me an overview',
  });
  expect(readTrailingWhen('be in at work in 5 minutes')).toEqual({
    when: { kind: 'in', ms: 300_000 },
    rest: 'be in at work',
  });
  expect(readTrailingWhen('every day at 9')).toBeNull();
  expect(readTrailingWhen('at 9 we begin')).toBeNull();
});

const noon = Date.parse('2026-11-02T11:00:00.200Z'); // 12:00 in Berlin
test.each([
  [{ kind: 'in', ms: 10_000 }, 'once', '2026-11-02T11:00:11.000Z'],
  [at(18), 'once', '2026-11-02T18:00', 'Europe/Berlin'],
  [at(12), 'once', '2026-11-03T12:00', 'Europe/Berlin'],
  [at(9), 'once', '2026-11-03T09:00', 'Europe/Berlin'],
  [at(9, 0, 'today'), 'once', '2026-11-02T09:00', 'Europe/Berlin'],
  [at(18, 5, 'tomorrow'), 'once', '2026-11-03T18:05', 'Europe/Berlin'],
  [at(22), 'once', '2026-11-03T22:00', 'Pacific/Auckland'], // the 3rd there already
  [at(8), 'once', '2026-11-02T08:00', 'America/New_York'], // 6:00 there
  [cron('0 9 * * *'), 'cron', '0 9 * * *'],
  [interval('2h'), 'interval', '2h'],
] as const)('%j becomes %s %s', (when, schedule_type, schedule_value, timezone?: string) => {
  const expected = { schedule_type, schedule_value, ...(timezone ? { timezone } : {}) };
  const asked = when as Parameters<typeof scheduleArguments>[0];
  expect(scheduleArguments(asked, noon, timezone ?? 'Europe/Berlin')).toEqual(expected);
});
