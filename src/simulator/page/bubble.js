/** One message as an element: bubble, name, quote, media, text, buttons, reactions, and what can be done with it. */
import { formatted, make } from './text.js';

/** @typedef {import('./api.js').Message} Message */
/** @typedef {import('./api.js').User} User */
/**
 * @typedef {object} Around
 * @property {number} speakerId
 * @property {(id: number) => User | undefined} userOf
 * @property {string | undefined} topic name to show, if any
 * @property {boolean} isFollowUp same sender as the message above
 * @property {(action: 'reply' | 'edit' | 'delete' | 'jump', message: Message) => void} act
 * @property {(message: Message, emoji: string) => void} react
 * @property {(message: Message, data: string) => void} press
 */

export const QUICK_REACTIONS = ['👍', '❤', '😁', '🎉', '🤔', '👎'];

/** @param {User | undefined} user */
export function nameOf(user) {
  if (!user) return 'Somebody';
  return user.last_name ? `${user.first_name} ${user.last_name}` : user.first_name;
}

/** One of eight colours by id; the bot has its own. @param {{id: number, is_bot?: boolean}} who */
export function hueOf({ id, is_bot }) {
  return is_bot ? 'bot' : String(Math.abs(id * 7) % 8);
}

/**
 * @param {HTMLElement} element
 * @param {string} name
 * @param {{id: number, is_bot?: boolean}} who
 */
export function paintAvatar(element, name, who) {
  const words = name.split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  element.textContent = letters.map((word) => [...(word ?? '?')][0]?.toUpperCase() ?? '').join('');
  element.dataset.hue = hueOf(who);
}

/** @param {number} seconds */
export function clockTime(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}

