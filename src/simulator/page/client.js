/** The page: loads the world, shows a chat, stays live. The address (#chat/ID) says which chat is open. */
import { get, listen, post } from './api.js';
import { bubble, dayOf, paintAvatar } from './bubble.js';
import { byId, Composer } from './composer.js';
import { aboutChat, chatRows, welcome } from './list.js';
import { Live } from './live.js';
import { menuItems } from './menu.js';
import { Model } from './model.js';
import { answered, press } from './presses.js';
import { StickToEnd } from './stick-to-end.js';
import { make } from './text.js';
import { topicButtons } from './topics.js';

/** @typedef {import('./api.js').Chat} Chat */
/** @typedef {import('./api.js').Message} Message */

const model = new Model();
const $chats = byId('chats', HTMLElement);
const $messages = byId('messages', HTMLElement);
const $scroll = byId('scroll', HTMLElement);
const live = new Live(model, $scroll);
const end = new StickToEnd($scroll, [$messages, live.place]);
const $empty = byId('empty', HTMLElement);
const $earlier = byId('earlier', HTMLButtonElement);
const $menu = byId('menu', HTMLDetailsElement);
const $toast = byId('toast', HTMLElement);
const composer = new Composer(model, { changed: () => showChat(), say: (error) => toast(messageOf(error)) });
let isLive = false;

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

let toastTimer = 0;
/** @param {string} text */
function toast(text) {
  $toast.textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => $toast.replaceChildren(), 4500);
}

/** @param {Promise<unknown>} work */
function quietly(work) {
  work.catch((error) => toast(messageOf(error)));
}

function showConnection() {
  const bot = model.bot.first_name;
  const line = byId('connection', HTMLElement);
  const words = !isLive ? 'Reconnecting…' : model.botIsThere ? `${bot} is here` : `${bot} is not connected`;
  if (line.textContent !== words) line.textContent = words;
  line.classList.toggle('good', isLive && model.botIsThere);
}

function showList() {
  $chats.replaceChildren(...chatRows(model));
  const total = [...model.unread.values()].reduce((a, b) => a + b, 0);
  document.title = `${total > 0 ? `(${total}) ` : ''}Chats · NanoClaw simulator`;
}

function showChat() {
  const chat = model.open;
  document.body.dataset.view = chat ? 'chat' : 'list';
  if (!chat) return;
  const name = model.nameOfChat(chat);
  byId('chat-name', HTMLElement).textContent = name;
  byId('chat-about', HTMLElement).textContent = aboutChat(model, chat);
  paintAvatar(byId('chat-avatar', HTMLElement), name, chat.type === 'private' ? model.bot : chat);
  byId('menu-items', HTMLElement).replaceChildren(
    ...menuItems(chat, model, (work) => {
      $menu.open = false;
      quietly(work);
    }),
  );
  byId('topics', HTMLElement).replaceChildren(...topicButtons(chat, model, showChat));
  composer.show();
  const moved = chat.migratedTo !== null;
  byId('composer', HTMLElement).hidden = moved;
  byId('closed', HTMLElement).hidden = !moved;
  byId('closed', HTMLElement).textContent = 'This group became a supergroup. Go on there.';
  showMessages();
}

function showMessages() {
  const chat = model.open;
  const speaker = chat && model.speaker(chat);
  if (!chat) return;
  const focused = document.activeElement?.closest('[data-id]')?.getAttribute('data-id');
  /** @type {HTMLElement[]} */
  const rows = [];
  let day = '';
  /** @type {Message | undefined} */
  let above;
  for (const message of model.shown()) {
    const today = dayOf(message.date);
    if (today !== day) {
      const row = make('li', 'day');
      row.append(make('span', '', today));
      rows.push(row);
      above = undefined;
    }
    day = today;
    const isFollowUp = above?.from.id === message.from.id && message.date - above.date < 300;
    rows.push(
      bubble(message, {
        speakerId: speaker?.user.id ?? 0,
        userOf: (id) => model.userOf(id),
        topic: model.topicName(message),
        isFollowUp,
        act,
        react: (m, emoji) => quietly(react(chat, m, emoji)),
        press: (m, data) => quietly(press({ ...ref(m), from: speaker?.key ?? '', data })),
      }),
    );
    above = bubbleStarts(message) ? message : undefined;
  }
  $messages.replaceChildren(...rows);
  $earlier.hidden = !model.loaded.get(chat.id)?.more;
  $empty.hidden = !model.shown().every((m) => m.forum_topic_created);
  if (!$empty.hidden) $empty.replaceChildren(...welcome(model, chat, (text) => composer.fill(text)));
  live.show();
  const again = focused ? $messages.querySelector(`[data-id="${focused}"] .bubble`) : undefined;
  if (again instanceof HTMLElement) again.focus({ preventScroll: true });
  end.keep();
}

/** @param {Message} m */
const bubbleStarts = (m) =>
  !m.new_chat_members && !m.left_chat_member && !m.new_chat_title && !m.forum_topic_created;

/** @param {Message} m */
const ref = (m) => ({ chat: m.chat.id, messageId: m.message_id });

/** @param {'reply' | 'edit' | 'delete' | 'jump'} action @param {Message} m */
function act(action, m) {
  if (action === 'delete') quietly(post('delete', ref(m)));
  else if (action !== 'jump') composer.hold(action, m);
  else {
    const target = $messages.querySelector(`[data-id="${m.message_id}"]`);
    if (!target) return toast('That message is further up, or was deleted.');
    target.scrollIntoView({ block: 'center' });
    target.classList.remove('flash');
    requestAnimationFrame(() => target.classList.add('flash'));
  }
}

