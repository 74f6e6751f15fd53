import { describe, expect, it } from 'vitest';
import { kindOfBytes } from './file-kind.ts';

function png(width: number, height: number): Buffer {
  const head = Buffer.alloc(64);
  head.write('\x89PNG\r\n\x1a\n', 0, 'latin1');
  head.writeUInt32BE(width, 16);
  head.writeUInt32BE(height, 20);
  return head;
}
const of = (head: Buffer | string, size = 1000) =>
  kindOfBytes(typeof head === 'string' ? Buffer.from(head.padEnd(64, '\0'), 'latin1') : head, size);

const OGG = 'OggS\0\x02'.padEnd(28, '\0');

describe('a file is sent', () => {
  it.each([
    ['a small picture', of(png(800, 600)), 'photo'],
    ['the largest one', of(png(5000, 5000), 10 * 1024 * 1024), 'photo'],
    ['one of too many bytes', of(png(800, 600), 10 * 1024 * 1024 + 1), 'document'],
    ['one with too long edges', of(png(5001, 5000)), 'document'],
    ['one that is too narrow', of(png(2100, 100)), 'document'],
    ['one at the ratio', of(png(2000, 100)), 'photo'],
    ['one without a size', of(png(0, 0)), 'document'],
    ['a GIF, which Telegram plays', of('GIF89a'), 'document'],
    ['MP3 with a tag', of('ID3\x04'), 'audio'],
    ['MP3 without one', of('\xff\xfb\x90\x00'), 'audio'],
    ['what only begins like MP3', of('\xff\xff\xff\xff'), 'document'],
    ['M4A', of('\0\0\0\x20ftypM4A '), 'audio'],
    ['MP4', of('\0\0\0\x20ftypisom'), 'video'],
    ['MP4 with sound alone', of('\0\0\0\x20ftypisom\0\0\0\0hdlr\0\0soun'), 'audio'],
    ['MP4 with both', of('\0\0\0\x20ftypisom hdlr vide hdlr soun'), 'video'],
    ['QuickTime', of('\0\0\0\x20ftypqt  '), 'document'],
    ['Opus', of(`${OGG}OpusHead`), 'voice'],
    ['Vorbis', of(`${OGG}\x01vorbis`), 'document'],
    ['text', of('photo.png'), 'document'],
    ['nearly nothing', kindOfBytes(Buffer.from([0xff]), 1), 'document'],
  ])('%s as %s → %s', (_, kind, expected) => {
    expect(kind).toBe(expected);
  });
});
