/** The page: listens, and shows each section anew when it has changed. */
import { showUsage } from './charts.js';
import { byId } from './dom.js';
import { showErrors, showGroups, showHealth, showMessages } from './lists.js';
import { draw, showTasks, watchSpan } from './tasks.js';
import { setClock, tick } from './time.js';
import { growBars, showEnded, showLegend, showRunning } from './turns.js';

/** @typedef {import('../page-sections.ts').PageFrame} PageFrame */
/** @typedef {import('../page-sections.ts').PageSections} Sections */

const TICK_MS = 1000;
const REDRAW_MS = 60_000;

/** @type {{[K in keyof Sections]: (section: Sections[K]) => void}} */
const SHOW = {
  health: showHealth,
  ended: showEnded,
  running: showRunning,
  tasks: showTasks,
  messages: showMessages,
  errors: showErrors,
  usage: showUsage,
  groups: showGroups,
};

let isLive = false;
/** @type {Sections['health'] | undefined} */
let health;

/** The one line that is read out: it changes only when its words do. */
function showState() {
  const line = byId('state', HTMLElement);
  const { connected = false, runtime, problems = [] } = health ?? {};
  const isWell = connected && runtime?.ready === true && problems.length === 0;
  const words = !isLive
    ? health
      ? 'The daemon does not answer. What stands here is old.'
      : 'Connecting…'
    : isWell
      ? 'All is well'
      : 'Something needs you';
  if (line.textContent !== words) line.textContent = words;
  line.dataset.state = !isLive ? 'waiting' : isWell ? 'good' : 'bad';
  document.body.classList.toggle('stale', !isLive && health !== undefined);
  document.title = `${isLive && !isWell ? '⚠ ' : ''}Status · NanoClaw`;
}

/** @param {PageFrame} frame */
function take({ now, sections }) {
  setClock(now);
  if (sections.health) health = sections.health;
  for (const name of /** @type {(keyof Sections)[]} */ (Object.keys(SHOW))) show(name, sections);
}

/**
 * @template {keyof Sections} K
 * @param {K} name
 * @param {Partial<Sections>} sections
 */
function show(name, sections) {
  const section = sections[name];
  if (section !== undefined) SHOW[name](section);
}

function listen() {
  const source = new EventSource('events');
  source.onmessage = (message) => {
    take(JSON.parse(message.data));
    isLive = true;
    showState();
  };
  source.onerror = () => {
    isLive = false;
    showState();
    if (source.readyState === EventSource.CLOSED) askAgain();
  };
}

/** The stream was refused: the daemon is full, or the cookie has ended. Then only the form helps. */
function askAgain() {
  setTimeout(async () => {
    const answer = await fetch('events', { method: 'HEAD' }).catch(() => undefined);
    if (answer?.status === 401) location.assign('/login');
    else listen();
  }, 3000);
}

showLegend();
watchSpan();
listen();
setInterval(() => {
  tick();
  growBars();
}, TICK_MS);
setInterval(draw, REDRAW_MS);
