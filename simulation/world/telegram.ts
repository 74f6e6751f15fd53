/**
 * Telegram, as far as the daemon can see it: chats with messages of their own count, updates that stay until they are
 * confirmed, and requests that may meet any fate on their way. Keeps what was asked and what arrived, for the checks.
 */
import { writeFileSync } from 'node:fs';
import type { Update } from 'grammy/types';
import {
  type BotIdentity,
  NetworkError,
  type OutgoingMessage,
  type Telegram,
  TelegramError,
} from '../../src/telegram/api.ts';
import { DownloadError } from '../../src/telegram/download.ts';
import type { Daemon } from './daemon.ts';
import { createNetwork, type Fate, type Network } from './network.ts';
import type { Rng } from './rng.ts';
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

/** One try to send something. */
export interface SendRequest {
  /** False when the daemon died just before it would have asked. */
  asked: boolean;
  chat: number;
  place: string;
  outboxId: number | null;
  /** The topic it was sent to; null: General, or none. */
  threadId: number | null;
  text: string;
  at: number;
  /** Set when it arrived. */
  messageId: number | null;
  fate: Fate;
  /** What the daemon was told, if it lived to hear it. `perhaps-no`: it died then, and may have noted it or not. */
  told: 'yes' | 'no' | 'unknown' | 'perhaps-no' | null;
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

interface Poll {
  daemon: Daemon;
  offset: number;
  answer(updates: Update[]): void;
}

const RESET_MS = 40;
const TIMEOUT_MS = 60_000;
/** Telegram keeps an update for a day at most; what the daemon must know again is what it took within that time. */
const OFFERED_AGAIN_MS = 12 * 3_600_000;
const OFFERED = 100;

export class SimulatedTelegram {
  readonly chats = new Map<number, Chat>();
  readonly arrivals: Arrival[] = [];
  readonly requests: SendRequest[] = [];
  readonly asides: Aside[] = [];
  /** Given to the daemon, not confirmed yet. */
  updates: Update[] = [];
  lastUpdateId = 1000;
  readonly #world: World;
  readonly #network: Network;
  readonly #rng: Rng;
  #poll: Poll | null = null;
  #confirmed: Update[] = [];
  /** When an update was confirmed, in monotonic milliseconds. */
  readonly confirmedAt = new Map<number, number>();
  /** How many commands are offered in a chat, or by default. */
  readonly menus = new Map<string, number>();
  /** Called when a request to send has arrived. */
  onArrival: (daemon: Daemon) => void = () => {};
  onRequest: (request: SendRequest) => void = () => {};
  /** A message with buttons has arrived; what each says when it is pressed. */
  onButtons: (chat: Chat, messageId: number, data: string[]) => void = () => {};
  /** A message that shows how a turn goes is sent or changed. */
  onAside: (chat: number, at: number) => void = () => {};

  constructor(world: World) {
    this.#world = world;
    this.#network = createNetwork(world);
    this.#rng = world.rng('telegram');
  }

  addChat(id: number, title: string, type: Chat['type'], topics: number[] = []): Chat {
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
    this.chats.set(id, chat);
    return chat;
  }

  chat(id: number): Chat {
    const chat = this.chats.get(id);
    if (!chat) throw new Error(`no chat ${id}`);
    return chat;
  }

  nextMessageId(chat: Chat): number {
    chat.lastMessageId += 1;
    return chat.lastMessageId;
  }

  /** Something has happened in a chat: Telegram keeps it until the bot confirms it. */
  offer(update: Omit<Update, 'update_id'>): number {
    this.lastUpdateId += this.#rng.chance(0.02) ? 2 : 1;
    const offered = { ...update, update_id: this.lastUpdateId } as Update;
    this.updates.push(offered);
    this.#answerPoll();
    return offered.update_id;
  }

