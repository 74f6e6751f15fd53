/**
 * The Bot API as the daemon uses it, and its grammY implementation. Two Api objects: polling has its own, so that
 * a long poll never holds up a send, with a time limit a little above the poll's (grammY's default is 500 s).
 * "Telegram said no" (TelegramError) and "the network failed" (NetworkError) are different things: only of the
 * second the result may be unknown. No retry happens here; that is the outbox' business.
 */
import http from 'node:http';
import https from 'node:https';
import { Api, type ApiClientOptions, GrammyError, HttpError, InputFile } from 'grammy';
import type { InlineKeyboardMarkup, LanguageCode, MessageEntity, Update } from 'grammy/types';
import { messageOf } from '../errors.ts';
import type { Entity } from '../format/entities.ts';
import type { FileKind } from '../types.ts';
import { type Download, DownloadError, fetchFile, StorageError, tooLarge } from './download.ts';
import { sendAs } from './send-as.ts';
import { ALLOWED_UPDATES } from './update.ts';

export interface BotIdentity {
  id: number;
  username: string;
  name: string;
  /** Privacy mode is off. */
  readsAllMessages: boolean;
}

export interface Telegram {
  getMe(signal: AbortSignal): Promise<BotIdentity>;
  /** A long poll of at most `timeoutS` seconds. */
  getUpdates(offset: number, timeoutS: number, signal: AbortSignal): Promise<Update[]>;
  /** Returns the new message's id. */
  sendMessage(message: OutgoingMessage): Promise<number>;
  /** The text and entities are not sent, but the Markdown, for Telegram to read. */
  sendRichMessage(message: OutgoingMessage & { markdown: string }): Promise<number>;
  /** The text is its caption. */
  sendFile(message: OutgoingMessage & OutgoingFile): Promise<number>;
  /** Changes the text of a message of ours. Without a keyboard it has no buttons any more. */
  editMessage(
    message: Pick<OutgoingMessage, 'chatJid' | 'text' | 'entities' | 'keyboard'> & { messageId: number },
  ): Promise<void>;
  /** Takes a message of ours away. */
  deleteMessage(chatJid: string, messageId: number): Promise<void>;
  /**
   * Shows a text as being written, for half a minute or until a message of ours comes, with Telegram's own stop button;
   * in a private chat only. The same draftId changes what is shown.
   */
  sendDraft(
    draft: Pick<OutgoingMessage, 'chatJid' | 'threadId' | 'text' | 'entities'> & { draftId: number },
  ): Promise<void>;
  /** Our reaction to a message is this emoji from now on; null takes it back. */
  react(chatJid: string, messageId: number, emoji: string | null): Promise<void>;
  /** A button was pressed and stops waiting. An empty text shows nothing; `alert` shows it until it is read. */
  answerCallback(id: string, text: string, alert: boolean): Promise<void>;
  /**
   * Offers these commands in a chat, or (`null`) wherever nothing else was set; an empty list takes them away. With a
   * language (two letters) to those whose Telegram is set to it; without one to all others.
   */
  setCommands(
    chatJid: string | null,
    commands: readonly MenuCommand[],
    language?: string | undefined,
  ): Promise<void>;
  sendTyping(chatJid: string, threadId: number | null): Promise<void>;
  /** Writes a file that somebody sent; resolves with its bytes. Rejects with DownloadError or StorageError, too. */
  download(download: Download, signal: AbortSignal): Promise<number>;
  /** Ids of the chat's administrators, bots left out. */
  administrators(chatJid: string, signal: AbortSignal): Promise<string[]>;
  /** Updates that wait at Telegram's side, and the webhook, if one is set. */
  webhookInfo(): Promise<{ pending: number; url: string }>;
}

/** The connection itself, for the watchdog on the poller. */
export interface TelegramLink {
  /** A getMe over a connection of its own, within ten seconds. Rejects when there is no good answer. */
  probe(): Promise<void>;
  /** Polls from now on over a new connection; what is in flight on the old one fails. */
  reconnect(): void;
}

export interface OutgoingFile {
  kind: FileKind;
  path: string;
  /** As people see it. */
  fileName: string;
}

