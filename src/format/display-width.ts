/** How many columns a text takes in a fixed-width font. Pure. */

/** Made when it is needed first: it takes longer than everything else that a short command does. */
const made: { segmenter?: Intl.Segmenter } = {};
const PLAIN = /^[\x20-\x7e]*$/;
const EMPTY = /^[\p{M}\p{Cf}\p{Cc}]+$/u;
/** Emoji, and what East Asian scripts write in squares. */
const WIDE =
  /\p{Emoji_Presentation}|\ufe0f|\p{Script=Han}|\p{Script=Hangul}|\p{Script=Hiragana}|\p{Script=Katakana}|[\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]/u;

export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  made.segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  let width = 0;
  for (const { segment } of made.segmenter.segment(text)) {
    if (EMPTY.test(segment)) continue;
    width += WIDE.test(segment) ? 2 : 1;
  }
  return width;
}
