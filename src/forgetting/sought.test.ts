import { expect, it } from 'vitest';
import { quotes, type Sought, seek } from './sought.ts';

const sought = (...texts: string[]): Sought => {
  const all: Sought = { ids: new Set(), quotes: new Set() };
  for (const [index, text] of texts.entries()) seek(all, index + 1, [text]);
  return all;
};

it('five words in a row are a quotation, wherever they stand and however they are written', () => {
  const all = sought('Please note: the spare key lies under the blue flowerpot\nsecond line of it, too');
  expect([...all.ids]).toEqual([1]);
  expect(quotes(all, '- KEY lies, under the BLUE')).toBe(true);
  expect(quotes(all, 'he said “second line of it; too”')).toBe(true);
  expect(quotes(all, 'the blue flowerpot second line')).toBe(false);
  expect(quotes(all, 'lies under the blue')).toBe(false);
});

it('a shorter line is one as a whole, where that is asked for; one or two words never are', () => {
  const all = sought('my pin 4711', 'yes please');
  expect(quotes(all, 'Anna: my PIN, 4711!')).toBe(false);
  expect(quotes(all, 'Anna: my PIN, 4711!', true)).toBe(true);
  expect(quotes(all, 'yes please', true)).toBe(false);
});
