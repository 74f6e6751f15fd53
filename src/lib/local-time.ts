/** An instant as a zone's clock shows it, always in the same form: for files, tables and sentences alike. Pure. */
import { BoundedMap } from './bounded-map.ts';

/** `2026-11-02 09:00:05 Mon`, in the zone. */
export function localTime(ms: number, timezone: string): string {
  if (timezone === 'UTC') return utcTime(new Date(ms));
  const parts: Record<string, string> = {};
  for (const { type, value } of formatter(timezone).formatToParts(ms)) parts[type] = value;
  return `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute}:${parts.second} ${parts.weekday}`;
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** The tables of all zones need not be loaded for it. */
function utcTime(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace('T', ' ')} ${WEEKDAYS[at.getUTCDay()]}`;
}

// A formatter costs 30 µs to make; this is a cache of pure values; a zone's name comes in any case.
const formatters = new BoundedMap<string, Intl.DateTimeFormat>(1000);
function formatter(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known) return known;
  const made = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    weekday: 'short',
  });
  formatters.set(timeZone, made);
  return made;
}
