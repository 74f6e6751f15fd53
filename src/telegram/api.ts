/**
 * The Bot API as the daemon uses it (by grammY: grammy-api.ts). "Telegram said no" (TelegramError) and "the network failed"
 * (NetworkError) are different things: only of the second the result may be unknown.
 */
import type { InlineKeyboardMarkup, Update } from 'grammy/types';
import type { Entity } from '../format/entities.ts';
import type { FileKind } from '../types.ts';
import type { Download } from './download.ts';

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