/** @param {Chat} chat @param {Message} m @param {string} emoji */
async function react(chat, m, emoji) {
  const speaker = model.speaker(chat);
  if (!speaker) return;
  const mine = m.reactions?.find((r) => r.userId === speaker.user.id)?.emoji ?? [];
  await post('react', { ...ref(m), from: speaker.key, emoji: mine.includes(emoji) ? [] : [emoji] });
}

/**
 * What happens while the answer is on its way comes as events: they go into the same map, and win over the answer.
 * @param {number} id @param {number} [before]
 */
async function load(id, before) {
  const older = before === undefined ? '' : `&before=${before}`;
  const known = (before === undefined ? undefined : model.loaded.get(id)?.messages) ?? new Map();
  model.loaded.set(id, { messages: known, more: false });
  try {
    /** @type {{messages: Message[], more: boolean}} */
    const page = await get(`messages?chat=${id}${older}`);
    if (model.loaded.get(id)?.messages !== known) return; // everything was begun anew meanwhile
    for (const message of page.messages) {
      if (!known.has(message.message_id)) known.set(message.message_id, message);
    }
    model.loaded.set(id, { messages: known, more: page.more });
  } catch (error) {
    if (before === undefined) model.loaded.delete(id);
    throw error;
  }
}

async function openFromAddress() {
  const id = Number(/^#chat\/(-?\d+)$/.exec(location.hash)?.[1] ?? Number.NaN);
  const isOther = id !== model.openId;
  model.openId = model.chats.has(id) ? id : undefined;
  if (isOther) {
    model.topicId = undefined;
    composer.release(true);
    $messages.replaceChildren();
  }
  if (model.openId !== undefined) {
    model.unread.delete(model.openId);
    if (!model.loaded.has(model.openId)) await load(model.openId);
  }
  showList();
  showChat();
  if (isOther && model.openId !== undefined) {
    end.go();
    composer.focus();
  }
}

/** After a start and after each reconnect: everything anew. */
async function refresh() {
  const state = await get('state');
  model.take(state);
  model.loaded.clear();
  const status = byId('status', HTMLAnchorElement);
  status.hidden = state.statusPath === null;
  if (state.statusPath !== null) status.href = state.statusPath;
  const hello = `@${model.bot.first_name} hello`;
  byId('nothing-hint', HTMLElement).textContent = `Choose a chat to begin. In Family, type “${hello}”.`;
  await openFromAddress();
  showConnection();
}

/**
 * The list is built anew with every change: what came is said here, once.
 * @param {Message} message
 */
function readOut(message) {
  const heard = byId('heard', HTMLElement);
  heard.append(make('p', '', `${message.from.first_name}: ${message.text ?? message.caption ?? 'a file'}`));
  while (heard.childElementCount > 5) heard.firstElementChild?.remove();
}

/** @param {any} event */
function take(event) {
  const chatId = event.message?.chat.id ?? event.chatId ?? event.chat?.id;
  switch (event.type) {
    case 'hello':
      return quietly(refresh());
    case 'message':
      if (event.message.from.is_bot) live.over(chatId);
      if (model.open && model.speaker(model.open)?.user.id === event.message.from.id) end.stick();
      if (chatId === model.openId) readOut(event.message);
      model.put(event.message, true, chatId === model.openId && document.visibilityState === 'visible');
      break;
    case 'edited':
      model.put(event.message, false, true);
      break;
    case 'deleted':
      model.drop(chatId, event.messageIds);
      break;
    case 'reaction':
      model.setReaction(event);
      break;
    case 'chat':
      model.chats.set(event.chat.id, event.chat);
      if (chatId === model.openId) showChat();
      break;
    case 'typing':
      return live.typing(chatId);
    case 'draft':
      return live.draft(chatId, event.text);
    case 'callback-answered':
      return quietly(answered(event, toast));
    case 'poll':
      model.botPolledAt = event.at;
      return showConnection();
    default:
      return undefined;
  }
  showList();
  if (chatId === model.openId) showMessages();
  return undefined;
}

window.addEventListener('hashchange', () => quietly(openFromAddress()));
document.addEventListener('visibilitychange', () => {
  if (
    document.visibilityState === 'visible' &&
    model.openId !== undefined &&
    model.unread.delete(model.openId)
  )
    showList();
});
document.addEventListener('click', (event) => {
  for (const box of [$menu, byId('commands', HTMLDetailsElement)])
    if (event.target instanceof Node && !box.contains(event.target)) box.open = false;
});
byId('back', HTMLButtonElement).addEventListener('click', () => {
  location.hash = '';
});
$earlier.addEventListener('click', () => {
  const { openId } = model;
  const [oldest] = model.shown();
  if (openId === undefined || !oldest) return;
  const fromEnd = $scroll.scrollHeight - $scroll.scrollTop;
  quietly(
    load(openId, Math.min(...(model.loaded.get(openId)?.messages.keys() ?? []))).then(() => {
      showMessages();
      $scroll.scrollTop = $scroll.scrollHeight - fromEnd;
    }),
  );
});
listen(take, (isThere) => {
  isLive = isThere;
  showConnection();
});
setInterval(showConnection, 5000);
