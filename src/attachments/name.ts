/** What a file is called in the group's folder: `2026-11-21_4711_report.pdf`, by day and message, so that it is unique. */
import { safeFileName } from '../lib/file-name.ts';
import type { AttachmentKind, Iso } from '../types.ts';

export interface Named {
  kind: AttachmentKind;
  name: string | null;
  mime: string | null;
}

/** The extension by which programs know what Telegram sends without a name. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  'image/jpeg': '.jpg',
  'image/png': '.png',
  'image/gif': '.gif',
  'image/webp': '.webp',
  'audio/ogg': '.ogg',
  'audio/mpeg': '.mp3',
  'audio/mp4': '.m4a',
  'video/mp4': '.mp4',
  'application/pdf': '.pdf',
};
const USUAL: Partial<Record<AttachmentKind, string>> = {
  photo: '.jpg',
  voice: '.ogg',
  video: '.mp4',
  video_note: '.mp4',
  animation: '.mp4',
};

export function attachmentName(file: Named, sentWith: { messageId: number; timestamp: Iso }): string {
  const { kind, name, mime } = file;
  // Whoever sends the file says of which kind it is.
  const known = mime !== null && Object.hasOwn(EXTENSIONS, mime) ? EXTENSIONS[mime] : undefined;
  const extension = known ?? USUAL[kind] ?? '';
  const own = name === null ? `${kind}${extension}` : safeFileName(name);
  return `${sentWith.timestamp.slice(0, 10)}_${Math.abs(sentWith.messageId)}_${own}`;
}