/** @param {number} seconds */
export function dayOf(seconds) {
  const date = new Date(seconds * 1000);
  const days = Math.round(
    (new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 86_400_000,
  );
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return date.toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
}

/** What a message says in one line, for the list and for quotes. @param {Message} m @returns {string} */
export function summary(m) {
  const written = m.text ?? m.rich_message?.markdown;
  if (written) return written.replace(/\s+/g, ' ');
  const label = m.caption ? ` ${m.caption.replace(/\s+/g, ' ')}` : '';
  if (m.photo) return `Photo${label}`;
  if (m.voice) return `Voice message${label}`;
  if (m.video || m.video_note) return `Video${label}`;
  if (m.animation) return `Animation${label}`;
  const file = m.document ?? m.audio;
  if (file) return `${file.file_name ?? 'File'}${label}`;
  return service(m) ?? 'Message';
}

/** @param {Message} m @returns {string | undefined} */
export function service(m) {
  const who = nameOf(m.from);
  const [joined] = m.new_chat_members ?? [];
  if (joined) return joined.id === m.from.id ? `${who} joined` : `${who} added ${nameOf(joined)}`;
  const left = m.left_chat_member;
  if (left) return left.id === m.from.id ? `${who} left` : `${who} removed ${nameOf(left)}`;
  if (m.new_chat_title) return `${who} renamed the group to “${m.new_chat_title}”`;
  if (m.migrate_to_chat_id) return 'This group became a supergroup and goes on there';
  if (m.migrate_from_chat_id) return 'This supergroup was made from a group';
  if (m.forum_topic_created) return `${who} opened the topic “${m.forum_topic_created.name}”`;
  return undefined;
}

/**
 * @param {Message} m
 * @param {Around} around
 * @returns {HTMLLIElement}
 */
export function bubble(m, around) {
  const item = make('li', 'message');
  item.dataset.id = String(m.message_id);
  const notice = service(m);
  if (notice) {
    item.classList.add('service');
    item.append(make('span', '', notice));
    return item;
  }
  const isOwn = m.from.id === around.speakerId;
  item.classList.toggle('own', isOwn);
  item.classList.toggle('bot', m.from.is_bot);
  item.classList.toggle('follow', around.isFollowUp);
  const avatar = make('span', 'avatar');
  avatar.setAttribute('aria-hidden', 'true');
  paintAvatar(avatar, nameOf(m.from), m.from);
  const body = make('article', 'bubble');
  body.tabIndex = 0;
  body.setAttribute('aria-label', `${nameOf(m.from)} at ${clockTime(m.date)}`);
  body.append(...head(m, around), ...quote(m, around), ...media(m));
  // Not read as Markdown here: it is shown as it was sent.
  const text = m.text ?? m.rich_message?.markdown ?? m.caption;
  if (text) {
    const words = make('div', 'text');
    words.append(formatted(text, m.entities ?? m.caption_entities));
    body.append(words);
  }
  body.append(foot(m), actions(m, around, isOwn));
  const column = make('div', 'column');
  column.append(body, ...keyboard(m, around), ...reactions(m, around));
  item.append(avatar, column);
  return item;
}

/** @param {Message} m @param {Around} around */
function head(m, { topic }) {
  const line = make('p', 'who');
  const name = make('span', 'name', nameOf(m.from));
  name.dataset.hue = hueOf(m.from);
  line.append(name);
  if (m.from.is_bot) line.append(make('span', 'tag', 'bot'));
  if (topic) line.append(make('span', 'tag topic', topic));
  return [line];
}

/** @param {Message} m @param {Around} around */
function quote(m, around) {
  const to = m.reply_to_message;
  if (!to || to.forum_topic_created) return [];
  const button = make('button', 'quote');
  button.type = 'button';
  button.append(make('strong', '', nameOf(to.from)), make('span', '', summary(to)));
  button.addEventListener('click', () => around.act('jump', to));
  return [button];
}

/** @param {Message} m @returns {HTMLElement[]} */
function media(m) {
  const photo = m.photo?.at(-1);
  if (photo) {
    const link = make('a', 'photo');
    link.href = `files/${photo.file_id}`;
    link.target = '_blank';
    const image = make('img');
    image.src = link.href;
    image.alt = m.caption ?? 'Photo';
    image.width = photo.width ?? 320;
    image.height = photo.height ?? 240;
    image.loading = 'lazy';
    link.append(image);
    return [link];
  }
  const sound = m.audio ?? m.voice;
  const film = m.video ?? m.video_note ?? m.animation;
  if (sound || film) {
    const player = make(film ? 'video' : 'audio');
    player.controls = true;
    player.preload = 'none';
    player.src = `files/${(sound ?? film)?.file_id}`;
    return [player];
  }
  const file = m.document;
  if (!file) return [];
  const link = make('a', 'file');
  link.href = `files/${file.file_id}`;
  link.download = file.file_name ?? 'file';
  const name = file.file_name ?? 'File';
  link.append(
    make('span', 'ext', (name.includes('.') ? (name.split('.').at(-1) ?? '') : 'file').slice(0, 4)),
    make('strong', '', name),
    make('span', 'quiet', size(file.file_size)),
  );
  return [link];
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 1024 * 1024 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** @param {Message} m */
function foot(m) {
  const line = make('p', 'when');
  if (m.edit_date) line.append('edited ');
  const time = make('time', '', clockTime(m.date));
  time.dateTime = new Date(m.date * 1000).toISOString();
  line.title = `Message ${m.message_id} · ${new Date(m.date * 1000).toLocaleString()}`;
  line.append(time);
  return line;
}

/** @param {Message} m @param {Around} around @param {boolean} isOwn */
function actions(m, around, isOwn) {
  const bar = make('div', 'actions');
  /** @param {string} label @param {() => void} run @param {string} [spoken] */
  const add = (label, run, spoken) => {
    const button = make('button', '', label);
    button.type = 'button';
    if (spoken) button.setAttribute('aria-label', spoken);
    button.addEventListener('click', run);
    bar.append(button);
  };
  for (const emoji of QUICK_REACTIONS.slice(0, 3))
    add(emoji, () => around.react(m, emoji), `React with ${emoji}`);
  add('Reply', () => around.act('reply', m));
  if (isOwn) {
    if (m.text || m.caption) add('Edit', () => around.act('edit', m));
    add('Delete', () => around.act('delete', m));
  }
  return bar;
}

/** @param {Message} m @param {Around} around */
function keyboard(m, around) {
  const rows = m.reply_markup?.inline_keyboard;
  if (!rows) return [];
  const box = make('div', 'keyboard');
  for (const row of rows) {
    const line = make('div', 'keys');
    for (const key of row) {
      if (key.url && /^https?:/i.test(key.url)) {
        const link = make('a', 'key', key.text);
        link.href = key.url;
        link.target = '_blank';
        link.rel = 'noopener noreferrer';
        line.append(link);
        continue;
      }
      const button = make('button', 'key', key.text);
      button.type = 'button';
      button.addEventListener('click', () => around.press(m, key.callback_data ?? ''));
      line.append(button);
    }
    box.append(line);
  }
  return [box];
}

/** @param {Message} m @param {Around} around */
function reactions(m, around) {
  /** @type {Map<string, number[]>} */
  const by = new Map();
  for (const { userId, emoji } of m.reactions ?? [])
    for (const one of emoji) by.set(one, [...(by.get(one) ?? []), userId]);
  if (by.size === 0) return [];
  const line = make('div', 'reactions');
  for (const [emoji, users] of by) {
    const button = make('button', 'reaction', `${emoji} ${users.length}`);
    button.type = 'button';
    const names = users.map((id) => nameOf(around.userOf(id))).join(', ');
    button.title = names;
    button.setAttribute('aria-label', `${emoji} by ${names}`);
    button.setAttribute('aria-pressed', String(users.includes(around.speakerId)));
    button.addEventListener('click', () => around.react(m, emoji));
    line.append(button);
  }
  return [line];
}
