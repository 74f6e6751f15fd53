/** How allowances are written, and when their days and months begin and end. */
import { describe, expect, it } from 'vitest';
import { amountOf, dayIn, daysOf, endOf, parseHowMuch, periodOf } from './allowances.ts';
import { iso } from './types.ts';

describe('an amount', () => {
  it.each([
    ['1usd/day', '1usd/day'],
    ['$0.50/month', '0.5usd/month'],
    ['0.01 USD / day', '0.01usd/day'],
    ['2$/day', '2usd/day'],
    ['50,000 tokens/day', '50000tokens/day'],
    ['1token/month', '1tokens/month'],
    ['1,250,000tokens/month', '1250000tokens/month'],
  ])('%s is %s', (text, same) => {
    expect(amountOf(parseHowMuch(text))).toBe(same);
  });

  it.each([
    ...['1,50usd/day', '$1,5/day', '1,000usd/day', '1,5tokens/day', '5,00,000tokens/day', ',5usd/day'],
    ...['', '1', '1usd', 'usd/day', '0usd/day', '-1usd/day', '1eur/day', '1usd/week', '1.5tokens/day'],
    ...['1e9usd/day', '9999999999999tokens/day', '0.0000001usd/day', '1usd/day; drop', 'NaNusd/day', '$/day'],
  ])('"%s" is refused, with what was expected', (text) => {
    expect(() => parseHowMuch(text)).toThrow('expected an amount above 0 like 1usd/day');
  });
});

describe('a period', () => {
  it('is a day or a month of the zone', () => {
    const newYear = Date.parse('2026-12-31T23:30:00Z');
    expect([dayIn(newYear, 'UTC'), dayIn(newYear, 'Europe/Berlin')]).toEqual(['2026-12-31', '2027-01-01']);
    expect(periodOf('day', '2027-01-01')).toBe('2027-01-01');
    expect(periodOf('month', '2027-01-01')).toBe('2027-01');
    expect(daysOf('month', '2026-02-14')).toEqual(['2026-02-01', '2026-02-31']);
  });

  it.each([
    ['day', '2026-11-02', 'UTC', '2026-11-03T00:00:00.000Z'],
    ['month', '2026-11-02', 'UTC', '2026-12-01T00:00:00.000Z'],
    ['month', '2026-12-31', 'Europe/Berlin', '2026-12-31T23:00:00.000Z'],
    // The days on which clocks change.
    ['day', '2026-03-29', 'Europe/Berlin', '2026-03-29T22:00:00.000Z'],
    ['day', '2026-10-25', 'Europe/Berlin', '2026-10-25T23:00:00.000Z'],
    // Midnight is skipped there: the day begins an hour later.
    ['day', '2026-09-05', 'America/Santiago', '2026-09-06T04:00:00.000Z'],
    ['day', '2028-02-28', 'Asia/Kolkata', '2028-02-28T18:30:00.000Z'],
  ] as const)('%s of %s in %s ends %s', (period, day, zone, end) => {
    const at = endOf(period, day, zone);
    expect(iso(at)).toBe(end);
    // The one begins where the other ends.
    expect(periodOf(period, dayIn(at, zone))).not.toBe(periodOf(period, day));
    expect(periodOf(period, dayIn(at - 1, zone))).toBe(periodOf(period, day));
  });
});
