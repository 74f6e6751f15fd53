/**
 * What people do in a chat: write, edit, delete, react, press a button. Each does what Telegram does: first the chat
 * changes, then the bot gets its update. Throws SimRefusal for what a person could not do either.
 */
import { SimRefusal } from './api-error.ts';
import { findEntities, readBackticks } from './entities.ts';
import { fileRef, photoSizes } from './files.ts';
import type { Memberships } from './memberships.ts';
import type { MethodContext } from './methods/context.ts';
import { setReaction } from './methods/messages.ts';
import { MAX_CAPTION, MAX_TEXT } from './text.ts';
import {
  defined,
  type MediaKind,
  type SimChat,
  type SimContent,
  type SimEntity,
  type SimExternalReply,
  type SimLocation,
  type SimMessage,
  type SimOrigin,
  type SimPerson,
} from './types.ts';
import { isIn, type PostOptions, topicOf } from './world.ts';

export interface SayOptions {
  /** Id, title, or `main`. */
  readonly chat: string | number;
  /** A person's key, e.g. `you`. */
  readonly from: string;
  /** `backticks` become code unless `entities` are given. */
  readonly text?: string;
  readonly caption?: string;
  readonly entities?: readonly SimEntity[];
  readonly file?: { kind: MediaKind; name: string; mime?: string; bytes: Buffer };
  /** Files of one album share it. */
  readonly mediaGroupId?: string;
  readonly location?: SimLocation;
  readonly replyTo?: number;
  /** The part of the message replied to that is meant. */
  readonly quote?: string;
  /** The message is passed on: these are somebody else's words. */
  readonly forwardOrigin?: SimOrigin;
  /** It replies to a message of another chat. */
  readonly externalReply?: SimExternalReply;
  readonly threadId?: number;
  /** Whole seconds; default now. */
  readonly date?: number;
}

export interface MessageRef {
  readonly chat: string | number;
  readonly messageId: number;
}

export class People {
  readonly #c: MethodContext;
  readonly #memberships: Memberships;
  #callbackCount = 0;

  constructor(context: MethodContext, memberships: Memberships) {
    this.#c = context;
    this.#memberships = memberships;
  }

