/**
 * The prompt with the pictures that belong to it, as a model takes them. A picture it would refuse ends the turn and stays in
 * the conversation, so each is looked at first: what kind it really is, whether it is whole, how large. Those that cannot be
 * shown are named, with the reason; they lie in the group's folder all the same.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { imageSize } from '../../../src/lib/image-size.ts';
import type { TurnFile } from '../../../src/protocol.ts';
import type { ImageType, PromptBlock } from './claude-process.ts';

/** The Messages API takes 5 MB of base64 for one. */
export const MOST_BYTES = 3_900_000;
/** And 32 MB for a request, which repeats what was shown before. */
export const MOST_BYTES_PER_TURN = 8_000_000;
/** Longer edges are refused as soon as a conversation has more than twenty pictures. */
export const LONGEST_EDGE = 2000;

type Picture = { type: ImageType; data: Buffer } | { refused: string };

/** Text alone where there is no picture. Never throws. */
export function promptOf(
  turn: Pick<TurnFile, 'prompt' | 'attachments'>,
  groupDir: string,
): string | PromptBlock[] {
  const pictures = (turn.attachments ?? []).filter((file) => file.as_image);
  if (pictures.length === 0) return turn.prompt;
  const blocks: PromptBlock[] = [{ type: 'text', text: turn.prompt }];
  let left = MOST_BYTES_PER_TURN;
  for (const { path } of pictures) {
    const shown = join(groupDir, path);
    const picture = readPicture(shown, left);
    if ('refused' in picture) {
      blocks.push({ type: 'text', text: `${shown} is not shown here: ${picture.refused}.` });
      continue;
    }
    left -= picture.data.length;
    blocks.push({ type: 'text', text: `${shown}:` });
    const data = picture.data.toString('base64');
    blocks.push({ type: 'image', source: { type: 'base64', media_type: picture.type, data } });
  }
  return blocks;
}

function readPicture(path: string, left: number): Picture {
  let data: Buffer;
  try {
    data = readPlain(path, Math.min(MOST_BYTES, left));
  } catch (error) {
    return { refused: error instanceof Error ? error.message : String(error) };
  }
  const type = kindOf(data);
  const size = imageSize(data);
  if (type === null || size === undefined)
    return { refused: 'it is no JPEG, PNG, GIF or WebP, or not whole' };
  if (size.width < 1 || size.height < 1 || Math.max(size.width, size.height) > LONGEST_EDGE)
    return {
      refused: `it has ${size.width} × ${size.height} pixels, and at most ${LONGEST_EDGE} can be shown`,
    };
  return { type, data };
}

function readPlain(path: string, most: number): Buffer {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  const handle = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stat = fs.fstatSync(handle);
    if (!stat.isFile()) throw new Error('it is not an ordinary file');
    if (stat.size > most) throw new Error('it is too large');
    return fs.readFileSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}

/** By its bytes, whatever it is called; null also where its end is missing. */
function kindOf(data: Buffer): ImageType | null {
  const begins = (hex: string) => data.subarray(0, hex.length / 2).toString('hex') === hex;
  if (begins('ffd8ff')) return data.lastIndexOf(Buffer.from('ffd9', 'hex')) > 2 ? 'image/jpeg' : null;
  if (begins('89504e470d0a1a0a')) return data.includes('IEND', 8, 'latin1') ? 'image/png' : null;
  if (begins('474946383761') || begins('474946383961')) return data.at(-1) === 0x3b ? 'image/gif' : null;
  const isWebp = begins('52494646') && data.toString('latin1', 8, 12) === 'WEBP';
  return isWebp && data.readUInt32LE(4) + 8 <= data.length ? 'image/webp' : null;
}
