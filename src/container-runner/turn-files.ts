/**
 * Which files a turn's agent is told of beside the prompt, and which of them it shows to the model as images: those that came
 * with a question or that one replies to, all; of those said besides, the newest few pictures. Pure.
 */
import type { TurnFile } from '../protocol.ts';
import type { MessageFile, StoredMessage } from '../types.ts';

/** Pictures cost tokens: an album has up to ten. */
export const MOST_IMAGES = 10;
export const MOST_CONTEXT_IMAGES = 3;
const MOST_FILES = 100;
const IMAGE_TYPES = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp']);

type TurnAttachment = NonNullable<TurnFile['attachments']>[number];

export function filesFor(messages: readonly StoredMessage[]): TurnAttachment[] {
  const asked = messages.filter((m) => m.forNina).flatMap((m) => [m.files?.quoted, m.files?.own]);
  const besides = messages.filter((m) => !m.forNina).map((m) => m.files?.own);
  // From the newest on; the first ones are what the limit leaves out.
  const pictures = [
    ...paths(asked, isPicture).reverse(),
    ...paths(besides, isPicture).reverse().slice(0, MOST_CONTEXT_IMAGES),
  ];
  const shown = new Set(pictures.slice(0, MOST_IMAGES));
  const known = new Map<string, TurnAttachment>();
  for (const file of messages.flatMap((m) => [m.files?.quoted, m.files?.own])) {
    if (!file?.path || (!shown.has(file.path) && !asked.includes(file))) continue;
    const { path, kind, mime: type, bytes } = file;
    known.set(path, { path, kind, type, bytes: bytes ?? 0, as_image: shown.has(path) });
  }
  return [...known.values()].slice(-MOST_FILES);
}

const isPicture = ({ kind, mime }: MessageFile): boolean =>
  kind === 'photo' || (kind === 'document' && mime !== null && IMAGE_TYPES.has(mime));

/** Each once. */
const paths = (
  files: readonly (MessageFile | null | undefined)[],
  is: (file: MessageFile) => boolean,
): string[] => [...new Set(files.flatMap((file) => (file?.path && is(file) ? [file.path] : [])))];
