import { expect, it } from 'vitest';
import { iso } from '../types.ts';
import { attachmentName } from './name.ts';

it.each([
  ['image/png', '2026-11-02_7_document.png'],
  ['text/x-other', '2026-11-02_7_document'],
  ['constructor', '2026-11-02_7_document'],
  ['__proto__', '2026-11-02_7_document'],
])('a file without a name, said to be %s, is called %s', (mime, name) => {
  const at = iso(Date.parse('2026-11-02T08:00:00Z'));
  expect(attachmentName({ kind: 'document', name: null, mime }, { messageId: 7, timestamp: at })).toBe(name);
});
