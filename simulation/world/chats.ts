/**
 * The chats as Telegram keeps them: what was posted in them, changed and deleted, where the bot may write, and under
 * which id a chat goes on. Refuses as the real one does. What is on its way is not here yet.
 */
import {
  type BotIdentity,
  type OutgoingMessage,
  type Telegram,
  TelegramError,
} from '../../src/telegram/api.ts';
import type { World } from './world.ts';

export const BOT: BotIdentity = { id: 4242, username: 'nina_bot', name: 'Nina', readsAllMessages: true };

export interface Chat {
  id: number;
  title: string;
  type: 'private' | 'group' | 'supergroup';
  topics: number[];
  /** Of the place as people know it; stays when the id changes. */
  place: string;
  lastMessageId: number;
  movedTo: number | null;
  /** The bot may not write here: how many sends were refused for it since then; null: it may. */
  refused: number | null;
}

export interface Arrival {
  chat: number;
  place: string;
  messageId: number;
  text: string;
  /** What it says by now, when it was edited. */
  shows?: string;
  outboxId: number | null;
  at: number;
}

/** A message that shows how a turn goes: nobody's answer. */
export interface Aside {
  chat: number;
  messageId: number;
  text: string;
  isDeleted: boolean;
}

export class Chats {
  readonly all = new Map<number, Chat>();
  readonly arrivals: Arrival[] = [];
  readonly asides: Aside[] = [];
  /** A message with buttons has arrived; what each says when it is pressed. */
  onButtons: (chat: Chat, messageId: number, data: string[]) => void = () => {};
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  add(id: number, title: string, type: Chat['type'], topics: number[] = []): Chat {
    const chat: Chat = {
      id,
      title,
      type,
      topics,
      place: title,
      lastMessageId: 0,
      movedTo: null,
      refused: null,
    };
    this.all.set(id, chat);
    return chat;
  }

  get(id: number): Chat {
    const chat = this.all.get(id);
    if (!chat) throw new Error(`no chat ${id}`);
    return chat;
  }

  nextMessageId(chat: Chat): number {
    chat.lastMessageId += 1;
    return chat.lastMessageId;
  }

  /** The bot may not write there now. */
  isMute = (chat: Chat): boolean => chat.refused !== null && this.#world.faults;

  /** Where it can be posted. */
  #open(message: OutgoingMessage): Chat {
    const chat = this.all.get(Number(message.chatJid));
    if (!chat) throw new TelegramError(400, 'Bad Request: chat not found');
    if (chat.movedTo !== null) {
      const what = 'Bad Request: group chat was upgraded to a supergroup chat';
      throw new TelegramError(400, what, null, chat.movedTo);
    }
    if (this.isMute(chat)) {
      chat.refused = (chat.refused ?? 0) + 1;
      this.#world.count('sends where the bot may not write');
      throw muted();
    }
    if (message.threadId !== null && !chat.topics.includes(message.threadId))
      throw new TelegramError(400, 'Bad Request: message thread not found');
    return chat;
  }

  /** An answer is there: the id it has from now on. */
  arrive(message: OutgoingMessage, outboxId: number | null): number {
    const chat = this.#open(message);
    const messageId = this.nextMessageId(chat);
    const { text } = message;
    const at = this.#world.timeline.now;
    this.arrivals.push({ chat: chat.id, place: chat.place, messageId, text, outboxId, at });
    this.#world.note('arrived', { chat: chat.id, messageId, outbox: outboxId });
    const buttons = message.keyboard?.inline_keyboard.flat() ?? [];
    if (buttons.length > 0)
      this.onButtons(
        chat,
        messageId,
        buttons.map((button) => ('callback_data' in button ? button.callback_data : '')),
      );
    return messageId;
  }

  /** A message that shows how a turn goes is there. */
  arriveAside(message: OutgoingMessage): number {
    const chat = this.#open(message);
    const aside: Aside = {
      chat: chat.id,
      messageId: this.nextMessageId(chat),
      text: message.text,
      isDeleted: false,
    };
    this.asides.push(aside);
    this.#world.note('aside', { chat: chat.id, messageId: aside.messageId });
    this.#world.count('messages about progress');
    return aside.messageId;
  }

  asideOf({ chatJid, messageId }: { chatJid: string; messageId: number }): Aside | undefined {
    return this.asides.find((a) => a.chat === Number(chatJid) && a.messageId === messageId);
  }

  delete(which: { chatJid: string; messageId: number }): void {
    const aside = this.asideOf(which);
    if (!aside || aside.isDeleted) throw new TelegramError(400, 'Bad Request: message to delete not found');
    aside.isDeleted = true;
  }

  edit({ chatJid, messageId, text }: Parameters<Telegram['editMessage']>[0]): void {
    const aside = this.asideOf({ chatJid, messageId });
    if (aside) {
      if (aside.isDeleted) throw new TelegramError(400, 'Bad Request: message to edit not found');
      if (aside.text === text) throw new TelegramError(400, 'Bad Request: message is not modified');
      aside.text = text;
      return;
    }
    const arrival = this.arrivals.find((a) => a.chat === Number(chatJid) && a.messageId === messageId);
    if (!arrival) throw new TelegramError(400, 'Bad Request: message to edit not found');
    if (arrival.shows === text) throw new TelegramError(400, 'Bad Request: message is not modified');
    arrival.shows = text;
  }
}

export const muted = () =>
  new TelegramError(400, 'Bad Request: not enough rights to send text messages to the chat');
