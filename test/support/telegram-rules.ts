/**
 * What Telegram asks of the entities of a message, written from its rules and not from our code: a second opinion.
 * Everything is looked at letter by letter, which is slow and plain.
 */
export interface CheckedEntity {
  type: string;
  offset: number;
  length: number;
  url?: string;
}

const NESTABLE = new Set(['bold', 'italic', 'underline', 'strikethrough', 'spoiler']);
const QUOTES = new Set(['blockquote', 'expandable_blockquote']);
const ALONE = new Set(['code', 'pre']);
const KNOWN = new Set([...NESTABLE, ...QUOTES, ...ALONE, 'text_link']);

/** What is wrong with them, or null. */
export function entityProblem(text: string, entities: readonly CheckedEntity[]): string | null {
  if (text.length > 4096) return `${text.length} units of text`;
  if (!text.isWellFormed()) return 'half a surrogate pair';
  if (entities.length > 100) return `${entities.length} entities`;
  for (const entity of entities) {
    const wrong = problemOf(text, entity);
    if (wrong !== null) return `${wrong}: ${JSON.stringify(entity)} of ${JSON.stringify(text)}`;
  }
  for (const [i, a] of entities.entries())
    for (const b of entities.slice(i + 1)) {
      const wrong = pairProblem(a, b);
      if (wrong !== null) return `${wrong}: ${JSON.stringify([a, b])} of ${JSON.stringify(text)}`;
    }
  return null;
}

function problemOf(text: string, { type, offset, length, url }: CheckedEntity): string | null {
  if (!KNOWN.has(type)) return 'unknown type';
  if (!Number.isInteger(offset) || !Number.isInteger(length) || offset < 0 || length < 1) return 'no range';
  if (offset + length > text.length) return 'ends behind the text';
  const inside = text.slice(offset, offset + length);
  if (!inside.isWellFormed()) return 'cuts a surrogate pair';
  if (inside.trim() === '') return 'shows nothing';
  if (/\s$/.test(inside)) return 'ends in white space';
  // The indent of code is part of it, also where a quote begins with it.
  if (type !== 'pre' && !QUOTES.has(type) && /^\s/.test(inside)) return 'begins in white space';
  if (type === 'text_link' && !(url !== undefined && /^(https?:\/\/[^/]*\.|tg:)/i.test(url)))
    return 'no address';
  return null;
}

function pairProblem(a: CheckedEntity, b: CheckedEntity): string | null {
  if (a.offset > b.offset || (a.offset === b.offset && a.length < b.length)) return 'out of order';
  const [endA, endB] = [a.offset + a.length, b.offset + b.length];
  if (b.offset >= endA) return null;
  if (endB > endA) return 'cross';
  if (a.type === b.type) return 'one within another of its kind';
  // They cover the same letters: either may be the outer one.
  const orders =
    a.offset === b.offset && a.length === b.length
      ? [
          [a, b],
          [b, a],
        ]
      : [[a, b]];
  return orders.some(([outer, inner]) => outer && inner && mayContain(outer.type, inner.type))
    ? null
    : 'one that may not contain the other';
}

function mayContain(outer: string, inner: string): boolean {
  if (ALONE.has(outer)) return false;
  if (QUOTES.has(outer)) return !QUOTES.has(inner);
  if (ALONE.has(inner) || QUOTES.has(inner)) return false;
  return NESTABLE.has(outer) || NESTABLE.has(inner);
}
