/**
 * Reads when something is to happen from the plain words that the offline agent understands: "in 10 seconds",
 * "tomorrow at 18:00", "every weekday at 9", "every 2 hours". Pure; the host checks what comes of it.
 */

export type When =
  | { kind: 'in'; ms: number }
  /** `next`: today, or tomorrow when that time has passed. */
  | { kind: 'at'; day: 'next' | 'today' | 'tomorrow'; hour: number; minute: number }
  | { kind: 'cron' | 'interval' | 'once'; value: string };

/** The arguments of schedule_task and preview_task that say when. */
export interface ScheduleArguments {
  schedule_type: 'cron' | 'interval' | 'once';
  schedule_value: string;
  timezone?: string;
}

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const UNIT = '(?<unit>seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)(?![\\w-])';
const COUNT = '(?<count>\\d{1,5}|an?|one)';
const TIME =
  "(?:(?<hour>\\d{1,2})(?:[:.](?<minute>\\d{2}))?(?:\\s*(?<half>am|pm))?(?:\\s*o['’]clock)?(?!\\w|:\\d)|(?<named>noon|midnight)\\b)";
const DAY = '(?:sun|mon|tues|wednes|thurs|fri|satur)days?';
const WHICH = `(?<which>days?|weekdays?|weekends?|${DAY}(?:(?:\\s*,\\s*(?:and\\s+)?|\\s+and\\s+)${DAY})*)`;

type Groups = Record<string, string | undefined>;
const RULES: readonly [RegExp, (found: Groups) => When | null][] = [
  [
    new RegExp(`^in\\s+${COUNT}\\s*${UNIT}`, 'i'),
    (found) => ({ kind: 'in', ms: countOf(found) * unitMs(found) }),
  ],
  [new RegExp(`^(?:(?<day>today|tomorrow)\\s+)?at\\s+${TIME}`, 'i'), at],
  [new RegExp(`^at\\s+${TIME}\\s+(?<day>today|tomorrow)\\b`, 'i'), at],
  [
    new RegExp(`^every\\s+${WHICH}\\s+at\\s+${TIME}`, 'i'),
    (found) => daily(found, daysOf(found.which ?? '')),
  ],
  [new RegExp(`^daily\\s+at\\s+${TIME}`, 'i'), (found) => daily(found, '*')],
  [/^every\s+minute(?![\w-])/i, () => ({ kind: 'cron', value: '* * * * *' })],
  [/^(?:every\s+hour|hourly)(?![\w-])/i, () => ({ kind: 'cron', value: '0 * * * *' })],
  [
    new RegExp(`^every\\s+(?:${COUNT}\\s*)?${UNIT}(?!\\s+at\\s+\\d)`, 'i'),
    (found) => ({ kind: 'interval', value: `${countOf(found)}${unitOf(found)}` }),
  ],
];
const MAY_BEGIN = /\b(?:every|daily|hourly|in|at|today|tomorrow)\b/gi;

/** Reads it from the beginning of a text; `rest` is what follows, without the comma or colon between. */
export function readWhen(text: string): { when: When; rest: string } | null {
  let best: { when: When; length: number } | null = null;
  for (const [pattern, read] of RULES) {
    const match = pattern.exec(text);
    if (!match || match[0].length <= (best?.length ?? 0)) continue;
    const when = read(match.groups ?? {});
    if (when) best = { when, length: match[0].length };
  }
  if (!best) return null;
  return { when: best.when, rest: text.slice(best.length).replace(/^[\s,:;.!–-]+/, '') };
}

/** Reads it from the end of a text: "send an overview every weekday at 9". */
export function readTrailingWhen(text: string): { when: When; rest: string } | null {
  for (const match of text.matchAll(MAY_BEGIN)) {
    const found = readWhen(text.slice(match.index));
    const rest = text.slice(0, match.index).replace(/[\s,:;–-]+$/, '');
    if (found?.rest === '') return rest === '' ? null : { when: found.when, rest };
  }
  return null;
}

/** Whether it happens again and again. */
export const recurs = (when: When): boolean => when.kind === 'cron' || when.kind === 'interval';

/** As arguments for the tools. A time of day is meant in `timezone`; recurring times are in the group's own zone. */
export function scheduleArguments(when: When, nowMs: number, timezone: string): ScheduleArguments {
  switch (when.kind) {
    case 'in': {
      const at = new Date(Math.ceil((nowMs + when.ms) / 1000) * 1000);
      return { schedule_type: 'once', schedule_value: at.toISOString() };
    }
    case 'at': {
      const local = localNow(nowMs, timezone);
      const time = `${two(when.hour)}:${two(when.minute)}`;
      const isOver = time <= local.time;
      const later = when.day === 'tomorrow' || (when.day === 'next' && isOver) ? 1 : 0;
      const date = new Date(Date.parse(`${local.date}T00:00:00Z`) + later * 86_400_000);
      const value = `${date.toISOString().slice(0, 10)}T${time}`;
      return { schedule_type: 'once', schedule_value: value, timezone };
    }
    default:
      return { schedule_type: when.kind, schedule_value: when.value };
  }
}

function at(found: Groups): When | null {
  const time = timeOf(found);
  const day = (found.day?.toLowerCase() ?? 'next') as 'next' | 'today' | 'tomorrow';
  return time && { kind: 'at', day, ...time };
}

function daily(found: Groups, days: string): When | null {
  const time = timeOf(found);
  return time && { kind: 'cron', value: `${time.minute} ${time.hour} * * ${days}` };
}

function daysOf(which: string): string {
  const words = which.toLowerCase();
  if (words.startsWith('day')) return '*';
  if (words.startsWith('weekday')) return '1-5';
  if (words.startsWith('weekend')) return '0,6';
  const named = words.split(/\s*,\s*(?:and\s+)?|\s+and\s+/).map((word) => DAYS.indexOf(word.slice(0, 3)));
  return [...new Set(named)].sort((a, b) => a - b).join(',');
}

/** Null for a time that no clock shows. */
function timeOf(found: Groups): { hour: number; minute: number } | null {
  if (found.named) return { hour: found.named.toLowerCase() === 'noon' ? 12 : 0, minute: 0 };
  const half = found.half?.toLowerCase();
  const minute = Number(found.minute ?? 0);
  let hour = Number(found.hour);
  if (half !== undefined) {
    if (hour < 1 || hour > 12) return null;
    hour = (hour % 12) + (half === 'pm' ? 12 : 0);
  }
  return hour > 23 || minute > 59 ? null : { hour, minute };
}

const countOf = ({ count = '1' }: Groups): number => (/^\d/.test(count) ? Number(count) : 1);
const unitOf = ({ unit = '' }: Groups): string => unit.charAt(0).toLowerCase();
const unitMs = (found: Groups): number => UNITS[unitOf(found)] ?? 0;
const two = (value: number): string => String(value).padStart(2, '0');

function localNow(nowMs: number, timezone: string): { date: string; time: string } {
  const parts: Record<string, string> = {};
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone: timezone,
    hourCycle: 'h23',
    ...({ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' } as const),
  });
  for (const { type, value } of format.formatToParts(nowMs)) parts[type] = value;
  return { date: `${parts.year}-${parts.month}-${parts.day}`, time: `${parts.hour}:${parts.minute}` };
}
