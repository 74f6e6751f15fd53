/**
 * Markdown as agents write it, read by markdown-it: GitHub's kind, and `||hidden||`, `<u>underlined</u>`, `<br>`.
 * Off is what would make words disappear or turn up differently from what was meant in a chat: HTML, definitions of
 * links, headings by underlining. markdown-it works in linear time but for brackets, which are only so many. Pure.
 */
import createMarkdownIt, { type MarkdownIt, type StateInline, type Token } from 'markdown-it';
import { lazily } from '../lib/lazily.ts';

/** Beyond, links are left as they were written. */
const MOST_BRACKETS = 1000;
/** Beyond, tables are: each cell costs as much as a paragraph. */
const MOST_BARS = 5000;
const MOST_LINES_WITH_TABLES = 1500;
/** markdown-it goes no deeper, and leaves out what is there. */
const MOST_NESTING = 100;

/** null: nested so deeply that words would be lost. */
export function parseMarkdown(source: string): Token[] | null {
  const isTooLong = hasMore(source, '|', MOST_BARS) || hasMore(source, '\n', MOST_LINES_WITH_TABLES);
  const parser = parserFor(hasMore(source, '[', MOST_BRACKETS), isTooLong);
  const tokens: Token[] = parser.parse(source, {});
  return tokens.some(({ level }) => level >= MOST_NESTING - 1) ? null : tokens;
}

function hasMore(source: string, sign: string, most: number): boolean {
  let count = 0;
  for (let at = source.indexOf(sign); at >= 0 && count <= most; at = source.indexOf(sign, at + 1)) count += 1;
  return count > most;
}

const PARSERS = {
  all: lazily(createParser),
  withoutLinks: lazily(() => createParser().disable(['link', 'image'])),
  withoutTables: lazily(() => createParser().disable('table')),
  withoutBoth: lazily(() => createParser().disable(['link', 'image', 'table'])),
};

function parserFor(withoutLinks: boolean, withoutTables: boolean): MarkdownIt {
  if (withoutTables) return withoutLinks ? PARSERS.withoutBoth() : PARSERS.withoutTables();
  return withoutLinks ? PARSERS.withoutLinks() : PARSERS.all();
}

function createParser(): MarkdownIt {
  const parser = new createMarkdownIt({ html: false, linkify: false, maxNesting: MOST_NESTING });
  parser.disable(['reference', 'lheading', 'html_block', 'html_inline']);
  parser.inline.ruler.at('text', plainText);
  parser.inline.ruler.at('linkify', bareUrl);
  parser.inline.ruler.before('emphasis', 'spoiler', spoiler);
  parser.inline.ruler.before('autolink', 'tags', fewTags);
  parser.inline.ruler2.before('emphasis', 'spoiler', pairSpoilers);
  return parser;
}

const BAR = 124;
/** Where another rule may begin. */
const STOPS = new Set([...'\n!#$%&*+-:<=>@[\\]^_`{|}~'].map((c) => c.charCodeAt(0)));

function plainText(state: StateInline, silent?: boolean): boolean {
  let { pos } = state;
  while (pos < state.posMax && !STOPS.has(state.src.charCodeAt(pos))) pos += 1;
  if (pos === state.pos) return false;
  if (!silent) state.pending += state.src.slice(state.pos, pos);
  state.pos = pos;
  return true;
}

const REST_OF_URL = /:\/\/[^\s<>"'`*|[\]()\\]+(?:\([^\s<>"'`*|[\]()\\]*\)[^\s<>"'`*|[\]()\\]*)*/y;

/** An address that stands by itself is Telegram's to find; an underscore in it is no emphasis. */
function bareUrl(state: StateInline, silent?: boolean): boolean {
  if (state.src.charCodeAt(state.pos) !== 58 || !/https?$/i.test(state.src.slice(state.pos - 5, state.pos)))
    return false;
  REST_OF_URL.lastIndex = state.pos;
  const rest = REST_OF_URL.exec(state.src)?.[0].replace(/[_~.,;:!?]+$/, '') ?? '';
  if (rest.length <= 3 || state.pos + rest.length > state.posMax) return false;
  if (!silent) state.pending += rest;
  state.pos += rest.length;
  return true;
}

const TAG = /<(br\s*\/?|\/?u)>/iy;

function fewTags(state: StateInline, silent?: boolean): boolean {
  TAG.lastIndex = state.pos;
  const found = TAG.exec(state.src);
  if (!found || state.pos + found[0].length > state.posMax) return false;
  if (!silent) {
    const name = (found[1] ?? '').toLowerCase();
    const type = name === 'u' ? 'u_open' : name === '/u' ? 'u_close' : 'hardbreak';
    state.push(type, '', 0).content = found[0];
  }
  state.pos += found[0].length;
  return true;
}

function spoiler(state: StateInline, silent?: boolean): boolean {
  if (silent || state.src.charCodeAt(state.pos) !== BAR) return false;
  const { length, can_open: open, can_close: close } = state.scanDelims(state.pos, true);
  if (length !== 2) {
    state.pending += '|'.repeat(length);
  } else {
    state.push('text', '', 0).content = '||';
    const token = state.tokens.length - 1;
    state.delimiters.push({ marker: BAR, length: 0, token, end: -1, open, close });
  }
  state.pos += length;
  return true;
}

function pairSpoilers(state: StateInline): boolean {
  for (const delimiters of [state.delimiters, ...state.tokens_meta.map((meta) => meta?.delimiters ?? [])]) {
    for (const { marker, end, token } of delimiters) {
      const closing = marker === BAR && end >= 0 ? delimiters[end] : undefined;
      if (!closing) continue;
      turn(state.tokens[token], 'spoiler_open', 1);
      turn(state.tokens[closing.token], 'spoiler_close', -1);
    }
  }
  return false;
}

function turn(token: Token | undefined, type: string, nesting: 1 | -1): void {
  if (token) Object.assign(token, { type, nesting, content: '' });
}
