/**
 * Cuts a formatted text into parts that fit one message each. The parts joined are the text; formatting that is cut
 * goes on in the next part, so a fence is closed and opened again with its language. Where the cut falls: at the end
 * of a paragraph or line, outside of code first; of a sentence; of a word; else between two characters. Pure.
 */
import { lazily } from '../lib/lazily.ts';
import { clipped, type Entity, type Formatted, MAX_ENTITIES } from './entities.ts';

/** A part that is cut shorter for its entities is not cut below this. */
const SHORTEST = 1024;
const SENTENCE_END = /[.!?…。！？؟।]["'”’»)\]]*\s+/gu;
const WORD_END = /\s+/gu;
/** How far a character may reach, for looking where one ends. */
const LONGEST_CHARACTER = 64;
const characters = lazily(() => new Intl.Segmenter('en', { granularity: 'grapheme' }));

/** One part after the other. `limit` is for each in UTF-16 units, at least 2; `first` for the first one alone. */
export function* split(
  { text, entities }: Formatted,
  limit: number,
  first: number = limit,
): Generator<Formatted, void> {
  const code = entities.filter(({ type }) => type === 'pre');
  for (let from = 0; from < text.length; ) {
    const to = endOfPart(text, entities, code, from, from === 0 ? first : limit);
    yield { text: text.slice(from, to), entities: clipped(text, entities, from, to) };
    from = to;
  }
}

function endOfPart(
  text: string,
  entities: readonly Entity[],
  code: readonly Entity[],
  from: number,
  limit: number,
): number {
  const end = from + limit;
  const inside = entities.filter((e) => e.offset + e.length > from && e.offset < end);
  const tooMany = inside[MAX_ENTITIES];
  const crowded = tooMany !== undefined && tooMany.offset - from >= Math.min(SHORTEST, limit / 2);
  if (text.length <= end && !crowded) return text.length;
  const most = Math.min(text.length, crowded ? tooMany.offset : end);
  if (most === text.length) return most;
  return border(text, code, from, most);
}

function border(text: string, code: readonly Entity[], from: number, most: number): number {
  const least = from + Math.ceil((most - from) / 2);
  const near = code.filter((e) => e.offset < most && e.offset + e.length > least);
  const isInCode = (at: number) => near.some((e) => at > e.offset && at < e.offset + e.length);
  let paragraph = 0;
  let line = 0;
  let codeParagraph = 0;
  let codeLine = 0;
  for (let at = most; at > least; at -= 1) {
    if (text.charCodeAt(at - 1) !== 10) continue;
    const isParagraph = text.charCodeAt(at - 2) === 10;
    if (!isInCode(at)) {
      line ||= at;
      if (isParagraph) {
        paragraph = at;
        break;
      }
    } else {
      codeLine ||= at;
      if (isParagraph) codeParagraph ||= at;
    }
  }
  const found = paragraph || line || codeParagraph || codeLine;
  if (found > 0) return found;
  const window = text.slice(least, most);
  const end = lastEnd(window, SENTENCE_END) || lastEnd(window, WORD_END);
  return end > 0 ? least + end : betweenCharacters(text, from, most);
}

function lastEnd(window: string, pattern: RegExp): number {
  let end = 0;
  for (const match of window.matchAll(pattern)) end = match.index + match[0].length;
  return end;
}

/** Not inside of what people see as one character, unless that is endless; never inside a surrogate pair. */
function betweenCharacters(text: string, from: number, most: number): number {
  const start = outsidePair(text, Math.max(from, most - LONGEST_CHARACTER));
  const around = text.slice(start, most + LONGEST_CHARACTER);
  const at =
    start +
    (characters()
      .segment(around)
      .containing(most - start)?.index ?? 0);
  const cut = at > start ? at : outsidePair(text, most);
  return cut > from ? cut : most;
}

function outsidePair(text: string, at: number): number {
  const isPair = /[\ud800-\udbff]/.test(text.charAt(at - 1)) && /[\udc00-\udfff]/.test(text.charAt(at));
  return isPair ? at - 1 : at;
}
