/** Text for a terminal: columns that stand under each other in any script, within its width, and nothing that steers it. */
import { displayWidth } from '../format/display-width.ts';

const GAP = '  ';
/** No column is made narrower than this. */
const NARROWEST = 8;

/**
 * Columns padded to their widest cell. With `width` (columns of the terminal) the widest columns are cut with … until a
 * line fits; without it nothing is cut. Each cell is one line.
 */
export function table(rows: readonly (readonly string[])[], width = process.stdout.columns): string {
  const cells = rows.map((row) => row.map((cell) => oneLine(cell, Number.POSITIVE_INFINITY)));
  const widths = narrowed(
    (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => displayWidth(row[column] ?? '')))),
    width,
  );
  return cells
    .map((row) =>
      row
        .map((cell, column) => padded(cut(cell, widths[column] ?? 0), widths[column] ?? 0))
        .join(GAP)
        .trimEnd(),
    )
    .join('\n');
}

/** On one line, at most so many columns wide, without what could steer the terminal. */
export function oneLine(text: string, longest = 100): string {
  return cut(plain(text.replace(/\s+/g, ' ')), longest);
}

/** Without control characters but line feeds, and without those that change the direction of what follows. */
export function plain(text: string): string {
  // Joiners stay: scripts and emoji need them.
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => (/[\n\u200c\u200d]/.test(c) ? c : ''));
}

/** The widest is made as narrow as the next one, and so on, until the sum fits. */
function narrowed(widths: number[], width: number | undefined): number[] {
  if (width === undefined) return widths;
  const fitted = [...widths];
  for (;;) {
    const excess = fitted.reduce((sum, each) => sum + each, GAP.length * (fitted.length - 1)) - width;
    const widest = Math.max(...fitted);
    if (excess <= 0 || widest <= NARROWEST) return fitted;
    const next = Math.max(NARROWEST, ...fitted.filter((each) => each < widest));
    fitted[fitted.lastIndexOf(widest)] = Math.max(widest - excess, Math.min(next, widest - 1));
  }
}

const padded = (cell: string, width: number): string =>
  cell + ' '.repeat(Math.max(0, width - displayWidth(cell)));

function cut(text: string, longest: number): string {
  if (text.length <= longest && /^[ -~]*$/.test(text)) return text;
  if (longest === Number.POSITIVE_INFINITY || displayWidth(text) <= longest) return text;
  let kept = '';
  let width = 1; // the …
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    width += displayWidth(segment);
    if (width > longest) break;
    kept += segment;
  }
  return `${kept}…`;
}
