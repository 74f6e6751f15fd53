/**
 * Five-field cron expressions on the wall clock. Pure, knows no zones (lib/zone.ts does) and no seconds.
 * minute 0-59, hour 0-23, day of month 1-31, month 1-12 or JAN-DEC, day of week 0-7 or SUN-SAT (0 and 7 are Sunday);
 * `*`, lists, ranges, steps; and @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually.
 * As in every cron: when day of month and day of week are both given, either of them is enough.
 */

export interface Cron {
  minutes: readonly number[];
  hours: readonly number[];
  days: ReadonlySet<number>;
  months: ReadonlySet<number>;
  weekdays: ReadonlySet<number>;
  /** Both day fields are restricted: either is enough. */
  eitherDay: boolean;
  /** The hour field is `*`: the schedule goes by elapsed time, not by the hours of a day. */
  everyHour: boolean;
}

const ALIASES: Record<string, string> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
};
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const DAY_MS = 86_400_000;
/** 29 February may be eight years away (1896 to 1904, 2096 to 2104). */
const HORIZON_DAYS = 366 * 9;

/** Thrown for an expression that is not one. The message names what was expected. */
export class CronError extends Error {}

export function parseCron(expression: string): Cron {
  const text = expression.trim();
  const name = text.toLowerCase();
  const fields = (Object.hasOwn(ALIASES, name) ? (ALIASES[name] ?? '') : text).split(/\s+/).filter(Boolean);
  if (fields.length !== 5) {
    throw new CronError(
      `expected a cron expression of exactly five fields (minute hour day month weekday), like "0 9 * * 1-5", or one of ${Object.keys(ALIASES).join(' ')}; got ${fields.length === 0 ? 'nothing' : `${fields.length} field${fields.length === 1 ? '' : 's'}`}`,
    );
  }
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  const weekdays = parseField(weekday, { name: 'weekday', min: 0, max: 7, names: WEEKDAYS, base: 0 });
  const dayGiven = !day.startsWith('*');
  const weekdayGiven = !weekday.startsWith('*');
  return {
    minutes: parseField(minute, { name: 'minute', min: 0, max: 59 }),
    hours: parseField(hour, { name: 'hour', min: 0, max: 23 }),
    days: new Set(parseField(day, { name: 'day', min: 1, max: 31 })),
    months: new Set(parseField(month, { name: 'month', min: 1, max: 12, names: MONTHS, base: 1 })),
    weekdays: new Set(weekdays.map((d) => d % 7)),
    eitherDay: dayGiven && weekdayGiven,
    everyHour: hour === '*',
  };
}

/** The first wall after `wall` that matches, or null when there is none within nine years. */
export function nextWall(cron: Cron, wall: number): number | null {
  let day = Math.floor(wall / DAY_MS) * DAY_MS;
  let after = wall - day; // only what is later than this counts, on the first day
  for (let tried = 0; tried < HORIZON_DAYS; tried++, day += DAY_MS, after = -1) {
    if (!matchesDay(cron, new Date(day))) continue;
    for (const hour of cron.hours) {
      if ((hour + 1) * 3_600_000 <= after) continue;
      for (const minute of cron.minutes) {
        const time = hour * 3_600_000 + minute * 60_000;
        if (time > after) return day + time;
      }
    }
  }
  return null;
}

function matchesDay(cron: Cron, date: Date): boolean {
  if (!cron.months.has(date.getUTCMonth() + 1)) return false;
  const byDay = cron.days.has(date.getUTCDate());
  const byWeekday = cron.weekdays.has(date.getUTCDay());
  return cron.eitherDay ? byDay || byWeekday : byDay && byWeekday;
}

interface Range {
  name: string;
  min: number;
  max: number;
  names?: readonly string[];
  base?: number;
}

/** Sorted, without repeats. */
function parseField(field: string, range: Range): number[] {
  const values = new Set<number>();
  for (const part of field.split(',')) for (const value of parsePart(part, field, range)) values.add(value);
  return [...values].sort((a, b) => a - b);
}

function parsePart(part: string, field: string, range: Range): number[] {
  const fail = () =>
    new CronError(
      `the ${range.name} field "${field}" is not valid: expected ${range.min}-${range.max}, *, lists, ranges or steps`,
    );
  const [, span, step] = /^([^/]+)(?:\/(\d{1,4}))?$/.exec(part) ?? [];
  if (span === undefined) throw fail();
  const every = step === undefined ? 1 : Number(step);
  if (every < 1) throw fail();
  let from = range.min;
  let to = range.max;
  if (span !== '*') {
    const [first = '', last, more] = span.split('-');
    from = toNumber(first, range) ?? NaN;
    to = last === undefined ? (step === undefined ? from : range.max) : (toNumber(last, range) ?? NaN);
    if (more !== undefined || !(from >= range.min && to <= range.max && from <= to)) throw fail();
  }
  const values: number[] = [];
  for (let value = from; value <= to; value += every) values.push(value);
  return values;
}

function toNumber(text: string, { names, base = 0 }: Range): number | null {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  const named = names?.indexOf(text.toUpperCase()) ?? -1;
  return named === -1 ? null : named + base;
}
