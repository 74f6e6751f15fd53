/**
 * Runs a task's script: its gate, or all of it. The script came from an agent, so it runs only where the wall
 * of a container is around it, with a small environment of its own that holds no credential, for a limited time, and
 * with its output cut to the end. Whatever becomes of it, nothing that it started in its process group goes on.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TurnFile } from '../../../src/protocol.ts';
import { inherited } from './inherited.ts';
import { type ScriptEnd, scriptFailure } from './script-end.ts';
import { errorCode } from './workspace.ts';

export interface ScriptOptions {
  /** Where the script runs, and its home. */
  groupDir: string;
  home: string;
  /** This process's variables; a few harmless ones are passed on. */
  variables: NodeJS.ProcessEnv;
  /** How long a script may take (ms). */
  limitMs: number;
  /** False where no container is around this process: then every script is refused. */
  allowed: boolean;
}

/** What became of a script: how it ended, or why it has no end of its own. */
export type ScriptResult =
  | { kind: 'ended'; end: ScriptEnd }
  | { kind: 'failed'; message: string }
  | { kind: 'interrupted' };

export type RunScript = (
  task: Pick<TurnFile, 'timezone'> & { script: string },
  /** Called while the script runs. */
  alive: () => void,
  signal: AbortSignal,
) => Promise<ScriptResult>;

const SHELLS = ['bash', 'sh'] as const;
/** The last line must fit, with as much data as an agent is shown; and a reply. */
const STDOUT_KEPT = 64 * 1024;
const STDERR_KEPT = 4 * 1024;
const ALIVE_EVERY_MS = 1_000;
/** After the script's end its pipes are read to theirs; what escaped its group may not hold that up. */
const DRAIN_MS = 500;

export function scriptRunner(options: ScriptOptions): RunScript {
  return async (task, alive, signal) => {
    if (!options.allowed) {
      const why = 'was not run: without a container it could do anything to this machine';
      return { kind: 'failed', message: scriptFailure(why, '') };
    }
    const env = { ...inherited(options.variables), HOME: options.home, TZ: task.timezone };
    const child = await started(task.script, options.groupDir, env);
    if (child instanceof Error)
      return { kind: 'failed', message: scriptFailure(`could not be started: ${child.message}`, '') };
    return watch(child, options.limitMs, alive, signal);
  };
}

/** The script in a process group of its own, or why it could not be started. */
async function started(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<ChildProcess | Error> {
  let problem = new Error('no shell was found');
  for (const shell of SHELLS) {
    try {
      const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
      const child = spawn(shell, ['-c', script], { cwd, env, detached: true, stdio });
      await once(child, 'spawn');
      return child;
    } catch (error) {
      problem = error instanceof Error ? error : new Error(String(error));
      if (errorCode(error) !== 'ENOENT') break;
    }
  }
  return problem;
}

async function watch(
  child: ChildProcess,
  limitMs: number,
  alive: () => void,
  signal: AbortSignal,
): Promise<ScriptResult> {
  const stdout = tailOf(child.stdout, STDOUT_KEPT);
  const stderr = tailOf(child.stderr, STDERR_KEPT);
  const closed = once(child, 'close').catch(() => {});
  let timedOut = false;
  const kill = () => killGroup(child);
  const limit = setTimeout(() => {
    timedOut = true;
    kill();
  }, limitMs);
  const life = setInterval(alive, ALIVE_EVERY_MS);
  // This process may be told to end while the script runs.
  process.once('exit', kill);
  signal.addEventListener('abort', kill, { once: true });
  alive();
  try {
    if (signal.aborted) kill();
    const [exitCode, killedBy] = await exitOf(child);
    // Nothing goes on in the background; it would also keep the pipes open.
    kill();
    await orAfter(DRAIN_MS, closed);
    if (signal.aborted) return { kind: 'interrupted' };
    const { text, cut } = stdout();
    const complaint = stderr().text;
    if (timedOut) {
      const what = `was ended after its limit of ${limitMs / 1000} seconds`;
      return { kind: 'failed', message: scriptFailure(what, complaint) };
    }
    const end = { exitCode, signal: killedBy, stdout: text, stdoutCut: cut, stderr: complaint };
    return { kind: 'ended', end };
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

/** Reads a stream to its end and keeps only the last bytes. */
function tailOf(stream: NodeJS.ReadableStream | null, limit: number): () => { text: string; cut: boolean } {
  let kept = Buffer.alloc(0);
  let cut = false;
  stream?.on('data', (data: Buffer) => {
    const all = Buffer.concat([kept, data]);
    if (all.length > limit) cut = true;
    kept = all.subarray(-limit);
  });
  return () => ({ text: kept.toString('utf8'), cut });
}
