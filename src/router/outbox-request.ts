/** An entry of the outbox as the one request to Telegram that it is: a message, a file, or a change of an earlier message. */
import path from 'node:path';
import type { InlineKeyboardMarkup } from 'grammy/types';
import type { OutboxEntry } from '../db/outbox.ts';
import { type Telegram, TelegramError } from '../telegram/api.ts';

/** `text` stands in for the entry's own. Returns the id of the message that it made, or changed. */
export async function requestFor(
  telegram: Telegram,
  home: string,
  entry: OutboxEntry,
  text: string,
): Promise<number> {
  const { chatJid, editOf } = entry;
  const keyboard = entry.keyboard === null ? {} : { keyboard: keyboardOf(entry.keyboard) };
  if (editOf !== null) {
    await changed(telegram.editMessage({ chatJid, messageId: editOf, text, ...keyboard }));
    return editOf;
  }
  const message = {
    chatJid,
    threadId: entry.threadId,
    replyTo: entry.replyTo,
    text,
    ...keyboard,
  };
  if (entry.filePath === null) return await telegram.sendMessage(message);
  const fileName = fileNameOf(entry.filePath);
  return await telegram.sendDocument({ ...message, path: path.resolve(home, entry.filePath), fileName });
}

const keyboardOf = (json: string): InlineKeyboardMarkup => JSON.parse(json) as InlineKeyboardMarkup;

/** What is there already has been changed. */
async function changed(edit: Promise<void>): Promise<void> {
  try {
    await edit;
  } catch (error) {
    if (!(error instanceof TelegramError) || !/message is not modified/i.test(error.message)) throw error;
  }
}

/** Stored as <uuid>-<name>: the name is what people see. */
function fileNameOf(file: string): string {
  const base = path.basename(file);
  return base.length > 37 ? base.slice(37) : base;
}
