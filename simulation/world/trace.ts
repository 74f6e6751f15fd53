/**
 * What happened, line by line: the daemons' log and the world's own notes. All of it goes into a hash, by which two
 * runs of a seed are compared; the last lines are kept for a report.
 */
import { createHash } from 'node:crypto';

const KEPT = 5000;

export interface Trace {
  note(line: string): void;
  hash(): string;
  /** The last lines. */
  tail(count: number): string[];
  lines(): number;
}

/** `also` is given every line, e.g. to write it to a file. */
export function createTrace(also?: (line: string) => void): Trace {
  const digest = createHash('sha256');
  let kept: string[] = [];
  let older: string[] = [];
  let count = 0;
  return {
    note(line) {
      count += 1;
      digest.update(line).update('\n');
      also?.(line);
      kept.push(line);
      if (kept.length < KEPT) return;
      older = kept;
      kept = [];
    },
    hash: () => digest.copy().digest('hex'),
    tail: (wanted) => (wanted === 0 ? [] : [...older, ...kept].slice(-wanted)),
    lines: () => count,
  };
}
