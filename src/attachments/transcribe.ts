/**
 * What was spoken, as words, by a program of the operator's (TRANSCRIBE_COMMAND). It is given the path of a file that a
 * stranger has sent, and nothing else: no shell, none of our settings in its environment, a limit on its time and its words.
 */
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { searchPath } from '../config.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { AttachmentKind } from '../types.ts';
import { isSpoken } from './patience.ts';

/** Null: not spoken, no words in it, or the program failed, which is logged. Never rejects. */
export type Transcriber = (kind: AttachmentKind, file: string, signal: AbortSignal) => Promise<string | null>;

export interface TranscriberOptions {
  /** The program and its first arguments; the file's path comes last. */
  command: readonly string[];
  /** The home of whoever runs the daemon, where such programs keep their models. */
  homeDir: string | undefined;
  log: Logger;
}

const TIME_LIMIT_MS = 60_000;
const MOST_OUTPUT_BYTES = 1024 * 1024;
const MOST_WORDS_LENGTH = 8000;

/** One at a time: it may need all of the machine's processors. */
export function createTranscriber(options: TranscriberOptions): Transcriber {
  const { command, homeDir, log } = options;
  const [program = '', ...args] = command;
  let last: Promise<unknown> = Promise.resolve();

  const run = (file: string, signal: AbortSignal): Promise<string | null> =>
    new Promise((resolve) => {
      const settings = {
        cwd: tmpdir(),
        env: { PATH: searchPath(), LANG: 'C.UTF-8', ...(homeDir === undefined ? {} : { HOME: homeDir }) },
        timeout: TIME_LIMIT_MS,
        killSignal: 'SIGKILL' as const,
        maxBuffer: MOST_OUTPUT_BYTES,
        signal,
      };
      try {
        const child = execFile(program, [...args, file], settings, (error, stdout) => {
          if (error) log.warn({ event: 'transcription_failed' }, messageOf(error).slice(0, 300));
          resolve(error ? null : plainWords(stdout));
        });
        child.stdin?.on('error', () => {}).end();
      } catch (error) {
        log.warn({ event: 'transcription_failed' }, messageOf(error));
        resolve(null);
      }
    });

  return (kind, file, signal) => {
    if (!isSpoken(kind) || signal.aborted) return Promise.resolve(null);
    const mine = last.then(() => (signal.aborted ? null : run(file, signal)));
    last = mine;
    return mine;
  };
}

function plainWords(stdout: string): string | null {
  const words = stdout
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029\s]+/gu, ' ')
    .trim();
  if (words === '') return null;
  return words.length > MOST_WORDS_LENGTH ? `${words.slice(0, MOST_WORDS_LENGTH).toWellFormed()}…` : words;
}
