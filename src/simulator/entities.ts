/**
 * What Telegram's servers find in a plain text: commands, mentions, links, addresses, hashtags; and what a
 * person's app makes of `backticks`. Offsets are UTF-16 code units. Pure.
 */
import type { SimEntity } from './types.ts';

const CODE_PATTERN = /```(?:([A-Za-z0-9+#_-]+)\n|\n)?([\s\S]+?)```|`([^`\n]+)`/g;

/** Takes the backticks out and marks what was between them as `pre` or `code`. */
export function readBackticks(source: string): { text: string; entities: SimEntity[] } {
  const entities: SimEntity[] = [];
  let text = '';
  let from = 0;
  for (const match of source.matchAll(CODE_PATTERN)) {
    text += source.slice(from, match.index);
    from = match.index + match[0].length;
    const block = match[2]?.replace(/\n$/, '');
    const inner = block ?? match[3] ?? '';
    if (inner.trim() === '') {
      text += match[0];
      continue;
    }
    const language = match[1];
    entities.push({
      type: block === undefined ? 'code' : 'pre',
      offset: text.length,
      length: inner.length,
      ...(language === undefined ? {} : { language }),
    });
    text += inner;
  }
  return { text: text + source.slice(from), entities };
}

interface Rule {
  readonly type: string;
  readonly pattern: RegExp;
}

/** In order of precedence: a later find that touches an earlier one is dropped. */
const RULES: readonly Rule[] = [
  { type: 'url', pattern: /(?<![\p{L}\p{N}_@])https?:\/\/[^\s<>"'`]+/giu },
  {
    type: 'email',
    pattern: /(?<![\p{L}\p{N}_.+-])[a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,24}\b/giu,
  },
  {
    type: 'url',
    pattern:
      /(?<![\p{L}\p{N}_@./-])(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|app|me|info|eu|de|uk|fr|ai)\b(?:\/[^\s<>"'`]*)?/giu,
  },
  { type: 'mention', pattern: /(?<![\p{L}\p{N}_@])@[A-Za-z0-9_]{4,32}(?![\p{L}\p{N}_])/gu },
  {
    type: 'bot_command',
    pattern: /(?<![\p{L}\p{N}_/<>])\/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\p{L}\p{N}_/@<>])/gu,
  },
  { type: 'hashtag', pattern: /(?<![\p{L}\p{N}_#])#(?=[\p{N}_]*\p{L})[\p{L}\p{N}_]{1,255}/gu },
];

/** Adds what is found in `text` to `given`, which win where they touch. Sorted, outer before inner. */
export function findEntities(text: string, given: readonly SimEntity[] = []): SimEntity[] {
  const found: SimEntity[] = [];
  const blocked = given.filter((e) => ['pre', 'code', 'text_link', 'text_mention'].includes(e.type));
  for (const { type, pattern } of RULES) {
    for (const match of text.matchAll(pattern)) {
      const value = type === 'url' ? trimUrl(match[0]) : match[0];
      const entity = { type, offset: match.index, length: value.length };
      if (![...found, ...blocked].some((other) => touches(entity, other))) found.push(entity);
    }
  }
  const fresh = found.filter((f) => !given.some((g) => g.offset === f.offset && g.type === f.type));
  return [...given, ...fresh].sort((a, b) => a.offset - b.offset || b.length - a.length);
}

function touches(a: SimEntity, b: SimEntity): boolean {
  return a.offset < b.offset + b.length && b.offset < a.offset + a.length;
}

/** A sentence's punctuation is not part of the link in it. */
function trimUrl(url: string): string {
  let end = url.length;
  while (end > 0) {
    const last = url.charAt(end - 1);
    const unopened = last === ')' && !url.slice(0, end).includes('(');
    if (!'.,:;!?*_'.includes(last) && !unopened) break;
    end -= 1;
  }
  return url.slice(0, end);
}
