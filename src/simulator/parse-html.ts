/** Telegram's HTML: a dozen tags, four named references, everything must be closed. Pure. */
import { badRequest } from './api-error.ts';
import type { SimEntity } from './types.ts';

const TAGS: Readonly<Record<string, string>> = {
  b: 'bold',
  strong: 'bold',
  i: 'italic',
  em: 'italic',
  u: 'underline',
  ins: 'underline',
  s: 'strikethrough',
  strike: 'strikethrough',
  del: 'strikethrough',
  'tg-spoiler': 'spoiler',
  span: 'spoiler',
  a: 'text_link',
  code: 'code',
  pre: 'pre',
  blockquote: 'blockquote',
  'tg-emoji': 'custom_emoji',
};
const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"' };

interface OpenTag {
  readonly name: string;
  readonly offset: number;
  readonly attributes: Readonly<Record<string, string>>;
}

export function parseHtml(source: string): { text: string; entities: SimEntity[] } {
  const open: OpenTag[] = [];
  const entities: SimEntity[] = [];
  let text = '';
  let at = 0;
  const fail = (why: string, position = at) =>
    badRequest(`can't parse entities: ${why} at byte offset ${Buffer.byteLength(source.slice(0, position))}`);

  while (at < source.length) {
    const char = source.charAt(at);
    if (char === '&') {
      const reference = /^&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{1,5}));?/i.exec(source.slice(at, at + 12));
      const decoded = reference ? decode(reference) : undefined;
      text += decoded ?? '&';
      at += decoded === undefined || !reference ? 1 : reference[0].length;
      continue;
    }
    if (char !== '<') {
      text += char;
      at += 1;
      continue;
    }
    const end = source.indexOf('>', at);
    if (end < 0) throw fail(source.charAt(at + 1) === '/' ? 'Unclosed end tag' : 'Unclosed start tag');
    const tag = source.slice(at + 1, end);
    if (tag.startsWith('/')) {
      const name = tag.slice(1).trim().toLowerCase();
      const last = open.pop();
      if (!last) throw fail('Unexpected end tag');
      if (name !== '' && name !== last.name)
        throw fail(`Unmatched end tag, expected "</${last.name}>", found "</${name}>"`);
      close(last, text.length, entities);
    } else {
      const name = /^[^\s/>]*/.exec(tag)?.[0].toLowerCase() ?? '';
      if (!(name in TAGS)) throw fail(`Unsupported start tag "${name}"`);
      const attributes = readAttributes(tag.slice(name.length));
      if (name === 'span' && attributes.class !== 'tg-spoiler')
        throw fail('Tag "span" must have class "tg-spoiler"');
      open.push({ name, offset: text.length, attributes });
    }
    at = end + 1;
  }
  const left = open.at(-1);
  if (left)
    throw badRequest(`can't parse entities: Can't find end tag corresponding to start tag "${left.name}"`);
  return { text, entities: entities.sort((a, b) => a.offset - b.offset || b.length - a.length) };
}

function decode(match: RegExpExecArray): string | undefined {
  if (match[3] !== undefined) return NAMED[match[3]];
  const code = match[1] === undefined ? Number.parseInt(match[2] ?? '', 16) : Number(match[1]);
  const valid = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return valid ? String.fromCodePoint(code) : undefined;
}

function readAttributes(source: string): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const match of source.matchAll(/([a-z-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+)))?/gi)) {
    const value = match[2] ?? match[3] ?? match[4] ?? '';
    attributes[(match[1] ?? '').toLowerCase()] = value
      .replaceAll('&quot;', '"')
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&');
  }
  return attributes;
}

function close(tag: OpenTag, end: number, entities: SimEntity[]): void {
  const { offset, attributes } = tag;
  const length = end - offset;
  if (length === 0) return;
  const base = { type: TAGS[tag.name] ?? tag.name, offset, length };
  const language = attributes.class?.startsWith('language-') ? attributes.class.slice(9) : undefined;
  if (tag.name === 'a') {
    if (attributes.href) entities.push({ ...base, url: attributes.href });
  } else if (tag.name === 'blockquote' && attributes.expandable !== undefined) {
    entities.push({ ...base, type: 'expandable_blockquote' });
  } else if (tag.name === 'tg-emoji') {
    entities.push({ ...base, custom_emoji_id: attributes['emoji-id'] ?? '' });
  } else if (tag.name === 'code' && language) {
    entities.push({ ...base, language });
  } else if (tag.name === 'pre') {
    const inner = entities.findIndex((e) => e.type === 'code' && e.offset === offset && e.length === length);
    const found = inner < 0 ? undefined : entities.splice(inner, 1)[0]?.language;
    entities.push(found ? { ...base, language: found } : base);
  } else {
    entities.push(base);
  }
}
