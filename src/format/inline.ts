/** What stands within a paragraph, onto the canvas: emphasis, code, links, images, hidden words. Pure. */
import type { Token } from 'markdown-it';
import { Canvas, type Mark } from './entities.ts';

const SIMPLE: Record<string, Mark> = {
  strong: { type: 'bold' },
  em: { type: 'italic' },
  s: { type: 'strikethrough' },
  u: { type: 'underline' },
  spoiler: { type: 'spoiler' },
};
export const BOLD: Mark = { type: 'bold' };
const LONGEST_URL = 2048;

export interface InlineOptions {
  /** On for all of it. */
  outer: readonly Mark[];
  /** What a new line begins with. */
  indent: string;
}

export function writeInline(canvas: Canvas, children: readonly Token[], options: InlineOptions): void {
  let marks = [...options.outer];
  /** Emphasis within the same emphasis is one. */
  const depths = new Map<Mark, number>();
  const links: { from: number; href: string; title: string; mark: Mark | null; isBare: boolean }[] = [];
  const underlines = pairedUnderlines(children);
  const open = (mark: Mark) => {
    const depth = depths.get(mark) ?? 0;
    if (depth === 0) marks = [...marks, mark];
    depths.set(mark, depth + 1);
  };
  const close = (mark: Mark) => {
    const depth = (depths.get(mark) ?? 1) - 1;
    depths.set(mark, depth);
    if (depth > 0) return;
    const at = marks.lastIndexOf(mark);
    marks = marks.filter((_, i) => i !== at);
  };
  children.forEach((token, index) => {
    const name = token.type.replace(/_(?:open|close)$/, '');
    const simple = SIMPLE[name];
    if (simple) {
      if (name === 'u' && !underlines.has(index)) canvas.write(token.content, marks);
      else if (token.type.endsWith('_open')) open(simple);
      else close(simple);
      return;
    }
    switch (token.type) {
      case 'code_inline':
        canvas.write(token.content, [...marks, { type: 'code' }]);
        break;
      case 'softbreak':
      case 'hardbreak':
        canvas.write(`\n${options.indent}`, marks);
        break;
      case 'link_open': {
        const href = attribute(token, 'href');
        const isBare = token.markup === 'autolink';
        const mark: Mark | null = isBare ? null : linkTo(href, marks);
        if (mark) open(mark);
        links.push({ from: canvas.length, href, title: attribute(token, 'title'), mark, isBare });
        break;
      }
      case 'link_close': {
        const link = links.pop();
        if (!link) break;
        const { from, href, title, mark, isBare } = link;
        if (canvas.isBlankSince(from)) canvas.write(readable(href), marks);
        else if (!mark && !isBare) canvas.write(` (${readable(href)})`, marks);
        if (mark) close(mark);
        if (title !== '') canvas.write(` (${title})`, marks);
        break;
      }
      case 'image':
        writeImage(canvas, token, { ...options, outer: marks });
        break;
      default:
        canvas.write(token.content, marks);
    }
  });
}

/** A link to it. */
function writeImage(canvas: Canvas, token: Token, { outer, indent }: InlineOptions): void {
  const source = attribute(token, 'src');
  const title = attribute(token, 'title');
  const mark = linkTo(source, outer);
  const marks: readonly Mark[] = mark ? [...outer, mark] : outer;
  const from = canvas.length;
  writeInline(canvas, token.children ?? [], { outer: marks, indent });
  if (canvas.isBlankSince(from)) canvas.write(readable(source) || 'image', marks);
  else if (!mark) canvas.write(` (${readable(source)})`, outer);
  if (title !== '') canvas.write(` (${title})`, outer);
}

/** null in another link, and for an address that Telegram would leave out without saying so. */
function linkTo(href: string, marks: readonly Mark[]): Mark | null {
  if (marks.some(({ type }) => type === 'text_link')) return null;
  if (href.length > LONGEST_URL || !URL.canParse(href)) return null;
  const { protocol, hostname } = new URL(href);
  const isWeb = (protocol === 'http:' || protocol === 'https:') && /.\.[^.]/.test(hostname);
  return isWeb || protocol === 'tg:' ? { type: 'text_link', url: href } : null;
}

function readable(href: string): string {
  try {
    return decodeURI(href);
  } catch {
    return href;
  }
}

/** Indices of the `<u>` and `</u>` that belong together; the others are text. */
function pairedUnderlines(children: readonly Token[]): Set<number> {
  const paired = new Set<number>();
  let open: number | null = null;
  children.forEach(({ type }, index) => {
    if (type === 'u_open') open ??= index;
    if (type !== 'u_close' || open === null) return;
    paired.add(open).add(index);
    open = null;
  });
  return paired;
}

export const attribute = (token: Token, name: string): string => String(token.attrGet(name) ?? '');

/** The words alone. */
export function plainInline(children: readonly Token[]): string {
  const canvas = new Canvas();
  writeInline(canvas, children, { outer: [], indent: '' });
  return canvas.finish().text;
}
