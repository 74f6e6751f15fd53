/** What can be done to a chat: the bot's membership, topics, becoming a supergroup. */
import { post } from './api.js';
import { make } from './text.js';

/** @typedef {import('./api.js').Chat} Chat */
/** @typedef {import('./model.js').Model} Model */

/**
 * @param {Chat} chat
 * @param {Model} model
 * @param {(work: Promise<unknown>) => void} run
 * @returns {HTMLElement[]}
 */
export function menuItems(chat, model, run) {
  const bot = model.bot.first_name;
  const from = model.speaker(chat)?.key ?? '';
  /** @type {HTMLElement[]} */
  const items = [];
  /** @param {string} label @param {() => Promise<unknown> | undefined} work */
  const add = (label, work) => {
    const button = make('button', '', label);
    button.type = 'button';
    button.addEventListener('click', () => run(work() ?? Promise.resolve()));
    items.push(button);
  };
  const setBot = (/** @type {string} */ status) => post('bot', { chat: chat.id, from, status });
  const facts = make('p', 'quiet', `${chat.type} · chat id ${chat.id}`);
  if (chat.migratedTo !== null) return [facts];
  if (chat.type === 'private') {
    if (chat.botIsIn) add(`Block ${bot}`, () => setBot('kicked'));
    else add(`Unblock ${bot}`, () => setBot('member'));
    return [...items, facts];
  }
  if (!chat.botIsIn) add(`Add ${bot}`, () => setBot('member'));
  else {
    add(`Remove ${bot}`, () => setBot('kicked'));
    if (chat.botStatus === 'administrator') add(`Make ${bot} an ordinary member`, () => setBot('member'));
    else add(`Make ${bot} an administrator`, () => setBot('administrator'));
  }
  if (chat.type === 'supergroup')
    add('New topic…', () => {
      const name = prompt('Name of the topic')?.trim();
      return name ? post('topic', { chat: chat.id, name, from }) : undefined;
    });
  else
    add('Turn into a supergroup', () =>
      post('migrate', { chat: chat.id }).then(({ id }) => {
        location.hash = `chat/${id}`;
      }),
    );
  return [...items, facts];
}
