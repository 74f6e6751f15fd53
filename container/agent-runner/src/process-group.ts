/**
 * Runs one program in a process group of its own, for a limited time and with bounded output. Whatever becomes of it,
 * nothing that it started in its group goes on, and its pipes hold nothing up.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Program {
  command: string;
  args: readonly string[];
  cwd: string;
  /** Its whole environment. */
  env: Record<string, string>;
  /** How long it may take (ms). */
  limitMs: number;
  /** How many bytes of the beginning and of the end of its output are kept. */
  stdout: Kept;
  stderr: Kept;
}
export interface Kept {
  head: number;
  tail: number;
}

export interface ProgramEnd {
  exitCode: number | null;
  signal: string | null;
  stdout: string;
  /** A part of it was not kept. */
  stdoutCut: boolean;
  stderr: string;
  timedOut: boolean;
  interrupted: boolean;
}

const ALIVE_EVERY_MS = 1_000;
/** After the program's end its pipes are read to theirs; what escaped its group may not hold that up. */
const DRAIN_MS = 500;

/** Resolves with its end, or with why it could not be started. `alive` is called while it runs. Never rejects. */
export async function runInGroup(
  program: Program,
  alive: () => void,
  signal: AbortSignal,
): Promise<ProgramEnd | Error> {
  const child = await started(program);
  return child instanceof Error ? child : watch(child, program, alive, signal);
}

async function started({ command, args, cwd, env }: Program): Promise<ChildProcess | Error> {
  try {
    const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    await once(child, 'spawn');
    return child;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function watch(
  child: ChildProcess,
  { limitMs, stdout: keepOut, stderr: keepErr }: Program,
  alive: () => void,
  signal: AbortSignal,
): Promise<ProgramEnd> {
  const stdout = keep(child.stdout, keepOut);
  const stderr = keep(child.stderr, keepErr);
  const closed = once(child, 'close').catch(() => {});
  let timedOut = false;
  const kill = () => killGroup(child);
  const limit = setTimeout(() => {
    timedOut = true;
    kill();
  }, limitMs);
  const life = setInterval(alive, ALIVE_EVERY_MS);
  // This process may be told to end while the program runs.
  process.once('exit', kill);
  signal.addEventListener('abort', kill, { once: true });
  alive();
  try {
    if (signal.aborted) kill();
    const [exitCode, killedBy] = await exitOf(child);
    // Nothing goes on in the background; it would also keep the pipes open.
    kill();
    await orAfter(DRAIN_MS, closed);
    const { text, cut } = stdout();
    return {
      exitCode,
      signal: killedBy,
      stdout: text,
      stdoutCut: cut,
      stderr: stderr().text,
      timedOut,
      interrupted: signal.aborted,
    };
  } finally {
    clearTimeout(limit);
    clearInterval(life);
    process.off('exit', kill);
    signal.removeEventListener('abort', kill);
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}

function exitOf(child: ChildProcess): Promise<[code: number | null, signal: string | null]> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve([child.exitCode, child.signalCode]);
    else child.once('exit', (code, signal) => resolve([code, signal]));
  });
}

async function orAfter(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, limit]);
  clearTimeout(timer);
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}

/** Reads a stream to its end and keeps only its first and its last bytes. */
function keep(
  stream: NodeJS.ReadableStream | null,
  { head, tail }: Kept,
): () => { text: string; cut: boolean } {
  let first = Buffer.alloc(0);
  let last = Buffer.alloc(0);
  let dropped = 0;
  stream?.on('data', (data: Buffer) => {
    const room = head - first.length;
    if (room > 0) first = Buffer.concat([first, data.subarray(0, room)]);
    const all = Buffer.concat([last, data.subarray(Math.max(0, room))]);
    dropped += Math.max(0, all.length - tail);
    last = all.subarray(-tail);
  });
  return () => {
    const between = dropped > 0 && head > 0 ? `\n[… ${dropped} bytes are left out here …]\n` : '';
    const text =
      between === ''
        ? Buffer.concat([first, last]).toString('utf8')
        : `${first.toString('utf8')}${between}${last.toString('utf8')}`;
    return { text, cut: dropped > 0 };
  };
}
