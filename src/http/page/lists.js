/** What is said in words: the state at a glance, problems, messages, errors, groups. */
import { byId, fillTable, make, row } from './dom.js';
import { ageOf, timeOf } from './time.js';

/** @typedef {import('../page-sections.ts').PageSections} Sections */
/** @typedef {import('../page-sections.ts').Health} Health */

/** @type {Record<string, [string, string]>} what became of a message: the words and their tone */
const DISPOSITIONS = {
  answered: ['answered', 'good'],
  not_for_nina: ['context', 'quiet'],
  not_allowed: ['not allowed', 'wait'],
  host_command: ['a command', 'good'],
  service: ['a notice', 'quiet'],
  failed: ['failed', 'bad'],
  stopped: ['stopped', 'quiet'],
};

/** @param {Health} health */
export function showHealth(health) {
  const title = `${health.assistant}${health.bot ? ` · @${health.bot}` : ''}`;
  byId('title', HTMLElement).textContent = title;
  byId('chats', HTMLElement).hidden = !health.simulator;
  const poll = health.lastPollAt ? ageOf(health.lastPollAt, ' ago') : 'never';
  const { queue, outbox, runtime } = health;
  const waits = [`${queue.waiting} waiting`, `${health.warm} warm`];
  if (queue.backingOff > 0) waits.splice(1, 0, `${queue.backingOff} tried again soon`);
  byId('vitals', HTMLElement).replaceChildren(
    vital('Telegram', health.connected ? 'connected' : 'not connected', health.connected ? 'good' : 'bad', [
      'last poll ',
      poll,
    ]),
    vital('Agents', runtime.ready ? 'ready' : 'not ready', runtime.ready ? 'good' : 'bad', [
      `${runtime.name}, ${health.provider}`,
    ]),
    vital('Turns', `${queue.running} running`, '', [waits.join(', ')]),
    vital(
      'To be sent',
      outbox.count === 0 ? 'nothing' : String(outbox.count),
      '',
      outbox.oldest ? ['oldest ', ageOf(outbox.oldest, ' old')] : ['every reply is out'],
    ),
    vital('Up', ageOf(health.startedAt), '', [`${health.memoryMb} MB in use`]),
  );
  showProblems(health);
}

/**
 * @param {string} name
 * @param {string | Node} value
 * @param {string} tone
 * @param {(string | Node)[]} about
 */
function vital(name, value, tone, about) {
  const box = make('div', 'vital');
  if (tone) box.dataset.tone = tone;
  box.append(make('dt', '', name), make('dd', 'value', value), make('dd', 'quiet', ...about));
  return box;
}

/** @param {Health} health */
function showProblems(health) {
  const { runtime } = health;
  const wrong = [
    ...(health.notConnected ? [{ since: null, text: `Telegram: ${health.notConnected}` }] : []),
    ...(runtime.ready ? [] : [{ since: null, text: `Agents: ${runtime.problem ?? 'starting'}` }]),
    ...health.problems,
  ];
  const note = health.networkNotEnforced;
  const found = [
    ...wrong,
    ...(note ? [{ since: null, text: `Agents are not held to network rules: ${note}` }] : []),
  ];
  const box = byId('problems', HTMLElement);
  box.hidden = found.length === 0;
  box.dataset.tone = wrong.length > 0 ? 'bad' : 'wait';
  byId('problems-title', HTMLElement).textContent = wrong.length > 0 ? 'What needs you' : 'Good to know';
  byId('problem-list', HTMLElement).replaceChildren(
    ...found.map(({ since, text }) => {
      const item = make('li', 'said', text);
      if (since) item.append(' ', make('span', 'quiet', 'for ', ageOf(since)));
      return item;
    }),
  );
}

/** @param {Sections['messages']} messages */
export function showMessages(messages) {
  fillTable(
    'messages',
    messages.map((message) => {
      const who = make('span', 'from', make('strong', '', message.who));
      if (message.group) who.append(make('span', 'quiet', ` in ${message.group}`));
      const said = make('div', 'message', who, ' ', make('span', 'said', message.text || '(no text)'));
      return row(
        [timeOf(message.at), said, message.isNina ? '' : became(message)],
        message.isNina ? 'nina' : '',
      );
    }),
  );
}

/** @param {Sections['messages'][number]} message */
function became({ disposition, reason }) {
  const [word, tone] =
    disposition === null
      ? ['at work on it', 'wait']
      : (DISPOSITIONS[disposition] ?? [disposition.replaceAll('_', ' '), 'quiet']);
  const chip = make('span', 'chip', word);
  chip.dataset.tone = tone;
  return reason ? make('div', '', chip, ' ', make('span', 'quiet reason', reason)) : chip;
}

/** @param {Sections['errors']} errors */
export function showErrors(errors) {
  fillTable(
    'errors',
    errors.map((error) => {
      const what = make('div', 'said', error.message ?? 'no reason was given');
      const details = [error.code, error.attempt > 1 ? `after ${error.attempt} attempts` : null];
      const words = details.filter((part) => part !== null).join(', ');
      if (words) what.append(' ', make('span', 'quiet', `(${words})`));
      return row([timeOf(error.at), make('span', 'name', error.group), what]);
    }),
  );
}

/** @param {Sections['groups']} groups */
export function showGroups({ total, shown }) {
  fillTable(
    'groups',
    shown.map((group) => {
      const name = make('span', 'name', make('strong', '', group.name));
      if (group.folder !== group.name) name.append(make('span', 'quiet', ` ${group.folder}`));
      if (group.isMain) {
        const chip = make('span', 'chip', 'main');
        chip.dataset.tone = 'quiet';
        name.append(' ', chip);
      }
      const works = make('span', 'chip', group.isRunning ? 'at work' : `${group.open} waiting`);
      works.dataset.tone = 'wait';
      const isIdle = !group.isRunning && group.open === 0;
      const last = group.lastActivity ? timeOf(group.lastActivity) : make('span', 'quiet', 'never');
      return row([name, isIdle ? make('span', 'quiet', 'idle') : works, last]);
    }),
  );
  const more = byId('groups-more', HTMLElement);
  more.hidden = total <= shown.length;
  more.textContent = `${total - shown.length} more: nanoclaw groups list`;
}
