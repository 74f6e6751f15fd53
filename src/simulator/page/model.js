/** What the page knows: people, chats, the messages loaded so far, who one speaks as. No elements here. */

/** @typedef {import('./api.js').Chat} Chat */
/** @typedef {import('./api.js').Message} Message */
/** @typedef {import('./api.js').Person} Person */
/** @typedef {import('./api.js').State} State */
/** @typedef {import('./api.js').User} User */

const POLL_SILENCE_MS = 75_000;

export class Model {
  /** @type {User} */ bot = { id: 0, is_bot: true, first_name: 'Nina' };
  /** @type {Person[]} */ people = [];
  /** @type {Map<number, Chat>} */ chats = new Map();
  /** @type {Map<number, {messages: Map<number, Message>, more: boolean}>} */ loaded = new Map();
  /** @type {Map<number, number>} */ unread = new Map();
  /** @type {number | null} */ botPolledAt = null;
  clockSkew = 0;
  /** @type {number | undefined} */ openId;
  /** @type {number | undefined} topic shown; undefined for all */ topicId;

  /** @param {State} state */
  take(state) {
    this.bot = state.bot;
    this.people = state.people;
    this.botPolledAt = state.botPolledAt;
    this.clockSkew = state.now - Date.now();
    this.chats = new Map(state.chats.map((chat) => [chat.id, chat]));
  }

  get open() {
    return this.openId === undefined ? undefined : this.chats.get(this.openId);
  }

  /** Is a daemon asking for messages? */
  get botIsThere() {
    const now = Date.now() + this.clockSkew;
    return this.botPolledAt !== null && now - this.botPolledAt < POLL_SILENCE_MS;
  }

  /** @param {number} id @returns {User | undefined} */
  userOf(id) {
    return id === this.bot.id ? this.bot : this.people.find((p) => p.user.id === id)?.user;
  }

  /** Chats with the newest message first; ones that moved on are at the end. */
  sortedChats() {
    const weight = (/** @type {Chat} */ chat) => {
      if (chat.migratedTo !== null) return -1;
      return chat.last && !chat.last.forum_topic_created ? chat.last.date : 0;
    };
    const order = [...this.chats.keys()];
    return [...this.chats.values()].sort(
      (a, b) => weight(b) - weight(a) || order.indexOf(a.id) - order.indexOf(b.id),
    );
  }

  /** Who may speak in the chat. @param {Chat} chat */
  speakers(chat) {
    return this.people.filter((p) => chat.memberKeys.includes(p.key));
  }

  /** @param {Chat} chat @returns {Person | undefined} */
  speaker(chat) {
    const all = this.speakers(chat);
    const chosen = sessionStorage.getItem(`speaker:${chat.id}`);
    return all.find((p) => p.key === chosen) ?? all.find((p) => p.key === 'you') ?? all[0];
  }

  /** @param {Chat} chat @param {string} key */
  speakAs(chat, key) {
    sessionStorage.setItem(`speaker:${chat.id}`, key);
  }

  /** Messages of the open chat and topic, oldest first. */
  shown() {
    const all = this.openId === undefined ? undefined : this.loaded.get(this.openId)?.messages;
    if (!all) return [];
    const sorted = [...all.values()].sort((a, b) => a.message_id - b.message_id);
    if (this.topicId === undefined) return sorted;
    const wanted = this.topicId;
    return sorted.filter((m) => (m.is_topic_message ? m.message_thread_id : 0) === wanted);
  }

  /** @param {Message} message @param {boolean} isNew @param {boolean} isRead */
  put(message, isNew, isRead) {
    const id = message.chat.id;
    this.loaded.get(id)?.messages.set(message.message_id, message);
    const chat = this.chats.get(id);
    if (chat && (isNew || chat.last?.message_id === message.message_id)) chat.last = message;
    if (isNew && !isRead) this.unread.set(id, (this.unread.get(id) ?? 0) + 1);
  }

  /** @param {number} chatId @param {number[]} ids */
  drop(chatId, ids) {
    const messages = this.loaded.get(chatId)?.messages;
    for (const id of ids) messages?.delete(id);
    const chat = this.chats.get(chatId);
    if (chat?.last && ids.includes(chat.last.message_id))
      chat.last = messages ? ([...messages.values()].at(-1) ?? null) : null;
  }

  /** @param {{chatId: number, messageId: number, userId: number, emoji: string[]}} change */
  setReaction({ chatId, messageId, userId, emoji }) {
    const messages = this.loaded.get(chatId)?.messages;
    const message = messages?.get(messageId);
    if (!message) return;
    const others = (message.reactions ?? []).filter((r) => r.userId !== userId);
    const reactions = emoji.length > 0 ? [...others, { userId, emoji }] : others;
    messages?.set(messageId, { ...message, reactions });
  }

  /** A private chat is the bot's, as its person sees it. @param {Chat} chat */
  nameOfChat(chat) {
    if (chat.type !== 'private') return chat.title ?? 'Group';
    const isOnly = [...this.chats.values()].filter((c) => c.type === 'private').length === 1;
    return isOnly ? this.bot.first_name : `${this.bot.first_name} (${chat.first_name ?? 'private'})`;
  }

  /** @param {Message} message */
  topicName(message) {
    if (!message.is_topic_message || this.topicId !== undefined) return undefined;
    return this.chats.get(message.chat.id)?.topics.find((t) => t.threadId === message.message_thread_id)
      ?.name;
  }
}
