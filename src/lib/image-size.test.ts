import { expect, it } from 'vitest';
import { imageSize } from './image-size.ts';

it('reads the four kinds of picture', () => {
  const png = Buffer.alloc(24);
  png.write('\x89PNG', 0, 'latin1');
  png.writeUInt32BE(640, 16);
  png.writeUInt32BE(480, 20);
  expect(imageSize(png)).toEqual({ width: 640, height: 480 });
  const gif = Buffer.from('GIF89a\x20\x00\x10\x00', 'latin1');
  expect(imageSize(gif)).toEqual({ width: 32, height: 16 });
  const jpeg = Buffer.from('ffd8ffe000040000ffc0001108000a00140301', 'hex');
  expect(imageSize(jpeg)).toEqual({ width: 20, height: 10 });
  const webp = Buffer.alloc(30);
  webp.write('RIFF', 0, 'latin1');
  webp.write('WEBPVP8X', 8, 'latin1');
  webp.writeUIntLE(99, 24, 3);
  webp.writeUIntLE(49, 27, 3);
  expect(imageSize(webp)).toEqual({ width: 100, height: 50 });
});

it('says nothing of anything else, and survives cut ones', () => {
  for (const bytes of [
    '',
    'hello',
    '\xff\xd8',
    '\xff\xd8\xff\xe0\x00\x00\x00\x00\x00\x00\x00\x00',
    'RIFF    WEBPVP8L',
  ])
    expect(imageSize(Buffer.from(bytes, 'latin1'))).toBeUndefined();
});
