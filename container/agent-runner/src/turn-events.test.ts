import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_MAILBOX_FILE_BYTES } from '../../../src/protocol.ts';
import { parts, visible } from './turn-events.ts';

test('parts rejoin to the text, fit, and never cut a surrogate pair', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.integer({ min: 2, max: 9 }),
      (text, length) => {
        const found = parts(text, length);
        expect(found.join('')).toBe(text);
        for (const part of found) {
          expect(part.length).toBeLessThanOrEqual(length);
          expect(part.length).toBeGreaterThan(0);
          expect(part.isWellFormed()).toBe(text.isWellFormed());
        }
      },
    ),
  );
});

test('the worst text still fits a mailbox file', () => {
  for (const part of parts('\u0001'.repeat(150_000))) {
    expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThan(MAX_MAILBOX_FILE_BYTES - 1024);
  }
});

test.each([
  ['a <internal>note</internal> b', 'a  b'],
  ['<internal>only\nthis</internal>', ''],
  ['x <INTERNAL>never closed', 'x'],
  ['plain', 'plain'],
])('internal notes are not shown: %s', (text, shown) => {
  expect(visible(text)).toBe(shown);
});