  say(options: SayOptions): SimMessage {
    const { world } = this.#c;
    const chat = world.chat(options.chat);
    const { user } = world.person(options.from);
    if (chat.migratedTo !== null) throw new SimRefusal('that group became a supergroup; write there');
    if (!chat.members.includes(user.id)) throw new SimRefusal(`${user.first_name} is not in that chat`);
    const replyTo = options.replyTo === undefined ? undefined : chat.messages.get(options.replyTo);
    if (options.replyTo !== undefined && !replyTo)
      throw new SimRefusal(`there is no message ${options.replyTo}`);
    const threadId = options.threadId ?? (chat.isForum && replyTo ? topicOf(replyTo) : undefined);
    const topic = chat.topics.find((t) => t.threadId === threadId);
    if (threadId !== undefined && chat.isForum && !topic)
      throw new SimRefusal(`there is no topic ${threadId}`);
    const isClosed = threadId === undefined ? chat.isGeneralClosed : topic?.isClosed;
    if (chat.isForum && isClosed && !chat.admins.includes(user.id))
      throw new SimRefusal('that topic is closed');
    const where: PostOptions = {
      ...(threadId === undefined ? {} : { threadId }),
      ...(replyTo === undefined ? {} : { replyTo }),
      ...(options.date === undefined ? {} : { date: options.date }),
    };
    if (chat.type === 'private' && chat.botStatus === 'left')
      this.#memberships.setBotStatus(chat.id, 'member', options.from);
    const about = defined({
      media_group_id: options.mediaGroupId,
      forward_origin: options.forwardOrigin,
      external_reply: options.externalReply,
      quote: options.quote === undefined ? undefined : quoted(options.quote, replyTo),
    });
    return world.post(chat, user, { ...this.#content(options), ...about }, where);
  }

  #content({ text, caption, entities, file, location }: SayOptions): SimContent {
    if (location) return { location };
    if (!file) {
      const body = written(text ?? '', entities, MAX_TEXT);
      if (body.text === '') throw new SimRefusal('there is nothing to say');
      return body.entities.length > 0 ? body : { text: body.text };
    }
    const stored = this.#c.files.add(
      file.kind,
      file.name,
      file.mime ?? 'application/octet-stream',
      file.bytes,
    );
    const media =
      file.kind === 'photo' ? { photo: photoSizes(this.#c.files, stored) } : { [file.kind]: fileRef(stored) };
    const label = written(caption ?? text ?? '', entities, MAX_CAPTION);
    if (label.text === '') return media;
    const marks = label.entities.length > 0 ? { caption_entities: label.entities } : {};
    return { ...media, caption: label.text, ...marks };
  }

  edit(ref: MessageRef & { text: string; entities?: readonly SimEntity[] }): SimMessage {
    const { chat, message } = this.#theirs(ref);
    const isText = message.text !== undefined;
    const body = written(ref.text, ref.entities, isText ? MAX_TEXT : MAX_CAPTION);
    if (body.text === '') throw new SimRefusal('there is nothing to say');
    const { entities: _e, caption_entities: _c, ...kept } = message;
    const marks = body.entities.length === 0 ? undefined : body.entities;
    const content = isText
      ? { text: body.text, ...(marks ? { entities: marks } : {}) }
      : { caption: body.text, ...(marks ? { caption_entities: marks } : {}) };
    return this.#c.world.replace(chat, { ...kept, ...content, edit_date: this.#c.world.seconds() });
  }

  /** A live location is somewhere else by now. */
  move(ref: MessageRef & { latitude: number; longitude: number }): SimMessage {
    const { chat, message } = this.#theirs(ref);
    if (message.location?.live_period === undefined) throw new SimRefusal('that location does not move');
    const { latitude, longitude } = ref;
    const location = { ...message.location, latitude, longitude };
    return this.#c.world.replace(chat, { ...message, location, edit_date: this.#c.world.seconds() });
  }

  /** A message that people may change. */
  #theirs(ref: MessageRef): { chat: SimChat; message: SimMessage } {
    const { chat, message } = this.#message(ref);
    if (message.from.id === this.#c.world.bot.id)
      throw new SimRefusal("the bot's messages are its own to edit");
    return { chat, message };
  }

  /** Telegram tells a bot nothing of a deleted message, so neither does this. */
  remove(ref: MessageRef): void {
    const { chat, message } = this.#message(ref);
    this.#c.world.remove(chat, [message.message_id]);
  }

  /** Replaces that person's reaction. Groups tell the bot only if it is an administrator and asked for it. */
  react(ref: MessageRef & { from: string; emoji: readonly string[] }): void {
    const { chat, message } = this.#message(ref);
    const { user } = this.#c.world.person(ref.from);
    const before = setReaction(this.#c, chat, message.message_id, user.id, [...ref.emoji]);
    if (!isIn(chat) || (chat.type !== 'private' && chat.botStatus !== 'administrator')) return;
    const list = (emoji: readonly string[]) => emoji.map((e) => ({ type: 'emoji', emoji: e }));
    this.#c.updates.push('message_reaction', {
      chat: this.#c.world.chatRef(chat),
      message_id: message.message_id,
      user,
      date: this.#c.world.seconds(),
      old_reaction: list(before),
      new_reaction: list(ref.emoji),
    });
  }

  /** Returns the callback query's id; `callback-answered` tells when the bot has answered it. */
  pressButton(ref: MessageRef & { from: string; data: string }): string {
    const { chat, message } = this.#message(ref);
    const { user } = this.#c.world.person(ref.from);
    const buttons = message.reply_markup?.inline_keyboard.flat() ?? [];
    if (!buttons.some((b) => b.callback_data === ref.data)) throw new SimRefusal('there is no such button');
    this.#callbackCount += 1;
    const id = `${user.id}${String(this.#c.clock.now()).slice(-9)}${this.#callbackCount}`;
    this.#c.callbacks.set(id, { at: this.#c.clock.monotonic(), isAnswered: false });
    const [oldest] = this.#c.callbacks.keys();
    if (this.#c.callbacks.size > 1000 && oldest !== undefined) this.#c.callbacks.delete(oldest);
    const instance = `${chat.id}`;
    this.#c.updates.push('callback_query', {
      id,
      from: user,
      message,
      chat_instance: instance,
      data: ref.data,
    });
    return id;
  }

  addPerson(person: SimPerson): SimPerson {
    const key = person.key.toLowerCase();
    const { world } = this.#c;
    if (world.people.has(key) || world.user(person.user.id)) throw new SimRefusal(`"${key}" is taken`);
    world.people.set(key, { ...person, key });
    return { ...person, key };
  }

  #message(ref: MessageRef): { chat: SimChat; message: SimMessage } {
    const chat = this.#c.world.chat(ref.chat);
    const message = chat.messages.get(ref.messageId);
    if (!message) throw new SimRefusal(`there is no message ${ref.messageId}`);
    return { chat, message };
  }
}

/** A part of a message's words, as people mark it in a reply. */
function quoted(text: string, replyTo: SimMessage | undefined): NonNullable<SimContent['quote']> {
  const position = (replyTo?.text ?? replyTo?.caption ?? '').indexOf(text);
  if (replyTo && position < 0) throw new SimRefusal('that is no part of the message');
  return { text, position: Math.max(0, position), is_manual: true };
}

function written(
  raw: string,
  given: readonly SimEntity[] | undefined,
  max: number,
): { text: string; entities: SimEntity[] } {
  const body = given
    ? { text: raw, entities: [...given] }
    : readBackticks(raw.replaceAll('\r\n', '\n').trim());
  if (body.text.length > max) throw new SimRefusal(`that is longer than ${max} characters`);
  return { text: body.text, entities: findEntities(body.text, body.entities) };
}
