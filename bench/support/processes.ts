/** Processes that are measured: started with a written environment, awaited by what they say, read in /proc. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import type { Cleanups } from './cleanups.ts';

export interface StartOptions {
  args: readonly string[];
  env?: Record<string, string>;
  cwd?: string;
  /** Default: this Node. */
  command?: string;
}

export interface Started {
  readonly pid: number;
  /** performance.now() just before it was started. */
  readonly startedAt: number;
  readonly child: ChildProcessWithoutNullStreams;
  /** All it wrote to both its outputs. */
  output(): string;
  /** When its output first contained the text, by performance.now(). Rejects when it ends before that. */
  said(text: string): Promise<number>;
  exited: Promise<number | null>;
  /** Sends the signal, and SIGKILL when that does not help within ten seconds. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const PATIENCE_MS = 10_000;

/** It is gone at the end of the benchmark at the latest. */
export function start(cleanups: Cleanups, { args, env, cwd, command }: StartOptions): Started {
  const startedAt = performance.now();
  const child = spawn(command ?? process.execPath, args, {
    cwd,
    env: { PATH: process.env.PATH ?? '', ...env },
  });
  let output = '';
  const waiting = new Set<() => void>();
  const collect = (text: string) => {
    output += text;
    for (const look of [...waiting]) look();
  };
  child.stdout.setEncoding('utf8').on('data', collect);
  child.stderr.setEncoding('utf8').on('data', collect);
  child.stdin.on('error', () => {}); // it ended first
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
  exited.catch(() => {}); // whoever waits for it is told
  const kill = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    await exited.catch(() => {});
    clearTimeout(timer);
  };
  const undo = cleanups.add(() => kill('SIGKILL'));
  return {
    pid: child.pid ?? 0,
    startedAt,
    child,
    output: () => output,
    said: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!output.includes(text)) return;
          waiting.delete(look);
          resolve(performance.now());
        };
        waiting.add(look);
        look();
        exited.then(
          (code) => reject(new Error(`it ended with ${code} before it said "${text}":\n${output}`)),
          reject,
        );
      }),
    exited,
    async stop(signal) {
      await kill(signal);
      await undo();
    },
  };
}

/** How long a process takes from its start to its end (ms). Throws when it fails. */
export async function timeToEnd(cleanups: Cleanups, options: StartOptions): Promise<number> {
  const process = start(cleanups, options);
  const [code] = (await once(process.child, 'exit')) as [number | null];
  const ms = performance.now() - process.startedAt;
  await process.stop();
  if (code !== 0) throw new Error(`${options.args.join(' ')} ended with ${code}:\n${process.output()}`);
  return ms;
}

/** A Node that does nothing at all. */
export async function startEmptyNode(cleanups: Cleanups): Promise<Started> {
  const empty = start(cleanups, { args: ['-e', 'setInterval(() => {}, 2 ** 30); console.log("here")'] });
  await empty.said('here');
  return empty;
}

/** Milliseconds of CPU that the process itself has used, its threads included, its children not. */
export function cpuMs(pid: number): number {
  let ns = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    // In nanoseconds; utime and stime in stat count whole hundredths of a second, which an idle process hardly uses.
    ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  }
  return ns / 1e6;
}

/** Resident memory in MiB. */
export function rssMiB(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1024;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Fails with a sentence instead of waiting for ever. */
export async function within<T>(what: string, limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`after ${limitMs} ms still waiting for ${what}`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
