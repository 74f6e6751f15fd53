/** An instant as a zone's clock shows it, always in the same form: for files, tables and sentences alike. Pure. */
import { toWall } from './zone.ts';

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** `2026-11-02 09:00:05 Mon`, in the zone. */
export function localTime(ms: number, timezone: string): string {
  const wall = new Date(toWall(ms, timezone));
  return `${wall.toISOString().slice(0, 19).replace('T', ' ')} ${WEEKDAYS[wall.getUTCDay()]}`;
}
