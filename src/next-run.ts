/**
 * When does a schedule run next? Cron, interval and once, each in an IANA zone. Pure; the only place where next
 * instants are computed. Instants are milliseconds since the epoch.
 *
 * The rules for clocks that are changed (pinned by next-run.test.ts, told in docs/scheduling.md):
 * - a cron whose hour field is `*` goes by elapsed time: nothing in the gap, both passes of the repeated hour;
 * - any other cron goes by the day's clock: a time in the gap runs as much later as the clock jumped, a repeated
 *   time runs the first time only; an instant is never used twice;
 * - an interval is elapsed time from its anchor: it neither drifts nor loses its phase;
 * - once is read on the zone's clock when it has no offset, with the same rule for gap and overlap.
 */
import { BoundedMap } from './lib/bounded-map.ts';
import { formatDuration, parseDuration } from './lib/duration.ts';
import { fromWall, isSteady, offsetAt, toWall } from './lib/zone.ts';
import { type Cron, CronError, nextWall, parseCron } from './next-run/cron.ts';
import { ENGLISH, type Sentence } from './words.ts';

export type ScheduleType = 'cron' | 'interval' | 'once';

export interface Schedule {
  type: ScheduleType;
  /** cron: five fields; interval: "15m", "2h", "1d" or milliseconds; once: ISO 8601, local or with an offset. */
  value: string;
  timezone: string;
  /** Where an interval counts from. */
  anchor: number;
}

export interface ScheduleLimits {
  minIntervalMs: number;
}

export const DEFAULT_LIMITS: ScheduleLimits = { minIntervalMs: 60_000 };
const YEAR_MS = 366 * 86_400_000;
const HOUR_MS = 3_600_000;

/** Thrown for a schedule that cannot be; the message is a sentence that names what was expected. */
export class ScheduleError extends Error {
  /** The message in any language, where people in a chat can come upon it. */
  readonly said: Sentence | undefined;

  constructor(message: string | Sentence) {
    super(typeof message === 'string' ? message : message(ENGLISH));
    this.said = typeof message === 'string' ? undefined : message;
  }
}

/** The first instant after `after`, or null when there is none. Throws ScheduleError for a bad schedule. */
export function nextRun(schedule: Schedule, after: number): number | null {
  switch (schedule.type) {
    case 'cron':
      return nextCron(cronOf(schedule.value), schedule.timezone, after);
    case 'interval': {
      const every = intervalOf(schedule.value);
      return schedule.anchor + (Math.floor(Math.max(0, after - schedule.anchor) / every) + 1) * every;
    }
    case 'once': {
      const { instant } = instantOf(schedule.value, schedule.timezone);
      return instant > after ? instant : null;
    }
  }
}

/** Throws ScheduleError when this schedule may not be saved at `now`. */
export function checkSchedule(
  schedule: Schedule,
  now: number,
  limits: ScheduleLimits = DEFAULT_LIMITS,
): void {
  checkZone(schedule.timezone);
  if (schedule.type === 'interval') {
    const every = intervalOf(schedule.value);
    if (every < limits.minIntervalMs || every > YEAR_MS) {
      const least = formatDuration(limits.minIntervalMs);
      throw new ScheduleError(
        `an interval is at least ${least} and at most a year; got ${formatDuration(every)}`,
      );
    }
  }
  if (nextRun(schedule, now) !== null) return;
  if (schedule.type === 'once') {
    throw new ScheduleError((w) => w.refused.timeIsPast(schedule.value, schedule.timezone));
  }
  throw new ScheduleError(`"${schedule.value}" names a date that never comes, like 31 February`);
}

export interface Preview {
  timezone: string;
  /** Instants, ISO 8601 UTC. */
  next: string[];
  /** Plain words about daylight saving and the rule for days, where they matter. */
  notes: string[];
}

/** The next `count` instants after `from`, and what is worth knowing about them. */
export function previewSchedule(schedule: Schedule, from: number, count = 5): Preview {
  checkZone(schedule.timezone);
  const next: number[] = [];
  for (let at = nextRun(schedule, from); at !== null && next.length < count; at = nextRun(schedule, at))
    next.push(at);
  const notes: string[] = [];
  if (schedule.type === 'cron') notes.push(...cronNotes(cronOf(schedule.value), schedule.timezone, next));
  if (schedule.type === 'once') {
    const note = instantOf(schedule.value, schedule.timezone).note;
    if (note) notes.push(note);
  }
  if (schedule.type === 'interval' && next.length > 1 && !sameOffset(next, schedule.timezone)) {
    notes.push(
      `The clocks change in ${schedule.timezone} in between: an interval goes by elapsed time, so the time of day shifts.`,
    );
  }
  if (next.length === 0) notes.push('There is no time to come.');
  return { timezone: schedule.timezone, next: next.map((at) => new Date(at).toISOString()), notes };
}

/** What kind of schedule a text is: a length is an interval, a date is once, anything else has to be a cron. */
export function scheduleTypeOf(value: string): ScheduleType {
  if (parseDuration(value) !== null) return 'interval';
  return /^\s*\d{4}-\d/.test(value) ? 'once' : 'cron';
}

