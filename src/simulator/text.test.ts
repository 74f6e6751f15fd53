import { describe, expect, it } from 'vitest';
import { formatText, isBlank } from './text.ts';

const bold = (offset: number, length: number) => ({ type: 'bold', offset, length });

describe('formatText with entities', () => {
  it.each([
    [
      'past the end',
      'x',
      [bold(0, 2)],
      'entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 2',
    ],
    ['a negative offset', 'x', [bold(-1, 1)], 'receive an entity with incorrect offset'],
    ['a start inside a symbol', '🐈x', [bold(1, 2)], 'entity begins in a middle of a UTF-16 symbol'],
    ['an end inside a symbol', 'x🐈', [bold(0, 2)], 'ends in a middle of a UTF-16 symbol'],
    ['an unknown type', 'x', [{ type: 'loud', offset: 0, length: 1 }], 'Unsupported type specified'],
    [
      'a text as offset',
      'x',
      [{ type: 'bold', offset: '0', length: 1 }],
      'Field "offset" must be of type Number',
    ],
    [
      'a link without an address',
      'x',
      [{ type: 'text_link', offset: 0, length: 1 }],
      'Can\'t find field "url"',
    ],
    ['no list', 'x', {}, 'expected an Array of MessageEntity'],
    ['no objects', 'x', [1], 'expected an Object'],
  ])('refuses %s', (_name, text, entities, message) => {
    expect(() => formatText(text, undefined, entities)).toThrow(message);
  });

  it('drops empty entities and those over blanks', () => {
    expect(formatText('a b', undefined, [bold(0, 0), bold(1, 1)])).toEqual({ text: 'a b', entities: [] });
  });

  it('trims the ends and moves entities along', () => {
    expect(formatText('  hi you  \n', undefined, [bold(5, 6)])).toEqual({
      text: 'hi you',
      entities: [bold(3, 3)],
    });
  });

  it('cuts what crosses, nests what fits, allows nothing inside code', () => {
    const italic = { type: 'italic', offset: 2, length: 4 };
    const code = { type: 'code', offset: 7, length: 3 };
    expect(formatText('abcdefg hij', undefined, [italic, bold(0, 4), code, bold(8, 1)]).entities).toEqual([
      bold(0, 4),
      { ...italic, length: 2 },
      { ...italic, offset: 4, length: 2 },
      code,
    ]);
  });

  it('keeps the first hundred', () => {
    const many = Array.from({ length: 130 }, (_, i) => bold(i * 2, 1));
    expect(formatText('x '.repeat(130), undefined, many).entities).toHaveLength(100);
  });

  it('adds what the servers find', () => {
    expect(formatText('@Nina', undefined, undefined).entities).toEqual([
      { type: 'mention', offset: 0, length: 5 },
    ]);
  });
});

it('isBlank sees through invisible characters', () => {
  expect(isBlank(' \n\u200b\ufeff ')).toBe(true);
  expect(isBlank(' . ')).toBe(false);
});
