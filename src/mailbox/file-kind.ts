/** As what a file is sent: by its first bytes, never by its name alone. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { imageSize } from '../lib/image-size.ts';
import type { FileKind } from '../types.ts';

/** A JPEG tells its size behind its preview, at most so far. */
const HEAD_BYTES = 256 * 1024;
/** Telegram's for photos; what is beyond is sent as a document. */
const PHOTO = { bytes: 10 * 1024 * 1024, edges: 10_000, ratio: 20 } as const;

/** Throws what the file system throws. */
export function fileKindOf(file: string): FileKind {
  const fd = openSync(file, 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    const length = readSync(fd, head, 0, HEAD_BYTES, 0);
    return kindOfBytes(head.subarray(0, length), fstatSync(fd).size);
  } finally {
    closeSync(fd);
  }
}

/** `size` is that of the whole file. An MP4 names the kinds of its tracks, mostly at its beginning. Pure. */
export function kindOfBytes(head: Buffer, size: number): FileKind {
  const text = (from: number, to: number) => head.toString('latin1', from, to);
  if (text(0, 8) === '\x89PNG\r\n\x1a\n' || head.subarray(0, 3).equals(JPEG) || isStillWebp(head))
    return isPhoto(head, size) ? 'photo' : 'document';
  if (text(0, 4) === 'OggS') return text(0, 64).includes('OpusHead') ? 'voice' : 'document';
  if (text(4, 8) === 'ftyp') {
    const brand = text(8, 12);
    if (brand === 'M4A ' || brand === 'M4B ') return 'audio';
    if (!/^(isom|iso[2-9]|mp4[12]|avc1|MSNV|dash|M4V )/.test(brand)) return 'document';
    return head.includes('soun') && !head.includes('vide') ? 'audio' : 'video';
  }
  if (text(0, 3) === 'ID3' || isMp3Frame(head)) return 'audio';
  return 'document';
}

const JPEG = Buffer.from([0xff, 0xd8, 0xff]);

function isPhoto(head: Buffer, size: number): boolean {
  const found = size <= PHOTO.bytes ? imageSize(head) : undefined;
  if (!found || found.width < 1 || found.height < 1) return false;
  const { width, height } = found;
  return width + height <= PHOTO.edges && Math.max(width, height) <= PHOTO.ratio * Math.min(width, height);
}

/** An animated one says so in its extended header. */
function isStillWebp(head: Buffer): boolean {
  if (
    head.length < 30 ||
    head.toString('latin1', 0, 4) !== 'RIFF' ||
    head.toString('latin1', 8, 12) !== 'WEBP'
  )
    return false;
  return head.toString('latin1', 12, 16) !== 'VP8X' || ((head[20] ?? 0) & 0x02) === 0;
}

/** MPEG 1 or 2, layer III, with a bit rate and a sampling rate that exist. */
function isMp3Frame(head: Buffer): boolean {
  const [sync = 0, second = 0, third = 0] = head;
  if (sync !== 0xff || (second & 0xe6) !== 0xe2 || (second & 0x18) === 0x08) return false;
  const bitRate = third >> 4;
  return bitRate > 0 && bitRate < 15 && (third & 0x0c) !== 0x0c;
}
