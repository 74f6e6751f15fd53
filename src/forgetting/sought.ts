/** What is looked for of messages that are to be forgotten: in files that hold them whole, quote them, or name them. Pure. */
import { fold } from '../lib/fold.ts';

/** So many words in a row are a quotation, wherever they stand. */
export const QUOTED_WORDS = 5;
/** Fewer than these are anybody's. */
const FEWEST_WORDS = 3;
/** Of many messages together; what is beyond is found by the message's id alone. */
const MOST_QUOTES = 200_000;

export interface Sought {
  /** Telegram's ids, as the prompt names messages. */
  ids: Set<number>;
  /** Words in a row, joined by spaces: five of a longer line, all of a shorter one. */
  quotes: Set<string>;
}

export function seek({ ids, quotes }: Sought, messageId: number, texts: readonly string[]): void {
  ids.add(messageId);
  for (const line of texts.flatMap((text) => text.split(/[\n\r]+/))) {
    const words = fold(line);
    const length = Math.min(words.length, QUOTED_WORDS);
    if (length < FEWEST_WORDS) continue;
    for (let at = 0; at + length <= words.length && quotes.size < MOST_QUOTES; at += 1)
      quotes.add(words.slice(at, at + length).join(' '));
  }
}

/** Whether the text has one of the quotes in it: of five words, or with `short` of fewer as well. */
export function quotes({ quotes }: Pick<Sought, 'quotes'>, text: string, short = false): boolean {
  const words = fold(text);
  for (let at = 0; at < words.length; at += 1)
    for (let length = short ? FEWEST_WORDS : QUOTED_WORDS; length <= QUOTED_WORDS; length += 1)
      if (at + length <= words.length && quotes.has(words.slice(at, at + length).join(' '))) return true;
  return false;
}
