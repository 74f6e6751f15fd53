import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { jpeg, png } from '../../../test/support/pictures.ts';
import { LONGEST_EDGE, MOST_BYTES, MOST_BYTES_PER_TURN, promptOf } from './pictures.ts';

let groupDir: string;
beforeEach(() => {
  groupDir = mkdtempSync(join(tmpdir(), 'nanoclaw-pictures-'));
  mkdirSync(join(groupDir, 'attachments'));
});
afterEach(() => rmSync(groupDir, { recursive: true, force: true }));

const put = (name: string, bytes: Buffer | string) =>
  writeFileSync(join(groupDir, 'attachments', name), bytes);
const file = (name: string, as_image = true) => ({
  path: `attachments/${name}`,
  kind: 'photo',
  type: 'image/jpeg',
  bytes: 1,
  as_image,
});
const show = (...names: string[]) =>
  promptOf({ prompt: 'What?', attachments: names.map((name) => file(name)) }, groupDir);

test('without pictures the prompt is words', () => {
  expect(promptOf({ prompt: 'What?' }, groupDir)).toBe('What?');
  expect(promptOf({ prompt: 'What?', attachments: [file('a.pdf', false)] }, groupDir)).toBe('What?');
});

test('pictures follow the words, each behind its path, as what they are and not as they are called', () => {
  const gif = Buffer.from('GIF89a\x20\x00\x10\x00\x00\x00\x00\x3b', 'latin1');
  put('a.jpg', jpeg(20, 10));
  put('b.jpg', png(7, 5));
  put('c.jpg', gif);
  const image = (media_type: string, data: Buffer) => ({
    type: 'image',
    source: { type: 'base64', media_type, data: data.toString('base64') },
  });
  const path = (name: string) => ({ type: 'text', text: `${join(groupDir, 'attachments', name)}:` });
  expect(show('a.jpg', 'b.jpg', 'c.jpg')).toEqual([
    { type: 'text', text: 'What?' },
    path('a.jpg'),
    image('image/jpeg', jpeg(20, 10)),
    path('b.jpg'),
    image('image/png', png(7, 5)),
    path('c.jpg'),
    image('image/gif', gif),
  ]);
});

test('what a model would refuse is named with the reason instead', () => {
  put('none.jpg', 'plain text');
  put('half.jpg', jpeg(20, 10).subarray(0, 14));
  put('half.png', png(7, 5).subarray(0, 40));
  put('wide.jpg', jpeg(LONGEST_EDGE + 1, 10));
  put('empty.jpg', '');
  put('heavy.jpg', Buffer.concat([jpeg(20, 10), Buffer.alloc(MOST_BYTES)]));
  symlinkSync('/etc/hostname', join(groupDir, 'attachments/link.jpg'));
  mkdirSync(join(groupDir, 'attachments/folder.jpg'));
  const names = ['none', 'half', 'wide', 'empty', 'heavy', 'link', 'folder', 'missing'].map(
    (n) => `${n}.jpg`,
  );
  const blocks = show(...names, 'half.png');
  expect(blocks.length).toBe(1 + names.length + 1);
  for (const block of blocks.slice(1))
    expect(block).toMatchObject({ text: expect.stringMatching(/is not shown here: /) });
});

test('one turn shows so many bytes and no more', () => {
  const size = Math.floor(MOST_BYTES_PER_TURN / 2.5);
  const heavy = Buffer.concat([jpeg(20, 10), Buffer.alloc(size)]);
  for (const name of ['1.jpg', '2.jpg', '3.jpg']) put(name, heavy);
  const blocks = show('1.jpg', '2.jpg', '3.jpg') as { type: string }[];
  expect(blocks.filter(({ type }) => type === 'image')).toHaveLength(2);
  expect(blocks.at(-1)).toMatchObject({
    text: expect.stringMatching(/3\.jpg is not shown here: it is too large/),
  });
});
