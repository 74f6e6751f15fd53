/**
 * Something that is looked at again and again. In a terminal each look replaces the one before, in one write, so that nothing
 * flickers; elsewhere they follow each other. Ctrl-C (and SIGTERM) end it with exit code 0 and the terminal as it was.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { NanoClawError } from '../errors.ts';

/** A number of seconds from 1 to 3600. */
export function secondsOf(text: string, option: string): number {
  const seconds = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (seconds >= 1 && seconds <= 3600) return seconds;
  throw new NanoClawError(
    'COMMAND_INVALID',
    `${option} is "${text}"; expected a number of seconds from 1 to 3600.`,
  );
}

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
/** A line that is too long is cut by the terminal, instead of pushing the others down. */
const NO_WRAP = '\x1b[?7l';
const WRAP = '\x1b[?7h';
const CLEAR = '\x1b[2J';
const HOME = '\x1b[H';
const TO_LINE_END = '\x1b[K';
const ROWS_UNKNOWN = 24;
const TO_SCREEN_END = '\x1b[J';

export interface Watched {
  everyMs: number;
  /** One line for scripts each time: no terminal is drawn on. */
  lines: boolean;
  /** One look. The signal ends what it waits for. */
  look: (signal: AbortSignal) => Promise<string>;
}

/** Resolves when somebody ends it. Throws what `look` throws, with the terminal as it was. */
export async function watchTerminal({ everyMs, lines, look }: Watched): Promise<void> {
  const out = process.stdout;
  const onTerminal = out.isTTY && !lines;
  const ended = new AbortController();
  const { signal } = ended;
  const over = new Promise<null>((resolve) => {
    signal.addEventListener('abort', () => resolve(null), { once: true });
  });
  const end = () => ended.abort();
  // A reader that is gone (`| head`) is an end, too.
  const brokenPipe = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    end();
  };
  let shown = '';
  const redraw = () => void out.write(CLEAR + onScreen(shown, out.rows));
  process.on('SIGINT', end).on('SIGTERM', end);
  out.on('error', brokenPipe);
  if (onTerminal) {
    out.write(`${HIDE_CURSOR}${NO_WRAP}${CLEAR}`);
    out.on('resize', redraw);
  }
  try {
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      const text = await Promise.race([look(signal), over]);
      if (text === null) break;
      if (onTerminal) {
        shown = `${new Date().toLocaleTimeString()}, every ${everyMs / 1000} s; Ctrl-C ends\n\n${text}`;
        out.write(onScreen(shown, out.rows));
      } else out.write(isFirst || lines ? `${text}\n` : `\n${text}\n`);
      await sleep(everyMs, undefined, { signal }).catch(() => {});
    }
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end);
    if (onTerminal) {
      out.off('resize', redraw);
      out.write(`${WRAP}${SHOW_CURSOR}`);
    }
  }
}

/** From the top left corner, over what was there, and no longer than the screen. */
function onScreen(text: string, screenRows: number | undefined): string {
  const rows = screenRows || ROWS_UNKNOWN; // a terminal that does not know its size says 0
  const lines = text.split('\n');
  const fitting = lines.length < rows ? lines : [...lines.slice(0, Math.max(1, rows - 2)), '…'];
  return `${HOME}${fitting.map((line) => `${line}${TO_LINE_END}\n`).join('')}${TO_SCREEN_END}`;
}
