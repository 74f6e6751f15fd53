import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fold, isUnspaced } from './fold.ts';

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }));
const has = (said: string, asked: string): boolean => {
  const [words, wanted] = [fold(said), fold(asked)];
  return wanted.length > 0 && ` ${words.join(' ')} `.includes(` ${wanted.join(' ')} `);
};

describe('the words of a text', () => {
  it.each([
    ['Grüße aus der Straße', 'STRASSE'],
    ['Mr. Sørensen, Łódź', 'sorensen lodz'],
    ['Ça va, l’été?', 'ca va'],
    ['我们明天去北京吃饭', '北京'],
    ['明日、東京タワーへ行く', 'タワー'],
    ['พรุ่งนี้ไปกรุงเทพ', 'กรุงเทพ'],
    ['서울에서 만나요', '서울'],
    ['مَرْحَبًا بِكُم', 'مرحبا'],
    ['مرحبا بكم', 'مَرْحَبًا'],
    ['أهلاً', 'اهلا'],
    ['שָׁלוֹם', 'שלום'],
    ['Ёлка', 'елка'],
    ['ΟΔΟΣ', 'οδός'],
    ['İSTANBUL', 'istanbul'],
    ['well done 👍🏽!', '👍'],
    ['❤️', '❤'],
    ['on our way 👩‍👩‍👧', '👩‍👩‍👧'],
    ['🇩🇪:🇫🇷', '🇩🇪'],
    ['ﬁve ① ｆｕｌｌ', 'five 1 full'],
    ['हिन्दी किताब', 'किताब'],
    ['می‌خواهم', 'میخواهم'],
    ['it costs 5 €', '€'],
  ])('%s has %s', (said, asked) => {
    expect(has(said, asked)).toBe(true);
  });

  it.each([
    ['किताब', 'कताब'],
    ['background', 'ground'],
    ['北海道', '東京'],
    ['👍', '👎'],
  ])('%s has not %s', (said, asked) => {
    expect(has(said, asked)).toBe(false);
  });

  it('hold no space, quotation mark, control or other ASCII sign, and are not long', () => {
    fc.assert(
      fc.property(text, (said) => {
        for (const word of fold(said)) {
          expect(word).toMatch(/^(?:[a-z0-9]|\P{ASCII})+$/u);
          expect(word).not.toMatch(/[\s·\p{P}]/u);
          expect([...word].length).toBeLessThanOrEqual(48);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('are their own words: what was folded folds to itself', () => {
    fc.assert(
      fc.property(text, (said) => {
        expect(fold(fold(said).join(' '))).toEqual(fold(said));
      }),
      { numRuns: 2000 },
    );
  });

  it('are the same in capitals, in full width, and with the marks taken apart', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zäöüéèñàçå0-9 ]{0,60}$/), (said) => {
        expect(fold(said.toUpperCase())).toEqual(fold(said));
        expect(fold(said.normalize('NFD'))).toEqual(fold(said));
        expect(fold(said.replace(/[!-~]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0)))).toEqual(
          fold(said),
        );
      }),
    );
  });

  it('of two texts side by side are those of the one and those of the other', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        expect(fold(`${one}\n${other}`)).toEqual([...fold(one), ...fold(other)]);
      }),
    );
  });

  it('are one character each where scripts have no spaces', () => {
    expect(fold('東京').every(isUnspaced)).toBe(true);
    expect(fold('Tokyo 5 👍').some(isUnspaced)).toBe(false);
  });

  it('take linear time', () => {
    const pieces = ['a', 'ä', '東', '👍', '\u0301', ' ', '\u200d', 'ㄱ'];
    for (const piece of pieces) expect(fold(piece.repeat(200_000)).length).toBeLessThanOrEqual(64 * 1024);
  });
});
