/** An entry of the outbox as the one request to Telegram that it is: a message, a file, or a change of an earlier message. */
import path from 'node:path';
import type { InlineKeyboardMarkup } from 'grammy/types';
import type { OutboxEntry } from '../db/outbox.ts';
import { prefixed } from '../format/entities.ts';
import { type Telegram, TelegramError } from '../telegram/api.ts';

/** A line about the text, before it. */
export const prefaced = (line: string, text: string): string => `${line}\n\n${text}`;

/** `mark` is put before the text. Returns the id of the message that it made, or changed. */
export async function requestFor(
  telegram: Telegram,
  home: string,
  entry: OutboxEntry,
  mark: string,
): Promise<number> {
  const { chatJid, editOf } = entry;
  const before = entry.preface === null ? mark : mark + prefaced(entry.preface, '');
  const text = before + entry.text;
  const entities = prefixed(before, entry.entities);
  const keyboard = entry.keyboard === null ? {} : { keyboard: keyboardOf(entry.keyboard) };
  if (editOf !== null) {
    await changed(telegram.editMessage({ chatJid, messageId: editOf, text, entities, ...keyboard }));
    return editOf;
  }
  const message = {
    chatJid,
    threadId: entry.threadId,
    replyTo: entry.replyTo,
    text,
    entities,
    ...keyboard,
  };
  if (entry.rich !== null) {
    // On a line of its own, so that a heading or list stays one.
    const markdown = before === '' ? entry.rich : `${before.trim()}\n\n${entry.rich}`;
    return await telegram.sendRichMessage({ ...message, markdown });
  }
  if (entry.filePath === null) return await telegram.sendMessage(message);
  const { filePath, fileKind: kind } = entry;
  const file = { kind, path: path.resolve(home, filePath), fileName: fileNameOf(filePath) };
  return await telegram.sendFile({ ...message, ...file });
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
