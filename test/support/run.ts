/** `bin/nanoclaw …` as a process that is spoken to while it runs: its input, and what it has printed so far. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import type { CommandResult, Settings } from './daemon.ts';

const BIN = path.resolve(import.meta.dirname, '../../bin/nanoclaw');

export interface Run {
  readonly ended: Promise<CommandResult>;
  /** Waits until this was printed, on either stream. */
  printed(what: RegExp, limitMs?: number): Promise<string>;
  kill(signal: NodeJS.Signals): void;
}

export interface RunOptions {
  cwd: string;
  env: Settings;
  input: string | null;
  /** What runs it, e.g. a namespace of its own. */
  through?: readonly string[];
}

/** With null the input is closed from the start. */
export function runWithInput(args: readonly string[], { cwd, env, input, through = [] }: RunOptions): Run {
  const [command = process.execPath, ...words] = [...through, process.execPath, BIN, ...args];
  const child = spawn(command, words, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  const looks = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      for (const look of looks) look();
    });
  child.stdin.on('error', () => {}); // it may end without reading
  child.stdin.end(input ?? '');
  const ended = new Promise<CommandResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, ...output }));
  });
  return {
    ended,
    printed: (what, limitMs = 30_000) =>
      new Promise((resolve, reject) => {
        const story = () => `${what}:\n${output.stdout}\n${output.stderr}`;
        const late = setTimeout(() => reject(new Error(`after ${limitMs} ms without ${story()}`)), limitMs);
        const look = () => {
          const found = what.exec(output.stdout) ?? what.exec(output.stderr);
          if (!found) return;
          clearTimeout(late);
          looks.delete(look);
          resolve(found[0]);
        };
        looks.add(look);
        look();
        void ended.then(() => {
          clearTimeout(late);
          reject(new Error(`it ended without ${story()}`));
        });
      }),
    kill: (signal) => void child.kill(signal),
  };
}
