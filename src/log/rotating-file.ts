/**
 * The log's file: lines appended at once, so that what was logged before a crash is there, and the file set aside when it
 * has grown: nanoclaw.log → nanoclaw.log.1 → … → nanoclaw.log.<keep>, the oldest goes. Follow it with `tail -F`.
 * A log must not end what it tells of: nothing here throws once the file is open. A line that cannot be written (a full
 * disk) is dropped, and the first that can be written again is preceded by one that counts them.
 * Only one process may rotate: it does so from allowRotation() on, which is for whoever holds the home's lock.
 */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';

export interface RotatingFileOptions {
  file: string;
  /** The file is set aside before a line would make it larger. At least 1. */
  maxBytes: number;
  /** How many older files stay beside it; 0 for none. */
  keep: number;
  /** For the line that counts what was lost. */
  now: () => number;
}

export interface RotatingFile {
  /** One line with its line feed. */
  write(line: string): void;
  allowRotation(): void;
}

/** Throws when the file cannot be opened for appending. */
export function openRotatingFile({ file, maxBytes, keep, now }: RotatingFileOptions): RotatingFile {
  mkdirSync(path.dirname(file), { recursive: true });
  let fd = openSync(file, 'a');
  let size = fstatSync(fd).size;
  let mayRotate = false;
  let lost = 0;
  /** The last line was written in part: the next must not continue it. */
  let torn = false;

  function rotate(): void {
    try {
      if (keep === 0) rmSync(file, { force: true });
      else rmSync(`${file}.${keep}`, { force: true, recursive: true });
      for (let n = keep - 1; n >= 1; n -= 1) move(`${file}.${n}`, `${file}.${n + 1}`);
      if (keep > 0) move(file, `${file}.1`);
      const next = openSync(file, 'a');
      closeSync(fd);
      fd = next;
      size = fstatSync(fd).size;
    } catch {
      // Goes on in the old file, and tries again when that much more was written.
      size = 0;
    }
  }

  function append(text: string): boolean {
    const bytes = Buffer.from(text, 'utf8');
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(fd, bytes, written);
    } catch {
      // Told of with the next line that can be written.
    }
    size += written;
    torn = written === bytes.length ? false : torn || written > 0;
    return written === bytes.length;
  }

  return {
    write(line) {
      if (mayRotate && size > 0 && size + Buffer.byteLength(line) > maxBytes) rotate();
      const before = lost === 0 ? '' : lostLine(lost, now());
      if (append(`${torn ? '\n' : ''}${before}${line}`)) lost = 0;
      else lost += 1;
    },
    allowRotation() {
      mayRotate = true;
    },
  };
}

function move(from: string, to: string): void {
  if (statSync(from, { throwIfNoEntry: false })) renameSync(from, to);
}

const lostLine = (lines: number, now: number): string =>
  `${JSON.stringify({
    level: 'warn',
    time: new Date(now).toISOString(),
    component: 'log',
    event: 'lines_lost',
    lines,
    msg: 'lines of the log could not be written',
  })}\n`;
