/** What Telegram refuses that it takes in a simpler form: nothing can be doubled, since it was refused. Pure. */
import type { OutboxEntry } from '../db/outbox.ts';
import type { TelegramError } from '../telegram/api.ts';

/** A photo that Telegram cannot read, or a voice message to somebody who takes none: a document is taken all the same. */
export function isAboutKind(
  { filePath, fileKind }: OutboxEntry,
  { status, message }: TelegramError,
): boolean {
  if (filePath === null || fileKind === 'document' || status !== 400) return false;
  return /photo|image|video|audio|voice|media|dimension|too big|file/i.test(message);
}

/** Then it is sent once more in a simpler form: it was refused, so nothing can be doubled. */
export function isAboutFormatting(
  { rich, entities }: OutboxEntry,
  { status, message }: TelegramError,
): boolean {
  // An older Bot API server does not know the method, which looks like a wrong token.
  if (rich !== null) return status === 400 || status === 404;
  return status === 400 && entities.length > 0 && /entit|can't parse/i.test(message);
}

/** The topic that it was to be sent to is closed, or there is none any more. */
export const isAboutTopic = ({ threadId }: OutboxEntry, { status, message }: TelegramError): boolean =>
  threadId !== null && status === 400 && /thread not found|TOPIC_(CLOSED|DELETED|ID_INVALID)/i.test(message);
