/**
 * What comes with a message besides words: as the short text that stands for it, and, where it is a file that a bot can
 * fetch, which one. Pure, total. Names, titles and questions are people's words: they end neither brackets nor line.
 */
import type { Message } from 'grammy/types';
import type { AttachmentKind } from '../types.ts';

/** A file as Telegram announces it. Everything but the two ids is what the sender's program says. */
export interface IncomingFile {
  kind: AttachmentKind;
  /** What getFile takes; good for this bot only. */
  fileId: string;
  /** The same for the same file, always. */
  uniqueId: string;
  name: string | null;
  mime: string | null;
  /** Bytes, where it is announced. */
  size: number | null;
}

interface Announced {
  file_id?: unknown;
  file_unique_id?: unknown;
  file_name?: unknown;
  mime_type?: unknown;
  file_size?: unknown;
  width?: unknown;
  height?: unknown;
}

/** Of a photo's sizes the largest up to here: more than this edge, and a model does not take it beside many others. */
export const LONGEST_EDGE = 2000;

/** The file of a message; a photo in its largest useful size; null where there is none that a bot can fetch. */
export function fileOf(m: Message): IncomingFile | null {
  // An animation comes as a document, too, for the sake of old programs.
  if (m.animation) return announced('animation', m.animation);
  if (m.photo) return announced('photo', largest(m.photo));
  if (m.live_photo?.photo) return announced('photo', largest(m.live_photo.photo));
  if (m.video) return announced('video', m.video);
  if (m.video_note) return announced('video_note', m.video_note);
  if (m.voice) return announced('voice', m.voice);
  if (m.audio) return announced('audio', m.audio);
  if (m.document) return announced('document', m.document);
  return null;
}

function largest(sizes: readonly Announced[]): Announced | undefined {
  const byArea = [...sizes].sort((a, b) => area(a) - area(b));
  const fits = ({ width, height }: Announced) => Math.max(Number(width), Number(height)) <= LONGEST_EDGE;
  return byArea.filter(fits).at(-1) ?? byArea.at(-1);
}
const area = ({ width, height }: Announced): number => Number(width) * Number(height) || 0;

const LONGEST = { name: 300, mime: 100, id: 300 } as const;
const text = (value: unknown, longest: number): string | null =>
  typeof value === 'string' && value !== '' ? value.slice(0, longest) : null;

function announced(kind: AttachmentKind, file: Announced | undefined): IncomingFile | null {
  const fileId = text(file?.file_id, LONGEST.id);
  if (file === undefined || fileId === null) return null;
  const size = Number.isSafeInteger(file.file_size) ? (file.file_size as number) : null;
  return {
    kind,
    fileId,
    uniqueId: text(file.file_unique_id, LONGEST.id) ?? fileId,
    name: text(file.file_name, LONGEST.name),
    // Telegram makes a JPEG of every photo.
    mime: kind === 'photo' ? 'image/jpeg' : text(file.mime_type, LONGEST.mime),
    size: size !== null && size >= 0 ? size : null,
  };
}

/** `[photo]`, `[location 1, 2]`: what stands for it in the text of the message. Null: nothing is with it. */
export function mediaText(m: Message): string | null {
  if (m.sticker) return inBrackets('sticker', m.sticker.emoji);
  if (m.animation) return '[animation]';
  if (m.photo || m.live_photo) return '[photo]';
  if (m.video) return '[video]';
  if (m.video_note) return '[video message]';
  if (m.voice) return inBrackets(`voice message, ${m.voice.duration} s`);
  if (m.audio) return inBrackets('audio', m.audio.file_name ?? m.audio.title);
  if (m.document) return inBrackets('file', m.document.file_name);
  // A venue comes with its location.
  if (m.venue) {
    const { title, address, location } = m.venue;
    return inBrackets('venue', `${title}, ${address} (${location.latitude}, ${location.longitude})`);
  }
  if (m.location) return inBrackets(`location ${m.location.latitude}, ${m.location.longitude}`);
  if (m.contact) return inBrackets('contact', `${m.contact.first_name} ${m.contact.phone_number}`);
  if (m.poll)
    return inBrackets('poll:', `${m.poll.question} – ${m.poll.options.map((o) => o.text).join(' / ')}`);
  if (m.dice) return inBrackets(`dice ${m.dice.emoji} ${m.dice.value}`);
  if (m.checklist)
    return inBrackets(
      'checklist:',
      `${m.checklist.title} – ${m.checklist.tasks.map((task) => task.text).join(' / ')}`,
    );
  if (m.game) return inBrackets('game', m.game.title);
  if (m.story) return '[story]';
  if (m.paid_media) return '[paid media]';
  return null;
}

const MOST_IN_BRACKETS = 1000;

/** `[what words]` on one line. */
export function inBrackets(what: string, words = ''): string {
  const plain = words
    .replace(/[\p{Cc}\u2028\u2029\s]+/gu, ' ')
    .replaceAll('[', '(')
    .replaceAll(']', ')');
  const short = plain.length > MOST_IN_BRACKETS ? `${plain.slice(0, MOST_IN_BRACKETS)}…` : plain;
  return `[${`${what} ${short}`.trim()}]`;
}