export interface OutgoingMessage {
  chatJid: string;
  threadId: number | null;
  replyTo: number | null;
  text: string;
  /** The formatting of `text`. */
  entities?: readonly Entity[];
  keyboard?: InlineKeyboardMarkup;
  /** Nobody's phone makes a sound for it. */
  silent?: true;
}

/** A command as Telegram's menu shows it. */
export interface MenuCommand {
  command: string;
  /** 1 to 256 characters. */
  description: string;
}

/** Telegram answered with an error: the request had no effect. */
export class TelegramError extends Error {
  readonly status: number;
  /** Seconds, with 429. */
  readonly retryAfterS: number | null;
  readonly migratedTo: number | null;
  constructor(
    status: number,
    description: string,
    retryAfterS: number | null = null,
    migratedTo: number | null = null,
  ) {
    super(description);
    this.name = 'TelegramError';
    this.status = status;
    this.retryAfterS = retryAfterS;
    this.migratedTo = migratedTo;
  }
}

/** No usable answer came. `delivered: 'unknown'` when the request may have reached Telegram all the same. */
export class NetworkError extends Error {
  readonly delivered: 'no' | 'unknown';
  constructor(message: string, delivered: 'no' | 'unknown') {
    super(message);
    this.name = 'NetworkError';
    this.delivered = delivered;
  }
}

const SEND_TIMEOUT_S = 60;
const PROBE_TIMEOUT_S = 10;
/** Above the poll's own time, for the way there and back. */
export const POLL_GRACE_S = 10;
/** Errors that happen before anything is written to a connection. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
]);

/** In seconds: how long a request may take, and how much longer than its own time a poll. */
export interface Patience {
  sendS: number;
  pollGraceS: number;
}

