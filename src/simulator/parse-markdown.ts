/** MarkdownV2 and the older Markdown as Telegram reads them. Pure. */
import { badRequest } from './api-error.ts';
import type { SimEntity } from './types.ts';

interface Open {
  readonly type: string;
  readonly marker: string;
  readonly offset: number;
  readonly byte: number;
  readonly language?: string;
}

type Parsed = { text: string; entities: SimEntity[] };

const RESERVED = '_*[]()~`>#+-=|{}.!';
const MARKERS: readonly (readonly [string, string])[] = [
  ['```', 'pre'],
  ['`', 'code'],
  ['__', 'underline'],
  ['_', 'italic'],
  ['*', 'bold'],
  ['~', 'strikethrough'],
  ['||', 'spoiler'],
];

const byteAt = (source: string, index: number): number => Buffer.byteLength(source.slice(0, index));

export function parseMarkdownV2(source: string): Parsed {
  const open: Open[] = [];
  const entities: SimEntity[] = [];
  let text = '';
  let at = 0;
  let quoteFrom = -1;

  const endQuote = () => {
    if (quoteFrom < 0) return;
    const expandable = text.endsWith('||');
    if (expandable) text = text.slice(0, -2);
    if (text.length > quoteFrom)
      entities.push({
        type: expandable ? 'expandable_blockquote' : 'blockquote',
        offset: quoteFrom,
        length: text.length - quoteFrom,
      });
    quoteFrom = -1;
  };

  while (at < source.length) {
    const char = source.charAt(at);
    const top = open.at(-1);
    const inCode = top?.type === 'pre' || top?.type === 'code';
    const next = source.charAt(at + 1);
    if (char === '\\' && next !== '' && next.charCodeAt(0) < 127 && /[^\sA-Za-z0-9]/.test(next)) {
      text += next;
      at += 2;
      continue;
    }
    if (inCode && top) {
      if (!source.startsWith(top.marker, at)) {
        text += char;
        at += 1;
        continue;
      }
      at += top.marker.length;
      open.pop();
      push(entities, top, text.length);
      continue;
    }
    const lineStart = at === 0 || source.charAt(at - 1) === '\n';
    if (lineStart && char === '>' && open.length === 0) {
      if (quoteFrom < 0) quoteFrom = text.length;
      at += 1;
      continue;
    }
    if (char === '\n') {
      if (quoteFrom >= 0 && source.charAt(at + 1) !== '>') endQuote();
      text += char;
      at += 1;
      continue;
    }
    if (char === '[' || (char === '!' && next === '[')) {
      open.push({
        type: char === '!' ? 'custom_emoji' : 'text_link',
        marker: ']',
        offset: text.length,
        byte: byteAt(source, at),
      });
      at += char === '!' ? 2 : 1;
      continue;
    }
    if (char === ']' && top?.marker === ']') {
      open.pop();
      at += 1;
      if (source.charAt(at) !== '(') continue;
      const link = readTarget(source, at + 1);
      at = link.next;
      if (text.length > top.offset) entities.push(linked(top, text.length - top.offset, link.url));
      continue;
    }
    if (
      quoteFrom >= 0 &&
      source.startsWith('||', at) &&
      /^\|\|(?:\n|$)/.test(source.slice(at, at + 3)) &&
      top?.marker !== '||'
    ) {
      text += '||';
      at += 2;
      if (at >= source.length) endQuote();
      continue;
    }
    const marker = MARKERS.find(([m]) => source.startsWith(m, at));
    if (marker) {
      const [mark, type] = marker;
      const closes =
        top && source.startsWith(top.marker, at) && top.marker.length <= mark.length ? top : undefined;
      if (closes && (closes.marker === mark || !open.some((o) => o.marker === mark))) {
        at += closes.marker.length;
        open.pop();
        push(entities, closes, text.length);
        continue;
      }
      let language: string | undefined;
      const byte = byteAt(source, at);
      at += mark.length;
      if (type === 'pre') {
        language = /^([A-Za-z0-9+#_-]*)\n/.exec(source.slice(at, at + 64))?.[1];
        if (language !== undefined) at += language.length + 1;
      }
      open.push({ type, marker: mark, offset: text.length, byte, ...(language ? { language } : {}) });
      continue;
    }
    if (RESERVED.includes(char))
      throw badRequest(
        `can't parse entities: Character '${char}' is reserved and must be escaped with the preceding '\\'`,
      );
    text += char;
    at += 1;
  }
  endQuote();
  const left = open.at(-1);
  if (left)
    throw badRequest(
      `can't parse entities: Can't find end of ${nameOf(left.type)} entity at byte offset ${left.byte}`,
    );
  return { text, entities: entities.sort((a, b) => a.offset - b.offset || b.length - a.length) };
}

function nameOf(type: string): string {
  const names: Record<string, string> = {
    bold: 'Bold',
    italic: 'Italic',
    underline: 'Underline',
    strikethrough: 'Strikethrough',
    spoiler: 'Spoiler',
    code: 'Code',
    pre: 'PreCode',
    text_link: 'TextUrl',
    custom_emoji: 'CustomEmoji',
  };
  return names[type] ?? type;
}

function push(entities: SimEntity[], open: Open, end: number): void {
  const length = end - open.offset;
  if (length === 0) return;
  const base = { type: open.type, offset: open.offset, length };
  entities.push(open.language ? { ...base, language: open.language } : base);
}

function linked({ type, offset }: Open, length: number, url: string): SimEntity {
  if (type !== 'custom_emoji') return { type, offset, length, url };
  return { type, offset, length, custom_emoji_id: /[?&]id=(\d+)/.exec(url)?.[1] ?? '' };
}

function readTarget(source: string, from: number): { url: string; next: number } {
  let url = '';
  let at = from;
  while (at < source.length && source.charAt(at) !== ')') {
    if (source.charAt(at) === '\\') at += 1;
    url += source.charAt(at);
    at += 1;
  }
  if (at >= source.length)
    throw badRequest(`can't parse entities: Can't find end of a URL at byte offset ${byteAt(source, from)}`);
  return { url, next: at + 1 };
}

const LEGACY: Readonly<Record<string, string>> = { _: 'italic', '*': 'bold', '`': 'code', '```': 'pre' };

/** No nesting; a marker without its partner is an error. */
export function parseLegacyMarkdown(source: string): Parsed {
  const entities: SimEntity[] = [];
  let text = '';
  let at = 0;
  while (at < source.length) {
    const char = source.charAt(at);
    if (char === '\\' && '_*`['.includes(source.charAt(at + 1)) && at + 1 < source.length) {
      text += source.charAt(at + 1);
      at += 2;
      continue;
    }
    const mark = source.startsWith('```', at) ? '```' : char;
    const type = LEGACY[mark];
    const link = char === '[' ? /^\[([^\]]*)\]\(([^)]*)\)/.exec(source.slice(at)) : null;
    if (type !== undefined) {
      const end = source.indexOf(mark, at + mark.length);
      if (end < 0)
        throw badRequest(
          `can't parse entities: Can't find end of the entity starting at byte offset ${byteAt(source, at)}`,
        );
      const inner = source.slice(at + mark.length, end);
      if (inner.length > 0) entities.push({ type, offset: text.length, length: inner.length });
      text += inner;
      at = end + mark.length;
    } else if (char === '[' && source.indexOf(']', at) < 0) {
      throw badRequest(
        `can't parse entities: Can't find end of the entity starting at byte offset ${byteAt(source, at)}`,
      );
    } else if (link) {
      const label = link[1] ?? '';
      if (label !== '')
        entities.push({ type: 'text_link', offset: text.length, length: label.length, url: link[2] ?? '' });
      text += label;
      at += link[0].length;
    } else {
      text += char;
      at += 1;
    }
  }
  return { text, entities };
}
