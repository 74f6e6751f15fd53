/** The command line as a process of its own, without the start-up script: for many of them. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import type { Settings, TestHome } from './daemon.ts';

/** A command needs no more of it. */
type Home = Pick<TestHome, 'environment'>;

const CLI = path.resolve(import.meta.dirname, '../../dist/cli.js');

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs it to its end, with nothing on its input. */
export async function runCli(home: Home, settings: Settings, ...args: string[]): Promise<CliResult> {
  const child = spawnCli(home, settings, args);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('close', resolve);
    child.on('error', reject);
  });
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}

/** Starts it; it is ended with the test. */
export function startCli(home: Home, settings: Settings, ...args: string[]) {
  const child = spawnCli(home, settings, args);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return child;
}

/** Not in the home, which may be missing. */
const spawnCli = (
  home: Home,
  settings: Settings,
  args: string[],
): ChildProcessByStdio<null, Readable, Readable> =>
  spawn(process.execPath, [CLI, ...args], {
    cwd: '/',
    env: home.environment(settings),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
