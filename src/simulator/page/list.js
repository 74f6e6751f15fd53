/** The list of chats, and what is said about a chat and in an empty one. */
import { clockTime, paintAvatar, summary } from './bubble.js';
import { make } from './text.js';

/** @typedef {import('./api.js').Chat} Chat */
/** @typedef {import('./model.js').Model} Model */

/** @param {Model} model @returns {HTMLElement[]} */
export function chatRows(model) {
  return model.sortedChats().map((chat) => {
    const item = make('li');
    const button = make('button');
    button.type = 'button';
    button.setAttribute('aria-current', String(chat.id === model.openId));
    const avatar = make('span', 'avatar');
    avatar.setAttribute('aria-hidden', 'true');
    const name = model.nameOfChat(chat);
    paintAvatar(avatar, name, chat.type === 'private' ? model.bot : chat);
    const unread = model.unread.get(chat.id) ?? 0;
    const badge = make('span', unread > 0 ? 'unread' : '', unread > 0 ? String(unread) : '');
    if (unread > 0) badge.title = `${unread} unread`;
    const { last } = chat;
    const time = make('time', '', last && !last.forum_topic_created ? clockTime(last.date) : '');
    button.append(avatar, make('strong', '', name), time, make('span', 'last', lastWords(chat)), badge);
    button.addEventListener('click', () => {
      location.hash = `chat/${chat.id}`;
    });
    item.append(button);
    return item;
  });
}

/** @param {Chat} chat */
function lastWords({ last, type }) {
  if (!last || last.forum_topic_created) return 'Nothing written yet';
  const isOwnLine = type === 'private' && !last.from.is_bot;
  return isOwnLine ? summary(last) : `${last.from.first_name}: ${summary(last)}`;
}

/** @param {Model} model @param {Chat} chat */
export function aboutChat(model, chat) {
  if (chat.type === 'private') return 'private chat';
  const people = chat.memberKeys.length === 1 ? '1 person' : `${chat.memberKeys.length} people`;
  return chat.botIsIn
    ? `${people} and ${model.bot.first_name}`
    : `${people}, without ${model.bot.first_name}`;
}

/** @param {Model} model @param {Chat} chat @param {(text: string) => void} fill */
export function welcome(model, chat, fill) {
  const bot = model.bot.first_name;
  const isPrivate = chat.type === 'private';
  const hello = isPrivate ? 'What can you do?' : `@${bot} hello`;
  const avatar = make('div', 'avatar');
  paintAvatar(avatar, bot, model.bot);
  const why = isPrivate
    ? `Here ${bot} answers everything, and takes orders for the other chats. /help lists the commands.`
    : `In a group, ${bot} answers when called by name and reads the rest as context. Type “${hello}”.`;
  const button = make('button', '', `Try “${hello}”`);
  button.type = 'button';
  button.addEventListener('click', () => fill(hello));
  const title = isPrivate ? `Say hello to ${bot}` : 'Nobody has written yet';
  return [avatar, make('h3', '', title), make('p', '', why), button];
}
