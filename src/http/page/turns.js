/** Turns as bars of their phases: those that run grow, those that ended are drawn to one scale. */
import { byId, fillTable, make, row } from './dom.js';
import { ageOf, length, now, timeOf } from './time.js';

/** @typedef {import('../page-sections.ts').RunningTurn} RunningTurn */
/** @typedef {import('../page-sections.ts').EndedTurn} EndedTurn */
/** @typedef {import('../page-sections.ts').PhaseName} PhaseName */

/** @type {readonly [PhaseName, string][]} */
const PHASES = [
  ['queue', 'waited'],
  ['container', 'container'],
  ['first_output', 'thinking'],
  ['reply', 'reply'],
];
/** @type {Record<string, [string, string]>} the word and its tone */
const OUTCOMES = {
  done: ['answered', 'good'],
  retried: ['tried again', 'wait'],
  failed: ['failed', 'bad'],
  stopped: ['stopped', 'quiet'],
};

/** @type {RunningTurn[]} */
let running = [];

export function showLegend() {
  const items = PHASES.map(([phase, word]) => {
    const item = make('li', '', word);
    item.dataset.phase = phase;
    return item;
  });
  byId('legend', HTMLElement).replaceChildren(...items);
}

/** @param {RunningTurn[]} turns */
export function showRunning(turns) {
  running = turns;
  byId('running-none', HTMLElement).hidden = turns.length > 0;
  byId('legend', HTMLElement).hidden = turns.length === 0 && byId('ended', HTMLElement).hidden;
  byId('running', HTMLElement).replaceChildren(
    ...turns.map((turn) => {
      const what = turn.kind === 'task' ? 'a task' : 'messages';
      const attempt = turn.attempt > 1 ? `, attempt ${turn.attempt}` : '';
      const item = make('li');
      item.dataset.turn = turn.id;
      item.append(
        make('p', 'name', make('strong', '', turn.group), ` ${what}${attempt}`),
        make('p', 'since', ageOf(turn.askedAt)),
        bar({}, 0),
        make('p', 'doing', describe(turn)),
      );
      return item;
    }),
  );
  growBars();
}

/** @param {RunningTurn} turn */
function describe(turn) {
  const word = PHASES.find(([phase]) => phase === turn.phase)?.[1] ?? turn.phase;
  const before = PHASES.flatMap(([phase, name]) => {
    const ms = turn.phasesMs[phase];
    return phase === turn.phase || ms === undefined ? [] : [`${name} ${length(ms)}`];
  });
  const line = make('span', '', ...before.map((part) => `${part} · `), make('b', '', word), ' for ');
  line.append(ageOf(turn.phaseSince));
  if (turn.activity) line.append(': ', make('span', 'said', turn.activity));
  return line;
}

/** The phase that goes on is as long as it has lasted by now. */
export function growBars() {
  const at = now();
  for (const turn of running) {
    const item = document.querySelector(`[data-turn="${CSS.escape(turn.id)}"] .bar`);
    if (!(item instanceof HTMLElement)) continue;
    const phases = { ...turn.phasesMs, [turn.phase]: Math.max(0, at - Date.parse(turn.phaseSince)) };
    const total = sum(phases);
    fill(item, phases, Math.max(total, 3000), turn.phase);
  }
}

/** @param {EndedTurn[]} turns */
export function showEnded(turns) {
  const longest = Math.max(1, ...turns.map((turn) => sum(turn.phasesMs)));
  fillTable(
    'ended',
    turns.map((turn) => {
      const [word, tone] = OUTCOMES[turn.state] ?? [turn.state, 'quiet'];
      const chip = make('span', 'chip', turn.attempt > 1 ? `${word} (attempt ${turn.attempt})` : word);
      chip.dataset.tone = tone;
      const total = sum(turn.phasesMs);
      const lengths = make('div', 'length', bar(turn.phasesMs, longest), make('span', '', length(total)));
      const group = make(
        'span',
        'name',
        turn.group,
        turn.kind === 'task' ? make('span', 'quiet', ' task') : '',
      );
      return row([timeOf(turn.finishedAt), group, chip, lengths]);
    }),
  );
}

/**
 * @param {Partial<Record<PhaseName, number>>} phases
 * @param {number} scale in ms, the whole width
 */
function bar(phases, scale) {
  const element = make('div', 'bar');
  element.setAttribute('role', 'img');
  fill(element, phases, scale);
  return element;
}

/**
 * @param {HTMLElement} element
 * @param {Partial<Record<PhaseName, number>>} phases
 * @param {number} scale
 * @param {PhaseName} [current]
 */
function fill(element, phases, scale, current) {
  const known = PHASES.filter(([phase]) => phases[phase] !== undefined);
  if (element.children.length !== known.length) element.replaceChildren(...known.map(() => make('i')));
  known.forEach(([phase], i) => {
    const part = element.children[i];
    if (!(part instanceof HTMLElement)) return;
    part.dataset.phase = phase;
    part.style.width = `${scale > 0 ? (100 * (phases[phase] ?? 0)) / scale : 0}%`;
    part.classList.toggle('current', phase === current);
  });
  const words =
    known.map(([phase, word]) => `${word} ${length(phases[phase] ?? 0)}`).join(', ') || 'not begun';
  // One that grows would be read out without an end: its words are in the line below it.
  const label = current ? `Phases so far, now ${PHASES.find(([phase]) => phase === current)?.[1]}` : words;
  if (element.getAttribute('aria-label') !== label) element.setAttribute('aria-label', label);
  element.title = words;
}

/** @param {Partial<Record<PhaseName, number>>} phases */
const sum = (phases) => Object.values(phases).reduce((total, ms) => total + ms, 0);
