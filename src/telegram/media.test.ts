import type { Message } from 'grammy/types';
import { expect, it } from 'vitest';
import { fileOf, mediaText } from './media.ts';

const of = (media: object) => media as Message;
const file = (more: object = {}) => ({ file_id: 'id', file_unique_id: 'unique', file_size: 10, ...more });
const place = { latitude: 52.5, longitude: 13.4 };

it.each([
  [
    { photo: [file({ width: 90, height: 60 }), file({ file_id: 'large', width: 800, height: 600 })] },
    'photo',
    '[photo]',
    'large',
  ],
  [
    { live_photo: { ...file(), photo: [file({ file_id: 'still', width: 8, height: 8 })] } },
    'photo',
    '[photo]',
    'still',
  ],
  [{ document: file({ file_name: 'a [b].txt' }) }, 'document', '[file a (b).txt]', 'id'],
  [{ voice: file({ duration: 4 }) }, 'voice', '[voice message, 4 s]', 'id'],
  [{ audio: file({ title: 'Song' }) }, 'audio', '[audio Song]', 'id'],
  [{ video: file() }, 'video', '[video]', 'id'],
  [{ video_note: file() }, 'video_note', '[video message]', 'id'],
  [{ animation: file(), document: file({ file_id: 'other' }) }, 'animation', '[animation]', 'id'],
])('%o is a file that can be fetched', (media, kind, text, fileId) => {
  expect(fileOf(of(media))).toMatchObject({ kind, fileId });
  expect(mediaText(of(media))).toBe(text);
});

it.each([
  [{ sticker: { ...file(), emoji: '👍' } }, '[sticker 👍]'],
  [{ location: place }, '[location 52.5, 13.4]'],
  [
    { venue: { title: 'Zoo', address: 'Main St 1', location: place }, location: place },
    '[venue Zoo, Main St 1 (52.5, 13.4)]',
  ],
  [{ contact: { first_name: 'Ben', phone_number: '+49 30 1' } }, '[contact Ben +49 30 1]'],
  [
    { poll: { question: 'When?', options: [{ text: 'now' }, { text: 'later' }] } },
    '[poll: When? – now / later]',
  ],
  [{ dice: { emoji: '🎲', value: 6 } }, '[dice 🎲 6]'],
  [
    { checklist: { title: 'Buy', tasks: [{ text: 'milk' }, { text: 'tea' }] } },
    '[checklist: Buy – milk / tea]',
  ],
  [{ game: { title: 'Chess' } }, '[game Chess]'],
  [{ story: {} }, '[story]'],
  [{ paid_media: {} }, '[paid media]'],
  [{ text: 'hello' }, null],
])('%o is words and no file', (media, text) => {
  expect(mediaText(of(media))).toBe(text);
  expect(fileOf(of(media))).toBeNull();
});

it('takes nothing on trust', () => {
  expect(fileOf(of({ photo: [] }))).toBeNull();
  expect(fileOf(of({ document: {} }))).toBeNull();
  expect(fileOf(of({ document: file({ file_name: 7, mime_type: null, file_size: -1 }) }))).toMatchObject({
    name: null,
    mime: null,
    size: null,
  });
  expect(fileOf(of({ document: file({ file_name: 'x'.repeat(9999) }) }))?.name).toHaveLength(300);
});