function nextCron(cron: Cron, zone: string, after: number): number | null {
  const offset = offsetAt(after, zone);
  const direct = nextWall(cron, after + offset);
  if (direct === null) return null;
  const guess = direct - offset;
  // By elapsed time, what comes before the clocks change is next, however near the change is. Also much quicker.
  if (cron.everyHour && guess - after < 12 * HOUR_MS && offsetAt(guess, zone) === offset) return guess;
  if (isSteady(after, guess, zone)) return guess;

  // Near a change of the clocks: look at every wall from well before to well behind, and take the earliest.
  let best: number | null = null;
  let wall: number | null = nextWall(cron, toWall(after, zone) - 26 * HOUR_MS);
  while (wall !== null && (best === null || wall < toWall(best, zone) + 3 * HOUR_MS)) {
    for (const instant of instantsOf(cron, wall, zone)) {
      if (instant > after && (best === null || instant < best)) best = instant;
    }
    wall = nextWall(cron, wall);
  }
  return best;
}

function instantsOf(cron: Cron, wall: number, zone: string): readonly number[] {
  const match = fromWall(wall, zone);
  if (match.kind === 'once' || (match.kind === 'overlap' && cron.everyHour)) return match.instants;
  if (match.kind === 'overlap') return [match.instants[0]];
  return cron.everyHour ? [] : match.instants;
}

function cronNotes(cron: Cron, zone: string, next: readonly number[]): string[] {
  const notes: string[] = [];
  if (cron.eitherDay) {
    notes.push('Day of month and day of week are both given: it runs when either of them matches.');
  }
  for (const at of next) {
    const shown = new Date(toWall(at, zone)).toISOString().slice(0, 16).replace('T', ' ');
    const match = fromWall(toWall(at, zone), zone);
    if (match.kind === 'overlap' && !cron.everyHour) {
      notes.push(
        `On ${shown} the clocks are set back in ${zone} and show this time twice: it runs the first time only.`,
      );
    } else if (!matchesWall(cron, toWall(at, zone))) {
      notes.push(
        `Before ${shown} the clocks are set forward in ${zone} and jump over the time that was meant: it runs then instead.`,
      );
    }
  }
  if (cron.everyHour && !sameOffset(next, zone)) {
    notes.push(`The clocks change in ${zone} in between: this schedule goes by elapsed time.`);
  }
  return notes;
}

const matchesWall = (cron: Cron, wall: number): boolean => nextWall(cron, wall - 1) === wall;
const sameOffset = (instants: readonly number[], zone: string): boolean =>
  new Set(instants.map((at) => offsetAt(at, zone))).size <= 1;

// Parsing costs more than computing; schedules repeat.
const crons = new BoundedMap<string, Cron>(10_000);
function cronOf(value: string): Cron {
  const known = crons.get(value);
  if (known) return known;
  try {
    const cron = parseCron(value);
    crons.set(value, cron);
    return cron;
  } catch (error) {
    throw error instanceof CronError ? new ScheduleError(error.message) : error;
  }
}

function intervalOf(value: string): number {
  const ms = parseDuration(value);
  if (ms !== null && ms > 0) return ms;
  throw new ScheduleError(
    `"${value}" is no interval; expected a length like 15m, 2h, 1d or 1h30m, or milliseconds`,
  );
}

const LOCAL = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,3})?)?)?$/;

function instantOf(value: string, zone: string): { instant: number; note: string | null } {
  const text = value.trim();
  const expected =
    'expected a date and time like 2026-12-24T18:00, read in the task’s zone, or with an offset like 2026-12-24T18:00:00Z';
  if (/(Z|[+-]\d{2}:?\d{2})$/i.test(text) && /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/.test(text)) {
    const instant = Date.parse(text.replace(' ', 'T'));
    if (Number.isFinite(instant) && isDate(text.slice(0, 10))) return { instant, note: null };
    throw new ScheduleError(`"${clip(value)}" is no time; ${expected}`);
  }
  const [, year, month, day, hour = '00', minute = '00', second = '00'] = LOCAL.exec(text) ?? [];
  const wall = year === undefined ? NaN : Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (!Number.isFinite(wall) || !isDate(text.slice(0, 10))) {
    throw new ScheduleError(`"${clip(value)}" is no time; ${expected}`);
  }
  const match = fromWall(wall, zone);
  const notes = {
    once: null,
    overlap: `The clocks in ${zone} show this time twice: it runs the first time.`,
    gap: `The clocks in ${zone} jump over this time: it runs as much later as they jump.`,
  };
  return { instant: match.instants[0], note: notes[match.kind] };
}

/** Date.parse turns 31 February into March: a date that is not written back as it was read is none. */
function isDate(text: string): boolean {
  const instant = Date.parse(`${text}T00:00:00Z`);
  return Number.isFinite(instant) && new Date(instant).toISOString().startsWith(text);
}

function checkZone(zone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
  } catch {
    throw new ScheduleError(`"${clip(zone)}" is no time zone; expected an IANA name like Europe/Berlin`);
  }
}

const clip = (text: string) => (text.length > 80 ? `${text.slice(0, 80)}…` : text);
