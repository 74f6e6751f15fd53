import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitText, stripInternal } from './reply-text.ts';

describe('splitting', () => {
  it('rejoins to the text, within the limit, without cutting a character', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 400 }),
      fc
        .array(fc.constantFrom('word', ' ', '\n', '\n\n', '. ', '😀', 'x'.repeat(30)), { maxLength: 80 })
        .map((a) => a.join('')),
    );
    fc.assert(
      fc.property(texts, fc.integer({ min: 2, max: 60 }), (text, limit) => {
        const parts = splitText(text, limit);
        expect(parts.join('')).toBe(text);
        for (const part of parts) {
          expect(part.length).toBeLessThanOrEqual(limit);
          expect(part).not.toBe('');
          if (text.isWellFormed()) expect(part.isWellFormed()).toBe(true);
        }
      }),
    );
  });

  it('prefers a paragraph, a line, a sentence, a word', () => {
    expect(splitText('aaaa bbbb\n\ncccc', 12)).toEqual(['aaaa bbbb\n\n', 'cccc']);
    expect(splitText('aaa bbb ccc', 8)).toEqual(['aaa bbb ', 'ccc']);
    expect(splitText('abcdefgh', 4)).toEqual(['abcd', 'efgh']);
  });
});

describe('internal notes', () => {
  it('are not shown', () => {
    expect(stripInternal('a <internal>x\ny</internal> b')).toBe('a  b');
    expect(stripInternal('<INTERNAL>x</internal>')).toBe('');
    expect(stripInternal('a <internal>rest')).toBe('a');
  });
});
