/**
 * Wall-clock time and instants in an IANA zone. Pure. A "wall" is the local date and time written as if it were
 * UTC, in milliseconds: 2026-03-29 02:30 in Berlin has a wall even though no instant shows it.
 */
import { BoundedMap } from './bounded-map.ts';

const MINUTE = 60_000;
const HOUR = 3_600_000;
/** Around any moment, further than any zone's clocks were ever moved at once (a day, at the date line). */
const REACH = 26 * HOUR;

// Making one costs 30 µs. A zone's name may be written in any case, so there are many.
const formatters = new BoundedMap<string, Intl.DateTimeFormat>(1000);

/** No zone's clocks were ever changed and changed back within so long. */
const SPAN = 6 * HOUR;
// Asking a formatter costs 3 µs, and a thousand tasks that are due at once ask six times each.
const offsets = new BoundedMap<string, number>(20_000);

/** Milliseconds that the zone is ahead of UTC at this instant. */
export function offsetAt(instant: number, zone: string): number {
  if (zone === 'UTC') return 0;
  const span = Math.floor(instant / SPAN);
  const offset = offsetAtStart(span, zone);
  return offsetAtStart(span + 1, zone) === offset ? offset : formattedOffset(instant, zone);
}

function offsetAtStart(span: number, zone: string): number {
  const key = `${span} ${zone}`;
  const known = offsets.get(key);
  if (known !== undefined) return known;
  const offset = formattedOffset(span * SPAN, zone);
  offsets.set(key, offset);
  return offset;
}

function formattedOffset(instant: number, zone: string): number {
  let formatter = formatters.get(zone);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formatters.set(zone, formatter);
  }
  const [month = 1, day = 1, year = 1970, hour = 0, minute = 0, second = 0] = (
    formatter.format(instant).match(/\d+/g) ?? []
  ).map(Number);
  const whole = Math.floor(instant / 1000) * 1000;
  return Date.UTC(year, month - 1, day, hour, minute, second) - whole;
}

export const toWall = (instant: number, zone: string): number => instant + offsetAt(instant, zone);

export type WallMatch =
  | { kind: 'once'; instants: [number] }
  /** The clock shows it twice: first and second time. */
  | { kind: 'overlap'; instants: [number, number] }
  /** The clock jumps over it: the instant that it would have been, counted on from before the jump. */
  | { kind: 'gap'; instants: [number] };

/** The instants at which the zone's clock shows this wall. */
export function fromWall(wall: number, zone: string): WallMatch {
  const before = offsetAt(wall - REACH, zone);
  const after = offsetAt(wall + REACH, zone);
  const plain = wall - before;
  if (before === after && offsetAt(plain, zone) === before) return { kind: 'once', instants: [plain] };
  const found = [...new Set([before, after, offsetAt(plain, zone), offsetAt(wall - after, zone)])]
    .map((offset) => wall - offset)
    .filter((instant) => toWall(instant, zone) === wall)
    .sort((a, b) => a - b);
  const [first, second] = found;
  if (first !== undefined && second !== undefined) return { kind: 'overlap', instants: [first, second] };
  if (first !== undefined) return { kind: 'once', instants: [first] };
  return { kind: 'gap', instants: [wall - offsetBeforeGap(wall, zone, before)] };
}

/** Does the zone's clock change between these instants, or near them? */
export function isSteady(from: number, to: number, zone: string): boolean {
  if (zone === 'UTC') return true;
  const offset = offsetAt(from - REACH, zone);
  return (
    to - from < 30 * 24 * HOUR &&
    offsetAt(from, zone) === offset &&
    offsetAt(to, zone) === offset &&
    offsetAt(to + REACH, zone) === offset
  );
}

function offsetBeforeGap(wall: number, zone: string, fallback: number): number {
  // The last offset under which the clock had not reached the wall yet.
  for (let instant = wall - fallback; instant > wall - fallback - REACH; instant -= 30 * MINUTE) {
    if (toWall(instant, zone) < wall) return offsetAt(instant, zone);
  }
  return fallback;
}
