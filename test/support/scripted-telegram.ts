/** A Telegram that does what the test says, answer by answer, and remembers what it was asked. */
import type { Update } from 'grammy/types';
import {
  type BotIdentity,
  NetworkError,
  type OutgoingMessage,
  type Telegram,
  TelegramError,
} from '../../src/telegram/api.ts';
import { BOT } from './world.ts';

export interface Sent extends OutgoingMessage {
  /** Monotonic milliseconds. */
  at: number;
  path?: string;
  fileName?: string;
}

export interface ScriptedTelegram extends Telegram {
  /** Every request to send, whatever became of it. */
  readonly asked: Sent[];
  /** What arrived in a chat, in order. */
  readonly arrived: Sent[];
  /** Decides about the next sends: throw to refuse; `lost()` lets it arrive and the answer get lost. */
  onSend: (message: Sent, arrive: () => number) => number | Promise<number>;
}

export const offline = () => new NetworkError('ECONNREFUSED', 'no');
export const timeout = () => new NetworkError('timeout', 'unknown');
export const tooMany = (retryAfterS: number) => new TelegramError(429, 'Too Many Requests', retryAfterS);
export const refusal = (status: number, description: string, migratedTo: number | null = null) =>
  new TelegramError(status, description, null, migratedTo);

export function createScriptedTelegram(monotonic: () => number): ScriptedTelegram {
  let ids = 5000;
  const telegram: ScriptedTelegram = {
    asked: [],
    arrived: [],
    onSend: (_, arrive) => arrive(),
    getMe: async () => BOT,
    getUpdates: async () => [],
    sendMessage: (message) => send(message),
    sendRichMessage: (message) => send(message),
    sendFile: (message) => send(message),
    editMessage: async () => {},
    deleteMessage: async () => {},
    sendDraft: async () => {},
    react: async () => {},
    answerCallback: async () => {},
    setCommands: async () => {},
    sendTyping: async () => {},
    download: async () => {
      throw offline();
    },
    administrators: async () => [],
    webhookInfo: async () => ({ pending: 0, url: '' }),
  };

  async function send(message: OutgoingMessage & { path?: string; fileName?: string }): Promise<number> {
    const sent: Sent = { ...message, at: monotonic() };
    telegram.asked.push(sent);
    return telegram.onSend(sent, () => {
      telegram.arrived.push(sent);
      ids += 1;
      return ids;
    });
  }
  return telegram;
}

/** One getUpdates in flight. */
export interface Poll {
  offset: number;
  timeoutS: number;
  answer(updates: Update[]): void;
  fail(error: Error): void;
}

export interface ScriptedPolling {
  telegram: Pick<Telegram, 'getMe' | 'getUpdates'>;
  /** All polls so far; the last one may be in flight. */
  polls: Poll[];
  /** Set to make getMe fail. */
  identity: { error: Error | null; bot: BotIdentity; asked: number };
  /** Set to make every poll fail. */
  cut: Error | null;
}

/** Long polls that hang until the test answers them, or until they are aborted. */
export function createScriptedPolling(): ScriptedPolling {
  const polls: Poll[] = [];
  const identity: ScriptedPolling['identity'] = { error: null, bot: BOT, asked: 0 };
  const polling: ScriptedPolling = {
    polls,
    identity,
    cut: null,
    telegram: {
      getMe: async () => {
        identity.asked += 1;
        if (identity.error) throw identity.error;
        return identity.bot;
      },
      getUpdates: (offset, timeoutS, signal) =>
        new Promise((resolve, reject) => {
          signal.addEventListener('abort', () => reject(new NetworkError('aborted', 'unknown')), {
            once: true,
          });
          polls.push({ offset, timeoutS, answer: resolve, fail: reject });
          if (polling.cut) reject(polling.cut);
        }),
    },
  };
  return polling;
}
