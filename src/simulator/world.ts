/**
 * Who there is and what was written: people, chats, messages. It gives out message ids (per chat, growing, never
 * reused), decides what the bot gets to see, and turns it into updates. It knows nothing of HTTP.
 * Invariants: a stored message is never changed in place; a message in a chat precedes its update.
 */
import type { Clock } from '../lib/clock.ts';
import { SimRefusal } from './api-error.ts';
import type { SimEmitter } from './events.ts';
import { MAIN_CHAT_ID, SEED_GROUPS, SEED_PEOPLE } from './seed.ts';
import type {
  SimChat,
  SimChatRef,
  SimContent,
  SimExternalReply,
  SimMessage,
  SimPerson,
  SimUser,
} from './types.ts';
import type { UpdateQueue } from './updates.ts';

/** Older messages of a chat are forgotten beyond this many. */
const KEPT_MESSAGES = 20_000;

export interface WorldState {
  people: SimPerson[];
  chats: (Omit<SimChat, 'messages' | 'reactions'> & {
    messages: SimMessage[];
    reactions: [number, [number, string[]][]][];
  })[];
}

export interface PostOptions {
  readonly date?: number;
  readonly threadId?: number;
  readonly replyTo?: SimMessage;
}

export class World {
  readonly bot: SimUser;
  readonly people = new Map<string, SimPerson>();
  readonly chats = new Map<number, SimChat>();
  readonly #clock: Clock;
  readonly #events: SimEmitter;
  readonly #updates: UpdateQueue;
  /** The bot sees only what is for it in groups where it is no administrator. As BotFather's /setprivacy. */
  privacyMode: boolean;

  constructor(options: {
    bot: SimUser;
    clock: Clock;
    events: SimEmitter;
    updates: UpdateQueue;
    privacyMode: boolean;
    saved: WorldState | undefined;
  }) {
    this.bot = options.bot;
    this.#clock = options.clock;
    this.#events = options.events;
    this.#updates = options.updates;
    this.privacyMode = options.privacyMode;
    if (options.saved) this.#load(options.saved);
    else this.#seed();
  }

