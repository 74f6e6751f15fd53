/** How many columns a text takes in a fixed-width font. Pure. */

const characters = new Intl.Segmenter('en', { granularity: 'grapheme' });
const PLAIN = /^[\x20-\x7e]*$/;
const EMPTY = /^[\p{M}\p{Cf}\p{Cc}]+$/u;
/** Emoji, and what East Asian scripts write in squares. */
const WIDE =
  /\p{Emoji_Presentation}|\ufe0f|\p{Script=Han}|\p{Script=Hangul}|\p{Script=Hiragana}|\p{Script=Katakana}|[\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]/u;

export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const { segment } of characters.segment(text)) {
    if (EMPTY.test(segment)) continue;
    width += WIDE.test(segment) ? 2 : 1;
  }
  return width;
}
