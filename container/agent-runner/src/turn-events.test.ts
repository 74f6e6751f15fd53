import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_DRAFT_LENGTH, MAX_MAILBOX_FILE_BYTES } from '../../../src/protocol.ts';
import { draftAfter } from './claude-activity.ts';
import { draftOf, parts, visible } from './turn-events.ts';

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

test('a draft shows no internal note, not even one that has only begun, and of a long text the end', () => {
  expect(draftOf('a <internal>note')).toBe('a');
  expect(draftOf('a <inter')).toBe('a');
  const long = draftOf(`${'x'.repeat(9000)}the end`);
  expect([long.length, long.endsWith('the end')]).toEqual([MAX_DRAFT_LENGTH, true]);
});

test('a draft is what the model writes to the chat since its last request, not what its helpers write', () => {
  const event = (inner: object, parent: string | null = null) =>
    ({ type: 'stream_event', event: inner, parent_tool_use_id: parent }) as Parameters<typeof draftAfter>[1];
  const text = (words: string) => ({
    type: 'content_block_delta',
    delta: { type: 'text_delta', text: words },
  });
  const messages = [
    event({ type: 'message_start' }),
    event({ type: 'content_block_start', content_block: { type: 'text', text: '' } }),
    event(text('I look')),
    event(text('it up.')),
    event({ type: 'message_start' }),
    event(text('It is ')),
    event(text('a helper’s'), 'toolu_1'),
    event(text('42.')),
  ];
  expect(messages.reduce(draftAfter, '')).toBe('It is 42.');
  expect(messages.slice(0, 4).reduce(draftAfter, '')).toBe('I lookit up.');
});
