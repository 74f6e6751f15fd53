/**
 * The words of a text as they are searched for, the same for what is stored and for what is asked: compatibility forms made
 * one, lower case, marks that writers leave out removed (accents, Arabic and Hebrew vowel signs). What is written without
 * spaces (Chinese, Japanese, Thai …), Korean, emoji and other signs are a word per character: two of them are found as neighbours. Pure.
 */

/** Marks that are left out in writing as often as not; other scripts' vowel signs stay, and variation selectors go. */
const MARKS = new RegExp(
  `[${[
    '\\u0300-\\u036f\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20ff',
    '\\u0591-\\u05bd\\u05bf\\u05c1\\u05c2\\u05c4\\u05c5\\u05c7',
    '\\u0610-\\u061a\\u0640\\u064b-\\u065f\\u0670\\u06d6-\\u06dc\\u06df-\\u06e8\\u06ea-\\u06ed\\u08d3-\\u08ff',
    '\\p{VS}\\p{Cf}',
  ].join('')}]`,
  'gu',
);
const UNSPACED =
  '\\p{sc=Han}\\p{sc=Hira}\\p{sc=Kana}\\p{sc=Bopo}\\p{sc=Hang}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmr}\\p{sc=Mymr}\\p{sc=Tibt}\\p{sc=Yiii}\\p{sc=Java}\\p{sc=Bali}\\u30fc';
/** Longer ones are cut into several, which are neighbours. */
const LONGEST = 48;
const WORD = new RegExp(
  `(?!\\p{ASCII}|\\p{P}|\\p{Z})[${UNSPACED}\\p{Extended_Pictographic}\\p{RI}\\p{So}\\p{Sc}]|(?:(?![${UNSPACED}])[\\p{L}\\p{M}\\p{N}]){1,${LONGEST}}`,
  'gu',
);
const PLAIN = /^\p{ASCII}*$/u;
const PLAIN_WORD = new RegExp(`[a-z0-9]{1,${LONGEST}}`, 'g');
/** More words of one message are not looked at: far more than Telegram lets one write. */
const MOST_CHARACTERS = 64 * 1024;

/** In their order. No word holds a space, a quotation mark or any other punctuation. */
export function fold(text: string): string[] {
  const start = text.length > MOST_CHARACTERS ? text.slice(0, MOST_CHARACTERS) : text;
  if (PLAIN.test(start)) return start.toLowerCase().match(PLAIN_WORD) ?? [];
  const plain = start
    .toWellFormed()
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFKD')
    .replace(MARKS, '')
    .normalize('NFC')
    .replace(/[ßſςıøłđðþæœħ]/g, (letter) => ONE_FORM[letter] ?? letter);
  return plain.match(WORD) ?? [];
}

const ONE_FORM: Record<string, string> = {
  ß: 'ss',
  ſ: 's',
  ς: 'σ',
  ı: 'i',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  æ: 'ae',
  œ: 'oe',
  ħ: 'h',
};

const SINGLE = new RegExp(`^[${UNSPACED}]$`, 'u');

/** The word is one character of a script without spaces. */
export const isUnspaced = (word: string): boolean => SINGLE.test(word);
