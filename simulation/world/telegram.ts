/**
 * Telegram, as far as the daemon can see it: requests that may meet any fate on their way to its chats and updates.
 * Keeps what was asked, for the checks; what arrived is with the chats.
 */
import { writeFileSync } from 'node:fs';
import type { Update } from 'grammy/types';
import { NetworkError, type OutgoingMessage, type Telegram, TelegramError } from '../../src/telegram/api.ts';
import { DownloadError } from '../../src/telegram/download.ts';
import { BOT, type Chat, Chats, muted } from './chats.ts';
import type { Daemon } from './daemon.ts';
import { createNetwork, type Fate, lost, type Network, TIMEOUT_MS } from './network.ts';
import { Updates } from './updates.ts';
import type { World } from './world.ts';

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

export class SimulatedTelegram {
  readonly chats: Chats;
  readonly updates: Updates;
  readonly requests: SendRequest[] = [];
  readonly #world: World;
  readonly #network: Network;
  /** How many commands are offered in a chat, or by default. */
  readonly menus = new Map<string, number>();
  /** Called when a request to send has arrived. */
  onArrival: (daemon: Daemon) => void = () => {};
  onRequest: (request: SendRequest) => void = () => {};
  /** A message that shows how a turn goes is sent or changed. */
  onAside: (chat: number, at: number) => void = () => {};

  constructor(world: World) {
    this.#world = world;
    const rng = world.rng('telegram');
    this.#network = createNetwork(world, rng);
    this.chats = new Chats(world);
    this.updates = new Updates(world, this.#network, rng);
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
          this.#network.carry(daemon, this.#network.fate(), () => BOT, answer, refuse);
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
          if (this.chats.asideOf(message)) this.onAside(Number(message.chatJid), this.#world.timeline.now);
          else daemon.sendingId = null;
          this.#network.carry(daemon, this.#network.fate(), () => this.chats.edit(message), answer, refuse);
        }),
      deleteMessage: (chatJid, messageId) =>
        ask<void>('deleteMessage', (answer, refuse) => {
          const arrive = () => this.chats.delete({ chatJid, messageId });
          this.#network.carry(daemon, this.#network.fate(), arrive, answer, refuse);
        }),
      sendDraft: ({ chatJid }) =>
        ask<void>('sendDraft', (answer, refuse) => {
          const arrive = () => {
            if (this.chats.all.get(Number(chatJid))?.type !== 'private')
              throw new TelegramError(400, 'Bad Request: message drafts can be sent only to private chats');
          };
          this.#network.carry(daemon, this.#network.fate(), arrive, answer, refuse);
        }),
      react: (chatJid, messageId) =>
        ask<void>('react', (answer, refuse) => {
          const arrive = () => {
            if ((this.chats.all.get(Number(chatJid))?.lastMessageId ?? 0) < messageId)
              throw new TelegramError(400, 'Bad Request: message to react not found');
          };
          this.#network.carry(daemon, this.#network.fate(), arrive, answer, refuse);
        }),
      answerCallback: () =>
        ask<void>('answerCallback', (answer, refuse) => {
          this.#network.carry(daemon, this.#network.fate(), () => undefined, answer, refuse);
        }),
      setCommands: (chat, commands) =>
        ask<void>('setCommands', (answer, refuse) => {
          const arrive = () => void this.menus.set(chat ?? 'default', commands.length);
          this.#network.carry(daemon, this.#network.fate(), arrive, answer, refuse);
        }),
      sendTyping: (chatJid) =>
        ask('sendTyping', (answer, refuse) => {
          const chat = this.chats.all.get(Number(chatJid));
          if (chat && this.chats.isMute(chat))
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
          this.#network.carry(daemon, fate, write, answer, cut);
        }),
      administrators: (_chat, signal) =>
        ask('administrators', (answer, refuse) => {
          onAbort(signal, refuse);
          this.#network.carry(daemon, this.#network.fate(), () => ['1001'], answer, refuse);
        }),
      webhookInfo: () =>
        ask('webhookInfo', (answer, refuse) => {
          const info = () => ({ pending: this.updates.open.length, url: '' });
          this.#network.carry(daemon, this.#network.fate(), info, answer, refuse);
        }),
    };
  }

  #getUpdates(
    daemon: Daemon,
    offset: number,
    timeoutS: number,
    answer: (updates: Update[]) => void,
    refuse: (error: Error) => void,
  ): void {
    const fate = this.#network.fate();
    const arrive = () => {
      this.updates.confirm(offset);
    };
    const hold = () => {
      if (fate !== 'ok') return answer(this.updates.pending(offset)); // a long poll that comes late is one that was cut short
      this.updates.hold(daemon, offset, timeoutS, answer);
    };
    this.#network.carry(daemon, fate, arrive, hold, refuse);
  }

  #send(
    daemon: Daemon,
    message: OutgoingMessage,
    answer: (id: number) => void,
    refuse: (error: Error) => void,
  ): void {
    const world = this.#world;
    const chat = this.chats.all.get(Number(message.chatJid));
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
    this.#network.carry(
      daemon,
      fate,
      () => {
        this.onArrival(daemon);
        request.messageId = this.chats.arrive(message, request.outboxId);
        return request.messageId;
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
    this.onAside(Number(message.chatJid), this.#world.timeline.now);
    const arrive = () => this.chats.arriveAside(message);
    this.#network.carry(daemon, this.#network.fate(), arrive, answer, refuse);
  }

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
    this.updates.offer({ my_chat_member } as unknown as Omit<Update, 'update_id'>);
  }
}

/** What lies behind a file's id. */
export const fileContent = (fileId: string): string => `the bytes of ${fileId}`;

function onAbort(signal: AbortSignal, refuse: (error: Error) => void): void {
  const aborted = () => refuse(new NetworkError('aborted', 'unknown'));
  if (signal.aborted) aborted();
  else signal.addEventListener('abort', aborted, { once: true });
}