export function createTelegram(
  token: string,
  apiRoot: string,
  pollTimeoutS: number,
  patience: Patience = { sendS: SEND_TIMEOUT_S, pollGraceS: POLL_GRACE_S },
): Telegram & TelegramLink {
  const sender = new Api(token, { apiRoot, timeoutSeconds: patience.sendS });
  // grammY shares its connections among all that talk to one server; those of the polls are to be renewed alone.
  const connect = (timeoutSeconds: number, keepAlive: boolean) => {
    const agent = new (apiRoot.startsWith('https:') ? https : http).Agent({ keepAlive });
    const config = { agent, compress: true } as ApiClientOptions['baseFetchConfig'];
    return { api: new Api(token, { apiRoot, timeoutSeconds, baseFetchConfig: config ?? {} }), agent };
  };
  let poller = connect(pollTimeoutS + patience.pollGraceS, true);
  const options = (m: OutgoingMessage) => ({
    ...(m.threadId === null ? {} : { message_thread_id: m.threadId }),
    ...(m.replyTo === null
      ? {}
      : { reply_parameters: { message_id: m.replyTo, allow_sending_without_reply: true } }),
    ...withKeyboard(m),
    ...(m.silent ? { disable_notification: true } : {}),
  });
  const withKeyboard = ({ keyboard }: Pick<OutgoingMessage, 'keyboard'>) =>
    keyboard === undefined ? {} : { reply_markup: keyboard };
  const formatting = <Name extends string>(
    name: Name,
    { entities = [] }: Pick<OutgoingMessage, 'entities'>,
  ) => (entities.length === 0 ? {} : { [name]: entities }) as { [N in Name]?: MessageEntity[] };
  return {
    getMe: (signal) =>
      call(async () => {
        const me = await poller.api.getMe(signal as never);
        return {
          id: me.id,
          username: me.username,
          name: me.first_name,
          readsAllMessages: me.can_read_all_group_messages === true,
        };
      }),
    getUpdates: (offset, timeoutS, signal) =>
      call(() =>
        poller.api.getUpdates(
          { offset, timeout: timeoutS, limit: 100, allowed_updates: [...ALLOWED_UPDATES] },
          signal as never,
        ),
      ),
    sendMessage: (m) =>
      call(async () => {
        const sent = await sender.sendMessage(m.chatJid, m.text, {
          ...options(m),
          ...formatting('entities', m),
          link_preview_options: { is_disabled: true },
        });
        return sent.message_id;
      }),
    sendRichMessage: (m) =>
      call(async () => {
        const sent = await sender.sendRichMessage(m.chatJid, { markdown: m.markdown }, options(m));
        return sent.message_id;
      }),
    sendFile: (m) =>
      call(async () => {
        const file = new InputFile(m.path, m.fileName);
        const caption = m.text === '' ? {} : { caption: m.text, ...formatting('caption_entities', m) };
        const other = { ...options(m), ...caption };
        return (await sendAs(sender, m.kind, m.chatJid, file, other)).message_id;
      }),
    editMessage: (m) =>
      call(async () => {
        await sender.editMessageText(m.chatJid, m.messageId, m.text, {
          ...withKeyboard(m),
          ...formatting('entities', m),
          link_preview_options: { is_disabled: true },
        });
      }),
    deleteMessage: (jid, messageId) =>
      call(async () => {
        await sender.deleteMessage(jid, messageId);
      }),
    sendDraft: (m) =>
      call(async () => {
        await sender.sendMessageDraft(Number(m.chatJid), m.draftId, m.text, {
          ...(m.threadId === null ? {} : { message_thread_id: m.threadId }),
          ...formatting('entities', m),
          can_stop: true,
        });
      }),
    react: (jid, messageId, emoji) =>
      call(async () => {
        const reaction = emoji === null ? [] : [{ type: 'emoji' as const, emoji: emoji as never }];
        await sender.setMessageReaction(jid, messageId, reaction);
      }),
    answerCallback: (id, text, alert) =>
      call(async () => {
        await sender.answerCallbackQuery(id, { ...(text === '' ? {} : { text }), show_alert: alert });
      }),
    setCommands: (jid, commands, language) =>
      call(async () => {
        const where = {
          scope: jid === null ? ({ type: 'default' } as const) : ({ type: 'chat', chat_id: jid } as const),
          ...(language === undefined ? {} : { language_code: language as LanguageCode }),
        };
        if (commands.length === 0) await sender.deleteMyCommands(where);
        else await sender.setMyCommands([...commands], where);
      }),
    sendTyping: (jid, threadId) =>
      call(async () => {
        await sender.sendChatAction(jid, 'typing', threadId === null ? {} : { message_thread_id: threadId });
      }),
    download: (download, signal) =>
      call(async () => {
        const file = await sender.getFile(download.fileId, signal as never);
        if ((file.file_size ?? 0) > download.maxBytes) throw tooLarge(download.maxBytes);
        if (!file.file_path) throw new DownloadError('Telegram does not offer it for download', true);
        return await fetchFile({ apiRoot, token, filePath: file.file_path }, download, signal);
      }),
    administrators: (jid, signal) =>
      call(async () => {
        const members = await sender.getChatAdministrators(jid, signal as never);
        return members.filter(({ user }) => !user.is_bot).map(({ user }) => String(user.id));
      }),
    webhookInfo: () =>
      call(async () => {
        const info = await sender.getWebhookInfo();
        return { pending: info.pending_update_count, url: info.url ?? '' };
      }),
    probe: () =>
      call(async () => {
        const own = connect(PROBE_TIMEOUT_S, false);
        try {
          await own.api.getMe();
        } finally {
          own.agent.destroy();
        }
      }),
    reconnect() {
      const { agent } = poller;
      poller = connect(pollTimeoutS + patience.pollGraceS, true);
      agent.destroy();
    },
  };
}

async function call<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw translate(error);
  }
}

/** No secret in the messages: grammY's own may hold the URL and with it the token. */
function translate(error: unknown): Error {
  if (error instanceof DownloadError || error instanceof StorageError) return error;
  if (error instanceof GrammyError) {
    const { retry_after: retry, migrate_to_chat_id: migrated } = error.parameters;
    return new TelegramError(error.error_code, error.description, retry ?? null, migrated ?? null);
  }
  if (error instanceof HttpError) {
    const cause = error.error as { code?: string; type?: string } | undefined;
    const code = cause?.code ?? cause?.type ?? 'no answer';
    return new NetworkError(
      `the connection to the Bot API failed (${code})`,
      NEVER_SENT.has(code) ? 'no' : 'unknown',
    );
  }
  return new NetworkError(
    `the request failed (${messageOf(error).replaceAll(/\/bot[^/\s]+/g, '/bot…')})`,
    'unknown',
  );
}
