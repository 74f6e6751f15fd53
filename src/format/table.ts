/**
 * A table: in columns of a fixed-width font where that fits a phone, else row by row as a list. Pure.
 */
import type { Token } from 'markdown-it';
import { displayWidth } from './display-width.ts';
import type { Canvas, Mark } from './entities.ts';
import { attribute, BOLD, plainInline, writeInline } from './inline.ts';

/** Columns of fixed-width letters that a phone shows in one line. */
const PHONE_WIDTH = 38;
const GAP = '  ';
/** A column's name where it is repeated. */
const LONGEST_NAME = 40;

interface Cell {
  children: Token[];
  align: 'left' | 'center' | 'right';
}

interface Row {
  isHead: boolean;
  cells: Cell[];
  /** What the row has beyond the columns of the head, as it was written. */
  more: string;
}

/** `tokens` from table_open to table_close; `lines` are those of the source. */
export function writeTable(
  canvas: Canvas,
  tokens: readonly Token[],
  lines: readonly string[],
  outer: readonly Mark[],
  indent: string,
): void {
  const rows = readRows(tokens, lines);
  const texts = rows.map(({ cells, more }) => [
    ...cells.map(({ children }) => plainInline(children).replace(/\s*\n\s*/g, ' ')),
    ...(more === '' ? [] : [more]),
  ]);
  const sizes = texts.map((row) => row.map(displayWidth));
  const widths: number[] = [];
  for (const row of sizes)
    row.forEach((size, i) => {
      widths[i] = Math.max(widths[i] ?? 0, size);
    });
  const total = widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length);
  const hasLinks = rows.some(({ cells }) => cells.some(({ children }) => children.some(isLink)));
  if (total <= PHONE_WIDTH && !hasLinks)
    canvas.write(aligned(rows, texts, sizes, widths), [...outer, { type: 'pre' }]);
  else writeList(canvas, rows, outer, indent);
}

const isLink = ({ type }: Token) => type === 'link_open' || type === 'image';

function readRows(tokens: readonly Token[], lines: readonly string[]): Row[] {
  const rows: Row[] = [];
  let cell: Cell | undefined;
  for (const token of tokens) {
    if (token.type === 'tr_open') {
      const line = lines[token.map?.[0] ?? -1] ?? '';
      rows.push({ isHead: rows.length === 0, cells: [], more: line });
    } else if (token.type === 'th_open' || token.type === 'td_open') {
      const style = attribute(token, 'style');
      const align = style.includes('right') ? 'right' : style.includes('center') ? 'center' : 'left';
      cell = { children: [], align };
      rows.at(-1)?.cells.push(cell);
    } else if (token.type === 'inline' && cell) cell.children = token.children ?? [];
  }
  for (const row of rows) row.more = row.isHead ? '' : beyond(row.more, row.cells.length);
  return rows;
}

/** What a line of a table has behind its `columns`, without the bar at its end. */
function beyond(line: string, columns: number): string {
  const bars = [...line.matchAll(/(?<!\\)\|/g)].map(({ index }) => index);
  const isLed = line.slice(0, bars[0] ?? 0).replace(/[\s>]/g, '') === '';
  const behind = bars[columns - (isLed ? 0 : 1)];
  if (behind === undefined) return '';
  const rest = line.slice(behind + 1).trim();
  return rest.endsWith('|') && !rest.endsWith('\\|') ? rest.slice(0, -1).trimEnd() : rest;
}

function aligned(
  rows: readonly Row[],
  texts: readonly string[][],
  sizes: readonly number[][],
  widths: readonly number[],
): string {
  const lines: string[] = [];
  rows.forEach(({ cells, isHead }, r) => {
    const row = texts[r] ?? [];
    if (isHead && row.every((text) => text === '')) return;
    const padded = row.map((text, i) =>
      pad(text, Math.max(0, (widths[i] ?? 0) - (sizes[r]?.[i] ?? 0)), cells[i]?.align ?? 'left'),
    );
    lines.push(padded.join(GAP).trimEnd());
    if (isHead) lines.push(widths.map((width) => '─'.repeat(width)).join(GAP));
  });
  return lines.join('\n');
}

function pad(text: string, room: number, align: Cell['align']): string {
  const before = align === 'right' ? room : align === 'center' ? Math.floor(room / 2) : 0;
  return ' '.repeat(before) + text + ' '.repeat(room - before);
}

/** Each row under its first cell, the others named by the head. */
function writeList(canvas: Canvas, rows: readonly Row[], outer: readonly Mark[], indent: string): void {
  const [head, ...body] = rows;
  const heads = (head?.cells ?? []).map(({ children }) => plainInline(children).replace(/\s*\n\s*/g, ' '));
  const names = heads.map((name) =>
    name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME).toWellFormed()}…` : name,
  );
  const listed = body.length === 0 && head ? [head] : body;
  if (body.length > 0 && heads.some((name) => name !== '')) {
    canvas.write(heads.join(' | '), [...outer, BOLD]);
    canvas.write(`\n${indent}`, outer);
  }
  listed.forEach(({ cells, more }, r) => {
    if (r > 0) canvas.write(`\n${indent}`, outer);
    canvas.write('• ', outer);
    cells.forEach(({ children }, i) => {
      if (i > 0) {
        if (children.length === 0) return;
        canvas.write(`\n${indent}  `, outer);
        if (body.length > 0 && (names[i] ?? '') !== '') canvas.write(`${names[i]}: `, outer);
      }
      writeInline(canvas, children, { outer: i === 0 ? [...outer, BOLD] : outer, indent: `${indent}  ` });
    });
    if (more !== '') canvas.write(`\n${indent}  ${more}`, outer);
  });
}
