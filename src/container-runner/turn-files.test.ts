import { expect, it } from 'vitest';
import type { MessageFile, StoredMessage } from '../types.ts';
import { filesFor, MOST_CONTEXT_IMAGES, MOST_IMAGES } from './turn-files.ts';

const file = (path: string | null, more: Partial<MessageFile> = {}): MessageFile => ({
  kind: 'photo',
  name: null,
  mime: 'image/jpeg',
  bytes: 10,
  path,
  missing: path === null ? 'it is still being fetched' : null,
  transcript: null,
  ...more,
});
const said = (forNina: boolean, own: MessageFile | null, quoted: MessageFile | null = null) =>
  ({ forNina, files: { own, quoted } }) as StoredMessage;
const shown = (messages: StoredMessage[]) =>
  filesFor(messages).flatMap(({ path, as_image }) => (as_image ? [path] : []));

it('shows the pictures of questions and of what they reply to, and the newest of those said besides', () => {
  const besides = ['c1', 'c2', 'c3', 'c4'].map((path) => said(false, file(path)));
  expect(shown([...besides, said(true, file('own'), file('quoted'))])).toEqual([
    'c2',
    'c3',
    'c4',
    'quoted',
    'own',
  ]);
  expect(MOST_CONTEXT_IMAGES).toBe(3);
});

it('names every file of a question, whether it is a picture or there at all', () => {
  const pdf = file('a.pdf', { kind: 'document', mime: 'application/pdf' });
  const png = file('b.png', { kind: 'document', mime: 'image/png' });
  expect(filesFor([said(true, pdf), said(true, png), said(true, file(null)), said(false, pdf)])).toEqual([
    { path: 'a.pdf', kind: 'document', type: 'application/pdf', bytes: 10, as_image: false },
    { path: 'b.png', kind: 'document', type: 'image/png', bytes: 10, as_image: true },
  ]);
});

it('shows ten at most, the newest, and each once', () => {
  const many = Array.from({ length: 14 }, (_, n) => said(true, file(`p${n}`)));
  expect(shown([...many, said(true, null, file('p13'))])).toEqual(
    Array.from({ length: MOST_IMAGES }, (_, n) => `p${n + 4}`),
  );
});
