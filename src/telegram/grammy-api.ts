/**
 * The Bot API by grammY. Two Api objects: polling has its own, so that a long poll never holds up a send, with a time limit a
 * little above the poll's (grammY's default is 500 s). No retry happens here; that is the outbox' business.
 */
import https from 'node:https';
import { Api, type ApiClientOptions, GrammyError, HttpError, InputFile } from 'grammy';
import type { LanguageCode, MessageEntity } from 'grammy/types';
import { messageOf } from '../errors.ts';
import { http } from '../lib/node-http.ts';
import {
  NetworkError,
  type OutgoingMessage,
  type Telegram,
  TelegramError,
  type TelegramLink,
} from './api.ts';
import { DownloadError, fetchFile, StorageError, tooLarge } from './download.ts';
import { sendAs } from './send-as.ts';
import { ALLOWED_UPDATES } from './update.ts';

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