  /** Seconds, as in a message's `date`. */
  seconds(): number {
    return Math.floor(this.#clock.now() / 1000);
  }

  /** By id (number or text), by title, or `main`. Throws SimRefusal. */
  chat(ref: string | number): SimChat {
    const chat = this.findChat(ref);
    if (!chat) throw new SimRefusal(`there is no chat "${ref}"`);
    return chat;
  }

  findChat(ref: string | number): SimChat | undefined {
    if (typeof ref === 'number' || /^-?\d+$/.test(ref)) return this.chats.get(Number(ref));
    const wanted = ref.trim().toLowerCase();
    if (wanted === 'main') return this.chats.get(MAIN_CHAT_ID);
    const living = [...this.chats.values()].filter((c) => c.migratedTo === null);
    return living.find((c) => c.title?.toLowerCase() === wanted);
  }

  person(key: string): SimPerson {
    const person = this.people.get(key.trim().toLowerCase());
    if (!person) throw new SimRefusal(`there is no person "${key}"`);
    return person;
  }

  user(id: number): SimUser | undefined {
    if (id === this.bot.id) return this.bot;
    for (const { user } of this.people.values()) if (user.id === id) return user;
    return undefined;
  }

  chatRef(chat: SimChat): SimChatRef {
    if (chat.type !== 'private')
      return {
        id: chat.id,
        type: chat.type,
        title: chat.title ?? '',
        ...(chat.isForum ? { is_forum: true as const } : {}),
      };
    const { first_name, last_name, username } = this.user(chat.id) ?? { first_name: 'Deleted Account' };
    return {
      id: chat.id,
      type: 'private',
      first_name,
      ...(last_name === undefined ? {} : { last_name }),
      ...(username === undefined ? {} : { username }),
    };
  }

  addChat(chat: Pick<SimChat, 'id' | 'type' | 'title' | 'members' | 'admins' | 'botStatus'>): SimChat {
    if (this.chats.has(chat.id)) throw new SimRefusal(`there is already a chat ${chat.id}`);
    const added: SimChat = {
      ...chat,
      isForum: false,
      topics: [],
      migratedTo: null,
      nextMessageId: 1,
      messages: new Map(),
      reactions: new Map(),
    };
    this.chats.set(added.id, added);
    return added;
  }

  /** Stores a message and tells the bot of it, if it is one that the bot gets. */
  post(chat: SimChat, from: SimUser, content: SimContent, options: PostOptions = {}): SimMessage {
    const topic = chat.isForum ? chat.topics.find((t) => t.threadId === options.threadId) : undefined;
    const elsewhere = options.replyTo !== undefined && topicOf(options.replyTo) !== topic?.threadId;
    const replyTo = elsewhere ? undefined : options.replyTo;
    const parent = replyTo ?? (topic ? chat.messages.get(topic.threadId) : undefined);
    // A chain of replies is a thread, too, also in General; it is no topic.
    const replyThread = replyTo ? (replyTo.message_thread_id ?? replyTo.message_id) : undefined;
    const threadId = topic?.threadId ?? (chat.type === 'supergroup' ? replyThread : undefined);
    const message: SimMessage = {
      message_id: chat.nextMessageId,
      ...(threadId === undefined ? {} : { message_thread_id: threadId }),
      from,
      chat: this.chatRef(chat),
      date: Math.floor(options.date ?? this.seconds()),
      ...(topic ? { is_topic_message: true as const } : {}),
      ...(parent ? { reply_to_message: withoutReply(parent) } : {}),
      ...(elsewhere && options.replyTo ? { external_reply: this.#external(options.replyTo) } : {}),
      ...content,
    };
    chat.nextMessageId += 1;
    chat.messages.set(message.message_id, message);
    if (chat.messages.size > KEPT_MESSAGES) {
      const [oldest] = chat.messages.keys();
      if (oldest !== undefined) {
        chat.messages.delete(oldest);
        chat.reactions.delete(oldest);
      }
    }
    this.#events.emit('message', message);
    if (from.id === this.bot.id) this.#events.emit('sent', message);
    if (this.botSees(chat, message)) this.#updates.push('message', message);
    return message;
  }

  #external({ from, date, chat, message_id }: SimMessage): SimExternalReply {
    return { origin: { type: 'user', sender_user: from, date }, chat, message_id };
  }

  /** Puts a changed message in the place of the old one. */
  replace(chat: SimChat, message: SimMessage): SimMessage {
    chat.messages.set(message.message_id, message);
    this.#events.emit('edited', message);
    if (this.botSees(chat, message)) this.#updates.push('edited_message', message);
    return message;
  }

  remove(chat: SimChat, messageIds: readonly number[]): void {
    for (const id of messageIds) {
      chat.messages.delete(id);
      chat.reactions.delete(id);
    }
    this.#events.emit('deleted', { chatId: chat.id, messageIds: [...messageIds] });
  }

  /** The bot is never told of its own messages, nor of a chat it is not in. */
  botSees(chat: SimChat, message: SimMessage): boolean {
    if (message.from.id === this.bot.id && !message.migrate_to_chat_id && !message.migrate_from_chat_id)
      return false;
    if (!isIn(chat)) return false;
    if (!this.privacyMode || chat.type === 'private' || chat.botStatus === 'administrator') return true;
    const text = message.text ?? message.caption;
    if (text === undefined && !message.photo && !message.document) return true;
    const own = `@${this.bot.username ?? ''}`.toLowerCase();
    const entities = message.entities ?? message.caption_entities ?? [];
    return (
      message.reply_to_message?.from.id === this.bot.id ||
      (entities.some((e) => e.type === 'bot_command' || e.type === 'mention') &&
        (text ?? '').toLowerCase().includes(own))
    );
  }

  save(keepPerChat: number): WorldState {
    return {
      people: [...this.people.values()],
      chats: [...this.chats.values()].map((chat) => ({
        ...chat,
        messages: [...chat.messages.values()].slice(-keepPerChat),
        reactions: [...chat.reactions].map(([id, by]) => [id, [...by]]),
      })),
    };
  }

  #load(saved: WorldState): void {
    for (const person of saved.people) this.people.set(person.key, person);
    for (const chat of saved.chats)
      this.chats.set(chat.id, {
        ...chat,
        messages: new Map(chat.messages.map((m) => [m.message_id, m])),
        reactions: new Map(chat.reactions.map(([id, by]) => [id, new Map(by)])),
      });
  }

  #seed(): void {
    for (const person of SEED_PEOPLE) this.people.set(person.key, person);
    const base = { title: null, admins: [], botStatus: 'member' as const };
    this.addChat({ ...base, id: MAIN_CHAT_ID, type: 'private', members: [MAIN_CHAT_ID] });
    for (const { id, type, title, members, admins, botStatus, topics } of SEED_GROUPS) {
      const ids = (keys: readonly string[]) => keys.map((key) => this.person(key).user.id);
      const chat = this.addChat({ id, type, title, members: ids(members), admins: ids(admins), botStatus });
      for (const name of topics) {
        chat.isForum = true;
        const threadId = nextTopicId(chat);
        chat.nextMessageId = threadId + 1;
        chat.topics.push({ threadId, name });
        const creator = this.user(chat.admins[0] ?? 0) ?? this.bot;
        chat.messages.set(threadId, {
          message_id: threadId,
          message_thread_id: threadId,
          is_topic_message: true,
          from: creator,
          chat: this.chatRef(chat),
          date: this.seconds(),
          forum_topic_created: { name, icon_color: 7322096 },
        });
      }
    }
  }
}

export function isIn(chat: SimChat): boolean {
  return chat.botStatus !== 'kicked' && chat.botStatus !== 'left' && chat.migratedTo === null;
}

/** The topic of a message in a forum; undefined in General, and where there are no topics. */
export const topicOf = (message: SimMessage): number | undefined =>
  message.is_topic_message ? message.message_thread_id : undefined;

/** A topic has the id of the message that opens it. 1 is General's. */
export const nextTopicId = (chat: SimChat): number => Math.max(2, chat.nextMessageId);

function withoutReply(message: SimMessage): SimMessage {
  const { reply_to_message: _nested, ...rest } = message;
  return rest;
}
