/** Rendering is done inside of a transaction: whatever is written, the work stays in proportion. Counted, not timed. */
import { describe, expect, it } from 'vitest';
import { parseMarkdown } from '../../src/format/parse.ts';
import { render } from '../../src/format/render.ts';
import { formatReply, MESSAGE_LENGTH } from '../../src/format.ts';
import { hostileDocuments } from '../support/hostile-markdown.ts';
import { entityProblem } from '../support/telegram-rules.ts';

const LENGTH = 40_000;
const LINES = 3000;

describe.each([...hostileDocuments(LENGTH, LINES)])('%s', (_name, document) => {
  it('is read as at most two pieces for each letter', () => {
    const tokens = parseMarkdown(document) ?? [];
    const pieces = tokens.reduce((sum, { children }) => sum + 1 + (children?.length ?? 0), 0);
    expect(pieces).toBeLessThanOrEqual(2 * document.length);
  });

  it('is shown with little more than was written, in parts that Telegram takes', () => {
    expect(render(document).text.length).toBeLessThanOrEqual(3 * document.length);
    const { parts } = formatReply(document, 'markdown');
    expect(parts.length).toBeLessThanOrEqual(10);
    for (const { text, entities } of parts) {
      expect(text.length).toBeLessThanOrEqual(MESSAGE_LENGTH);
      expect(entityProblem(text, entities)).toBeNull();
    }
  });
});

it('of what is ten times as large only the beginning is read', () => {
  for (const [name, document] of hostileDocuments(400_000)) {
    const { parts, whole } = formatReply(document, 'markdown');
    const shown = parts.reduce((sum, { text }) => sum + text.length, 0);
    expect([name, whole === document, shown <= MESSAGE_LENGTH]).toEqual([name, true, true]);
  }
});

it('a table of thousands of rows or cells is shown as it was written', () => {
  const table = (columns: number, rows: number) =>
    `${'|a'.repeat(columns)}|\n${'|-'.repeat(columns)}|\n${`${'|b'.repeat(columns)}|\n`.repeat(rows)}`.trim();
  expect(render(table(2, 200)).entities).toMatchObject([{ type: 'pre' }]);
  for (const large of [table(2, 1600), table(1500, 3)])
    expect(render(large)).toEqual({ text: large, entities: [] });
});
