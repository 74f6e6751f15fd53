/** The results: a table for people, bench/results.json for what makes plots and comparisons of it. */
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { aimText, isMet, type Row, ratioOf } from './figure.ts';

export interface Machine {
  node: string;
  kernel: string;
  cpu: string;
  cores: number;
  memoryMiB: number;
  /** Over the last minute before the run: others were at work when it is not near zero. */
  loadBefore: number;
}

export interface Results {
  at: string;
  /** A tenth of the samples: for trying out, not for quoting. */
  quick: boolean;
  machine: Machine;
  figures: { name: string; seconds: number; rows: Row[] }[];
  skipped: { what: string; why: string }[];
}

export function describeMachine(): Machine {
  return {
    node: process.version,
    kernel: release(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    loadBefore: loadavg()[0] ?? 0,
  };
}

export function writeResults(file: string, results: Results): void {
  const withVerdicts = {
    ...results,
    figures: results.figures.map((figure) => ({
      ...figure,
      rows: figure.rows.map((row) => ({ ...row, ratio: ratioOf(row), met: isMet(row) })),
    })),
  };
  writeFileSync(file, `${JSON.stringify(withVerdicts, null, 2)}\n`);
}

const HEAD = ['FIGURE', '', 'N', 'MEDIAN', 'P95', 'P99', 'LIMIT', 'P95', 'P99', 'RATIO', 'AIM', ''];
const LEFT = new Set([0, 1, 10, 11]);

export function tableOf({ figures, skipped }: Pick<Results, 'figures' | 'skipped'>): string {
  const rows = figures.flatMap(({ name, rows }) => rows.map((row) => cells(name, row)));
  const notes = figures.flatMap(({ name, rows }) =>
    rows.flatMap((row) => [
      ...(row.limit ? [`${name}, ${row.name}: the limit is ${row.limit.name}`] : []),
      ...(row.note ? [`${name}, ${row.name}: ${row.note}`] : []),
    ]),
  );
  return [
    ...aligned([HEAD, ...rows]),
    '',
    ...notes,
    ...skipped.map(({ what, why }) => `not measured: ${what} (${why})`),
    '',
  ].join('\n');
}

function cells(figure: string, row: Row): string[] {
  const { measured, limit, aim, unit } = row;
  const ratio = ratioOf(row);
  const met = isMet(row);
  return [
    figure,
    `${row.name} (${unit})`,
    String(measured.n),
    ...[measured.median, measured.p95, measured.p99].map(short),
    ...(limit ? [limit.stats.median, limit.stats.p95, limit.stats.p99].map(short) : ['-', '', '']),
    ratio === null ? '-' : `${ratio.toFixed(2)} ×`,
    aimText(aim, unit),
    met === null ? '' : met ? 'met' : 'MISSED',
  ];
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => (LEFT.has(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** Three digits say enough. */
const short = (value: number): string =>
  value >= 100 ? String(Math.round(value)) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