  connection(daemon: Daemon): Telegram {
    const ask = <T>(
      where: string,
      work: (answer: (value: T) => void, refuse: (error: Error) => void) => void,
    ) => {
      daemon.touch(where);
      return new Promise<T>((resolve, reject) => {
        work(resolve, reject);
      });
    };
    return {
      getMe: (signal) =>
        ask('getMe', (answer, refuse) => {
          onAbort(signal, refuse);
          this.#request(daemon, this.#network.fate(), () => BOT, answer, refuse);
        }),
      getUpdates: (offset, timeoutS, signal) =>
        ask('getUpdates', (answer, refuse) => {
          onAbort(signal, refuse);
          this.#getUpdates(daemon, offset, timeoutS, answer, refuse);
        }),
      sendMessage: (message) =>
        ask('sendMessage', (answer, refuse) => {
          if (message.silent) return this.#aside(daemon, message, answer, refuse);
          this.#send(daemon, message, answer, refuse);
        }),
      sendRichMessage: (message) =>
        ask('sendRichMessage', (answer, refuse) => {
          this.#send(daemon, message, answer, refuse);
        }),
      sendFile: (message) =>
        ask('sendFile', (answer, refuse) => {
          this.#send(daemon, message, answer, refuse);
        }),
      editMessage: (message) =>
        ask<void>('editMessage', (answer, refuse) => {
          if (this.#asideOf(message)) this.onAside(Number(message.chatJid), this.#world.timeline.now);
          else daemon.sendingId = null;
          this.#request(daemon, this.#network.fate(), () => this.#edit(message), answer, refuse);
        }),
      deleteMessage: (chatJid, messageId) =>
        ask<void>('deleteMessage', (answer, refuse) => {
          const arrive = () => this.#delete({ chatJid, messageId });
          this.#request(daemon, this.#network.fate(), arrive, answer, refuse);
        }),
      sendDraft: ({ chatJid }) =>
        ask<void>('sendDraft', (answer, refuse) => {
          const arrive = () => {
            if (this.chats.get(Number(chatJid))?.type !== 'private')
              throw new TelegramError(400, 'Bad Request: message drafts can be sent only to private chats');
          };
          this.#request(daemon, this.#network.fate(), arrive, answer, refuse);
        }),
      react: (chatJid, messageId) =>
        ask<void>('react', (answer, refuse) => {
          const arrive = () => {
            if ((this.chats.get(Number(chatJid))?.lastMessageId ?? 0) < messageId)
              throw new TelegramError(400, 'Bad Request: message to react not found');
          };
          this.#request(daemon, this.#network.fate(), arrive, answer, refuse);
        }),
      answerCallback: () =>
        ask<void>('answerCallback', (answer, refuse) => {
          this.#request(daemon, this.#network.fate(), () => undefined, answer, refuse);
        }),
      setCommands: (chat, commands) =>
        ask<void>('setCommands', (answer, refuse) => {
          const arrive = () => void this.menus.set(chat ?? 'default', commands.length);
          this.#request(daemon, this.#network.fate(), arrive, answer, refuse);
        }),
      sendTyping: (chatJid) =>
        ask('sendTyping', (answer, refuse) => {
          const chat = this.chats.get(Number(chatJid));
          if (chat && this.#isMute(chat))
            return this.#world.timeline.in(this.#network.latency(), () => refuse(muted()), daemon);
          const fate = this.#network.fate();
          const delay = fate === 'request-lost' ? TIMEOUT_MS : this.#network.latency();
          this.#world.timeline.in(
            delay,
            () => (fate === 'ok' || fate === 'late' ? answer(undefined) : refuse(lost(fate))),
            daemon,
          );
        }),
      download: ({ fileId, target }, signal) =>
        ask('download', (answer, refuse) => {
          onAbort(signal, refuse);
          const fate = this.#network.fate();
          const write = () => {
            const whole = fileContent(fileId);
            if (daemon.alive) writeFileSync(target, fate === 'answer-lost' ? whole.slice(1) : whole);
            return whole.length;
          };
          const cut = (error: Error) =>
            refuse(fate === 'answer-lost' ? new DownloadError('the download was cut off', false) : error);
          this.#request(daemon, fate, write, answer, cut);
        }),
      administrators: (_chat, signal) =>
        ask('administrators', (answer, refuse) => {
          onAbort(signal, refuse);
          this.#request(daemon, this.#network.fate(), () => ['1001'], answer, refuse);
        }),
      webhookInfo: () =>
        ask('webhookInfo', (answer, refuse) => {
          const info = () => ({ pending: this.updates.length, url: '' });
          this.#request(daemon, this.#network.fate(), info, answer, refuse);
        }),
    };
  }

  /** `arrive` happens at Telegram's side, whether the daemon still lives or not. */
  #request<T>(
    daemon: Daemon,
    fate: Fate,
    arrive: () => T,
    answer: (value: T) => void,
    refuse: (error: Error) => void,
  ): void {
    const { timeline } = this.#world;
    const there = this.#network.latency();
    const back = fate === 'late' ? 20_000 : this.#network.latency();
    const fail = (delay: number, error: Error) => {
      timeline.in(delay, () => refuse(error), daemon);
    };
    if (fate === 'unreachable') return fail(RESET_MS, lost(fate));
    if (fate === 'request-lost') return fail(this.#rng.chance(0.5) ? TIMEOUT_MS : RESET_MS, lost(fate));
    if (fate === 'server-error') return fail(there, new TelegramError(502, 'Bad Gateway'));
    if (fate === 'too-many')
      return fail(there, new TelegramError(429, 'Too Many Requests', this.#rng.between(1, 40)));
    if (fate === 'conflict')
      return fail(there, new TelegramError(409, 'Conflict: terminated by other getUpdates request'));
    // What a dying process has written to its socket may still go out.
    const goesOut = this.#rng.chance(0.5);
    timeline.in(there, () => {
      if (!daemon.alive && !goesOut) return;
      let result: T;
      try {
        result = arrive();
      } catch (error) {
        if (!(error instanceof TelegramError)) throw error;
        return fail(back, error);
      }
      if (fate === 'answer-lost') fail(this.#rng.chance(0.5) ? TIMEOUT_MS : RESET_MS, lost(fate));
      else timeline.in(back, () => answer(result), daemon);
    });
  }

  #getUpdates(
    daemon: Daemon,
    offset: number,
    timeoutS: number,
    answer: (updates: Update[]) => void,
    refuse: (error: Error) => void,
  ): void {
    const { timeline } = this.#world;
    const fate = this.#network.fate();
    const arrive = () => {
      this.#confirm(offset);
    };
    const hold = () => {
      if (fate !== 'ok') return answer(this.#pending(offset)); // a long poll that comes late is one that was cut short
      const poll: Poll = { daemon, offset, answer };
      this.#poll = poll;
      this.#answerPoll();
      const end = () => {
        if (this.#poll !== poll) return;
        this.#poll = null;
        answer([]);
      };
      timeline.in(timeoutS * 1000, end, daemon);
    };
    this.#request(daemon, fate, arrive, hold, refuse);
  }

  #confirm(offset: number): void {
    const confirmed = this.updates.filter((update) => update.update_id < offset);
    if (confirmed.length === 0) return;
    for (const { update_id } of confirmed) this.confirmedAt.set(update_id, this.#world.timeline.now);
    this.updates = this.updates.filter((update) => update.update_id >= offset);
    this.#confirmed = [...this.#confirmed, ...confirmed].slice(-20);
  }

  #pending(offset: number): Update[] {
    const pending = this.updates.filter((update) => update.update_id >= offset).slice(0, OFFERED);
    if (!this.#world.faults || pending.length === 0 || !this.#rng.chance(0.03)) return pending;
    // Once in a while something comes again.
    this.#world.count('updates offered again');
    const recent = this.#confirmed.filter(
      ({ update_id }) => this.#world.timeline.now - (this.confirmedAt.get(update_id) ?? 0) < OFFERED_AGAIN_MS,
    );
    const again = recent.length > 0 ? [this.#rng.pick(recent)] : [];
    return [...again, ...pending, this.#rng.pick(pending)];
  }

  #answerPoll(): void {
    const poll = this.#poll;
    if (!poll?.daemon.alive) return;
    const updates = this.#pending(poll.offset);
    if (updates.length === 0) return;
    this.#poll = null;
    this.#world.timeline.in(this.#network.latency(), () => poll.answer(updates), poll.daemon);
  }

  #send(
    daemon: Daemon,
    message: OutgoingMessage,
    answer: (id: number) => void,
    refuse: (error: Error) => void,
  ): void {
    const world = this.#world;
    const chat = this.chats.get(Number(message.chatJid));
    const drawn = this.#network.fate();
    const fate = drawn === 'conflict' ? 'ok' : drawn;
    const request: SendRequest = {
      asked: true,
      chat: Number(message.chatJid),
      place: chat?.place ?? message.chatJid,
      outboxId: daemon.sendingId,
      threadId: message.threadId,
      text: message.text,
      at: world.timeline.now,
      messageId: null,
      fate,
      told: null,
    };
    daemon.sendingId = null;
    this.requests.push(request);
    this.onRequest(request);
    world.note('send', {
      chat: message.chatJid,
      outbox: request.outboxId,
      text: message.text.slice(0, 60),
      fate,
    });
    this.#request(
      daemon,
      fate,
      () => {
        this.onArrival(daemon);
        return this.#arrive(message, request);
      },
      (id) => {
        request.told = 'yes';
        daemon.told.push(request);
        answer(id);
      },
      (error) => {
        request.told = error instanceof NetworkError && error.delivered === 'unknown' ? 'unknown' : 'no';
        daemon.told.push(request);
        refuse(error);
      },
    );
  }

  /** Nobody can tell this from a request that was lost. */
  neverAsked(outboxId: number): void {
    const at = this.#world.timeline.now;
    const nothing = {
      chat: 0,
      place: '',
      text: '',
      messageId: null,
      fate: 'request-lost',
      threadId: null,
      told: null,
    } as const;
    this.requests.push({ ...nothing, asked: false, outboxId, at });
  }

  #aside(
    daemon: Daemon,
    message: OutgoingMessage,
    answer: (id: number) => void,
    refuse: (error: Error) => void,
  ): void {
    const { text } = message;
    this.onAside(Number(message.chatJid), this.#world.timeline.now);
    const arrive = () => {
      const chat = this.#openChat(message);
      const aside: Aside = { chat: chat.id, messageId: this.nextMessageId(chat), text, isDeleted: false };
      this.asides.push(aside);
      this.#world.note('aside', { chat: chat.id, messageId: aside.messageId });
      this.#world.count('messages about progress');
      return aside.messageId;
    };
    this.#request(daemon, this.#network.fate(), arrive, answer, refuse);
  }

  #asideOf({ chatJid, messageId }: { chatJid: string; messageId: number }): Aside | undefined {
    return this.asides.find((a) => a.chat === Number(chatJid) && a.messageId === messageId);
  }

  #delete(which: { chatJid: string; messageId: number }): void {
    const aside = this.#asideOf(which);
    if (!aside || aside.isDeleted) throw new TelegramError(400, 'Bad Request: message to delete not found');
    aside.isDeleted = true;
  }

  #edit({ chatJid, messageId, text }: Parameters<Telegram['editMessage']>[0]): void {
    const aside = this.#asideOf({ chatJid, messageId });
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

  #isMute = (chat: Chat): boolean => chat.refused !== null && this.#world.faults;

  /** The bot loses, or gets back, the right to write. Telegram tells, or nobody does. */
  restrict(chat: Chat, isMute: boolean, isTold: boolean): void {
    chat.refused = isMute ? 0 : null;
    this.#world.note('rights', { chat: chat.id, isMute, isTold });
    if (!isTold) return;
    const user = { id: BOT.id, is_bot: true, first_name: BOT.name };
    const member = (isIn: boolean) =>
      isIn
        ? { status: 'member', user }
        : { status: 'restricted', user, is_member: true, can_send_messages: false };
    const my_chat_member = {
      chat: { id: chat.id, type: chat.type, title: chat.title },
      from: { id: 1001, is_bot: false, first_name: 'Anna' },
      date: Math.floor(this.#world.trueTime() / 1000),
      old_chat_member: member(isMute),
      new_chat_member: member(!isMute),
    };
    this.offer({ my_chat_member } as unknown as Omit<Update, 'update_id'>);
  }

  /** Where it can be posted. */
  #openChat(message: OutgoingMessage): Chat {
    const chat = this.chats.get(Number(message.chatJid));
    if (!chat) throw new TelegramError(400, 'Bad Request: chat not found');
    if (chat.movedTo !== null) {
      const what = 'Bad Request: group chat was upgraded to a supergroup chat';
      throw new TelegramError(400, what, null, chat.movedTo);
    }
    if (this.#isMute(chat)) {
      chat.refused = (chat.refused ?? 0) + 1;
      this.#world.count('sends where the bot may not write');
      throw muted();
    }
    if (message.threadId !== null && !chat.topics.includes(message.threadId))
      throw new TelegramError(400, 'Bad Request: message thread not found');
    return chat;
  }

  #arrive(message: OutgoingMessage, request: SendRequest): number {
    const chat = this.#openChat(message);
    const messageId = this.nextMessageId(chat);
    request.messageId = messageId;
    const { text } = message;
    const at = this.#world.timeline.now;
    this.arrivals.push({ chat: chat.id, place: chat.place, messageId, text, outboxId: request.outboxId, at });
    this.#world.note('arrived', { chat: chat.id, messageId, outbox: request.outboxId });
    const buttons = message.keyboard?.inline_keyboard.flat() ?? [];
    if (buttons.length > 0)
      this.onButtons(
        chat,
        messageId,
        buttons.map((button) => ('callback_data' in button ? button.callback_data : '')),
      );
    return messageId;
  }
}

/** What lies behind a file's id. */
export const fileContent = (fileId: string): string => `the bytes of ${fileId}`;

function onAbort(signal: AbortSignal, refuse: (error: Error) => void): void {
  const aborted = () => refuse(new NetworkError('aborted', 'unknown'));
  if (signal.aborted) aborted();
  else signal.addEventListener('abort', aborted, { once: true });
}

const muted = () =>
  new TelegramError(400, 'Bad Request: not enough rights to send text messages to the chat');

function lost(fate: Fate): NetworkError {
  return fate === 'unreachable'
    ? new NetworkError('the connection to the Bot API failed (ECONNREFUSED)', 'no')
    : new NetworkError('the connection to the Bot API failed (ECONNRESET)', 'unknown');
}
