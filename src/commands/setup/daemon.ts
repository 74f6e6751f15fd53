/**
 * The daemon while the wizard needs it: the one that runs, the service, or one that the wizard starts as its child and
 * stops at the end. Nothing is left running that no manager watches: after a crash nobody would start it again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { statusTokenOf } from '../../config.ts';
import { systemClock } from '../../lib/clock.ts';
import { type DaemonInfo, findDaemon } from '../../lib/home-lock.ts';
import { projectRoot } from '../../lib/project-root.ts';
import { failed, pause, type Setup } from './context.ts';

const READY_MS = 180_000;
const STOP_MS = 20_000;
const LOOK_MS = 250;
const LAST_OUTPUT = 4000;

/** One that the wizard has started. */
export interface Child {
  readonly ended: Promise<number | null>;
  /** The end of what it wrote. */
  output(): string;
  /** Asks it to end, and waits. Idempotent. */
  stop(): Promise<void>;
}

export function startChild(setup: Setup): Child {
  const child = spawn(process.execPath, [path.join(projectRoot(), 'dist', 'index.js')], {
    cwd: setup.home,
    env: { ...setup.env, NANOCLAW_HOME: setup.home },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-LAST_OUTPUT);
  });
  const ended = endOf(child);
  return {
    ended,
    output: () => output,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(null));
    child.once('close', resolve);
  });
}

/** Waits until the daemon of this home can do its job. Throws SETUP_FAILED with its own reasons. */
export async function untilReady(setup: Setup, child: Child | null): Promise<DaemonInfo> {
  const { talk, signal, home } = setup;
  let end: number | null | undefined;
  void child?.ended.then((code) => {
    end = code;
  });
  const until = systemClock.monotonic() + READY_MS;
  for (let why = 'starting'; ; ) {
    signal.throwIfAborted();
    if (child && end !== undefined)
      throw failed(
        `The daemon ended (exit code ${end}):\n${lastLines(child.output())}`,
        'Mend that, then run nanoclaw setup again.',
      );
    const info = findDaemon(home);
    const answer = info?.url ? await reasons(home, info.url) : ['starting'];
    if (info && answer.length === 0) return info;
    why = answer.join('; ');
    if (systemClock.monotonic() > until)
      throw failed(
        `The daemon runs, but is not ready: ${why}.`,
        'nanoclaw status and nanoclaw.log tell more.',
      );
    talk.progress(`Nina is waking up: ${why} …`);
    await pause(setup, LOOK_MS);
  }
}

async function reasons(home: string, url: string): Promise<string[]> {
  const token = statusTokenOf(home);
  try {
    const response = await fetch(`${url}/readyz`, {
      signal: AbortSignal.timeout(5000),
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
    });
    return ((await response.json()) as { reasons: string[] }).reasons;
  } catch {
    return ['starting'];
  }
}

/** Ends a daemon that somebody else started. Throws SETUP_FAILED when it does not. */
export async function stopOther(setup: Setup, { pid }: DaemonInfo): Promise<void> {
  process.kill(pid, 'SIGTERM');
  const until = systemClock.monotonic() + STOP_MS;
  while (findDaemon(setup.home)) {
    if (systemClock.monotonic() > until)
      throw failed(`The daemon (process ${pid}) does not stop.`, 'Stop it, then run nanoclaw setup again.');
    await pause(setup, LOOK_MS);
  }
}

const lastLines = (text: string): string => text.trim().split('\n').slice(-12).join('\n');
