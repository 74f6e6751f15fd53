/** Instants and lengths of time in words. The daemon's clock counts, whatever the browser's says. */

let ahead = 0;

/** @param {string} iso the daemon's clock just now */
export function setClock(iso) {
  ahead = Date.parse(iso) - Date.now();
}

export const now = () => Date.now() + ahead;

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short' });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric' });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** @param {number} ms */
export function length(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** @param {number} ms whole seconds, for what counts up */
const coarse = (ms) =>
  length(ms < 9950 ? Math.round(Math.max(0, ms) / 1000) * 1000 : ms).replace('.0 s', ' s');

/** @param {Date} a @param {Date} b */
const sameDay = (a, b) => a.toDateString() === b.toDateString();

/** @param {string} iso */
export function clockTime(iso) {
  const at = new Date(iso);
  return sameDay(at, new Date(now())) ? CLOCK.format(at) : `${DAY.format(at)}, ${CLOCK.format(at)}`;
}

/** @param {Date} at */
export const hourOf = (at) => CLOCK.format(at);
/** @param {Date} at */
export const dayOf = (at) => SHORT_DAY.format(at);

/**
 * A time of day; the whole instant shows when one points at it.
 * @param {string} iso
 */
export function timeOf(iso) {
  const time = document.createElement('time');
  time.dateTime = iso;
  time.title = FULL.format(new Date(iso));
  time.textContent = clockTime(iso);
  return time;
}

/**
 * An age that goes on by itself.
 * @param {string} iso
 * @param {string} [after] e.g. " ago"
 */
export function ageOf(iso, after = '') {
  const time = document.createElement('time');
  time.dateTime = iso;
  time.title = FULL.format(new Date(iso));
  time.dataset.age = after;
  time.textContent = coarse(now() - Date.parse(iso)) + after;
  return time;
}

/** Brings every age on the page up to date. */
export function tick() {
  for (const time of document.querySelectorAll('time[data-age]')) {
    if (!(time instanceof HTMLTimeElement)) continue;
    const words = coarse(now() - Date.parse(time.dateTime)) + (time.dataset.age ?? '');
    if (time.textContent !== words) time.textContent = words;
  }
}
