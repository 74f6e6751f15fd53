/** Tasks on a time line: one row each, a dot for each run to come within the next day or week. */
import { byId, make } from './dom.js';
import { clockTime, dayOf, hourOf, now, timeOf } from './time.js';

/** @typedef {import('../page-sections.ts').TaskLine} TaskLine */

const HOUR_MS = 3_600_000;
/** As many runs as are told; whoever has so many goes on. */
const MOST_RUNS = 60;

/** @type {{total: number, shown: TaskLine[]}} */
let tasks = { total: 0, shown: [] };

const hours = () => {
  const chosen = document.querySelector('input[name="span"]:checked');
  return chosen instanceof HTMLInputElement ? Number(chosen.value) : 24;
};

export function watchSpan() {
  for (const input of document.querySelectorAll('input[name="span"]'))
    input.addEventListener('change', () => draw());
}

/** @param {{total: number, shown: TaskLine[]}} section */
export function showTasks(section) {
  tasks = section;
  draw();
}

/** Moves everything to where it is now. */
export function draw() {
  const from = now();
  const span = hours() * HOUR_MS;
  const rest = tasks.total - tasks.shown.length;
  byId('line', HTMLElement).hidden = tasks.shown.length === 0;
  byId('tasks-none', HTMLElement).hidden = tasks.shown.length > 0;
  const more = byId('tasks-more', HTMLElement);
  more.hidden = rest <= 0;
  more.textContent = `${rest} more run later: nanoclaw tasks list`;
  byId('hours', HTMLElement).replaceChildren(...ticks(from, span));
  byId('tasks', HTMLElement).replaceChildren(...tasks.shown.map((task) => line(task, from, span)));
}

/**
 * @param {number} from
 * @param {number} span
 */
function ticks(from, span) {
  const isDay = span <= 24 * HOUR_MS;
  const at = new Date(from);
  at.setMinutes(0, 0, 0);
  /** @type {HTMLElement[]} */
  const marks = [];
  for (let i = 0; i < 200 && at.getTime() < from + span; i += 1) {
    at.setHours(at.getHours() + 1);
    const isMark = isDay ? at.getHours() % 6 === 0 : at.getHours() === 0;
    const place = (at.getTime() - from) / span;
    if (!isMark || place >= 0.93) continue;
    const mark = make('span', 'mark', isDay ? hourOf(at) : dayOf(at));
    mark.style.left = `${100 * place}%`;
    marks.push(mark);
  }
  return marks;
}

/**
 * @param {TaskLine} task
 * @param {number} from
 * @param {number} span
 */
function line(task, from, span) {
  const item = make('li');
  const [first = ''] = task.runs;
  const about = make('div', 'about', make('strong', '', task.group), ' ', make('span', 'said', task.prompt));
  const next = make('div', 'next', make('span', 'quiet', `${task.schedule} · next `), timeOf(first));
  if (task.failures > 0) {
    const chip = make('span', 'chip', `failed ${task.failures} in a row`);
    chip.dataset.tone = 'bad';
    next.append(' ', chip);
  }
  const inSpan = task.runs.filter((run) => Date.parse(run) < from + span);
  const goesOn = task.runs.length >= MOST_RUNS && inSpan.length === task.runs.length;
  const track = make('div', 'track');
  track.setAttribute('role', 'img');
  track.setAttribute('aria-label', label(inSpan, goesOn));
  for (const run of inSpan) {
    const dot = make('i');
    dot.style.left = `${Math.max(0, (100 * (Date.parse(run) - from)) / span)}%`;
    dot.title = clockTime(run);
    track.append(dot);
  }
  const last = task.runs.at(-1);
  if (goesOn && last) {
    const band = make('b');
    band.style.left = `${(100 * (Date.parse(last) - from)) / span}%`;
    track.append(band);
  }
  item.append(about, next, track);
  return item;
}

/**
 * @param {string[]} runs
 * @param {boolean} goesOn
 */
function label(runs, goesOn) {
  if (runs.length === 0) return 'Does not run within this time';
  const named = runs.slice(0, 3).map(clockTime).join('; ');
  const times = runs.length === 1 ? 'Runs once' : `Runs ${goesOn ? 'more than ' : ''}${runs.length} times`;
  return `${times}: ${named}${runs.length > 3 ? '; …' : ''}`;
}
