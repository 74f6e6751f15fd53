import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FOLDER_PATTERN, RESERVED_FOLDERS } from '../types.ts';
import { folderOf } from './propose-folder.ts';

it.each([
  ['Family', 'family'],
  ['Büro & Größe', 'buro-grosse'],
  ['  Sport / 2026  ', 'sport-2026'],
  ['Семья', 'chat'],
  ['🎉', 'chat'],
  ['main', 'chat-main'],
  ['Global', 'chat-global'],
  ['../../etc', 'etc'],
])('%s becomes %s', (title, folder) => {
  expect(folderOf(title)).toBe(folder);
});

it('is a name that a group may have, whatever the title', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (title) => {
      const folder = folderOf(title);
      expect(folder).toMatch(FOLDER_PATTERN);
      expect(folder.length).toBeLessThan(50);
      expect(RESERVED_FOLDERS.has(folder)).toBe(false);
      expect(folder).not.toBe('main');
    }),
  );
});
