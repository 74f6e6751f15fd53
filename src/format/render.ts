/**
 * Markdown as a text with entities. Headings become bold lines, lists get bullets, numbers and boxes, tables columns
 * or rows; blank lines stay where they were. No word of the source is lost: what cannot be shown is shown as it was
 * written. Pure, and linear in time and space.
 */
import type { Token } from 'markdown-it';
import { Canvas, type Formatted, isBlank, type Mark } from './entities.ts';
import { BOLD, writeInline } from './inline.ts';
import { parseMarkdown } from './parse.ts';
import { writeTable } from './table.ts';

const BULLETS = ['•', '◦', '▪'];
const RULE = '———';
/** Deeper lists are not indented further. */
const DEEPEST_INDENT = 8;
const LANGUAGE = /^[\w+#.-]{1,40}$/;

export function render(markdown: string): Formatted {
  const source = cleaned(markdown);
  const tokens = parseMarkdown(source);
  return tokens === null ? { text: source, entities: [] } : new Page(source).show(tokens);
}

/** Without what Telegram takes out or changes, so that it cannot shift an entity. */
export function cleaned(text: string): string {
  return text
    .toWellFormed()
    .replace(/\r\n?|[\u2028\u2029]/g, '\n')
    .replace(/[^\P{Cc}\n\t]/gu, ' ')
    .replace(/[\u202a-\u202e]/g, '');
}

class Page {
  readonly #canvas = new Canvas();
  readonly #lines: readonly string[];
  readonly #lists: { next: number | null; mark: string }[] = [];
  /** Bullets and numbers whose item has shown nothing yet. */
  #pending: string[] = [];
  #quotes = 0;
  #quote: Mark | null = null;
  #heading = false;
  /** Of what was shown last: its end in the source, and its quote. */
  #end = -1;
  #before: Mark | null = null;

  constructor(source: string) {
    this.#lines = source.split('\n');
  }

  show(tokens: readonly Token[]): Formatted {
    for (let i = 0; i < tokens.length; i += 1) {
      const token = tokens[i];
      if (token?.type === 'table_open') {
        const from = i;
        while (i < tokens.length && tokens[i]?.type !== 'table_close') i += 1;
        this.#begin(token.map);
        writeTable(this.#canvas, tokens.slice(from, i), this.#lines, this.#marks, this.#indent);
      } else if (token) this.#one(token);
    }
    return this.#canvas.finish();
  }

  #one(token: Token): void {
    switch (token.type) {
      case 'heading_open':
      case 'heading_close':
        this.#heading = token.nesting === 1;
        break;
      case 'bullet_list_open':
      case 'ordered_list_open': {
        const isNumbered = token.type === 'ordered_list_open';
        const next = isNumbered ? Number(token.attrGet('start') ?? 1) : null;
        const depth = this.#lists.filter((list) => list.next === null).length;
        this.#lists.push({ next, mark: isNumbered ? token.markup : (BULLETS[depth] ?? '▪') });
        break;
      }
      case 'bullet_list_close':
      case 'ordered_list_close':
        this.#lists.pop();
        break;
      case 'list_item_open':
        this.#pending.push(this.#itemMark());
        break;
      case 'list_item_close':
        // An item without anything in it.
        if (this.#pending.length > 0) this.#begin(token.map ?? [this.#end, this.#end]);
        break;
      case 'blockquote_open':
        this.#quotes += 1;
        if (this.#quotes === 1) this.#quote = { type: 'blockquote' };
        break;
      case 'blockquote_close':
        this.#quotes -= 1;
        if (this.#quotes === 0) this.#quote = null;
        break;
      case 'inline':
        this.#paragraph(token);
        break;
      case 'fence':
      case 'code_block':
        this.#code(token);
        break;
      case 'hr':
        this.#begin(token.map);
        this.#canvas.write(RULE, this.#marks);
        break;
    }
  }

  get #marks(): readonly Mark[] {
    return this.#quote ? [this.#quote] : [];
  }

  /** A quote in a quote is shown by its sign; Telegram knows but one. */
  get #indent(): string {
    return '> '.repeat(Math.max(0, this.#quotes - 1)) + this.#spaces(this.#lists.length);
  }

  #spaces(depth: number): string {
    return '  '.repeat(Math.min(depth, DEEPEST_INDENT));
  }

  #itemMark(): string {
    const list = this.#lists.at(-1);
    if (!list) return '';
    if (list.next === null) return `${list.mark} `;
    const mark = `${list.next}${list.mark} `;
    list.next += 1;
    return mark;
  }

  /** The way from what was shown last to what comes now: line ends, indent, the marks of list items. */
  #begin(map: readonly [number, number] | null): void {
    const [start, end] = map ?? [this.#end, this.#end];
    const between = this.#before === this.#quote ? this.#marks : [];
    if (this.#end >= 0) this.#canvas.write(start > this.#end ? '\n\n' : '\n', between);
    const depth = this.#lists.length - this.#pending.length;
    const signs = '> '.repeat(Math.max(0, this.#quotes - 1));
    this.#canvas.write(signs + this.#spaces(depth) + this.#pending.join(''), this.#marks);
    this.#pending = [];
    this.#end = Math.max(end, 0);
    this.#before = this.#quote;
  }

  #paragraph(token: Token): void {
    const children = token.children ?? [];
    if (token.content === '' && this.#pending.length === 0) return;
    const [first] = children;
    const box =
      first?.type === 'text' && this.#pending.length > 0 ? /^\[([ xX])\]\s+/.exec(first.content) : null;
    if (first && box) {
      this.#pending[this.#pending.length - 1] = box[1] === ' ' ? '☐ ' : '☑ ';
      first.content = first.content.slice(box[0].length);
    }
    this.#begin(token.map);
    const outer = this.#heading ? [...this.#marks, BOLD] : this.#marks;
    writeInline(this.#canvas, children, { outer, indent: this.#indent });
  }

  #code(token: Token): void {
    const [language = '', ...rest] = token.info.trim().split(/\s+/);
    const isLanguage = LANGUAGE.test(language);
    const code = token.content.replace(/\n$/, '');
    const isEmpty = isBlank(code);
    const title = isEmpty ? token.info.trim() : [isLanguage ? '' : language, ...rest].join(' ').trim();
    if (title === '' && isEmpty && this.#pending.length === 0) return;
    this.#begin(token.map);
    if (title !== '') this.#canvas.write(isEmpty ? title : `${title}\n`, this.#marks);
    if (isEmpty) return;
    const mark: Mark = isLanguage ? { type: 'pre', language } : { type: 'pre' };
    this.#canvas.write(code, [...this.#marks, mark]);
  }
}
