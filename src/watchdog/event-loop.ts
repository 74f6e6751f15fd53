/**
 * A watchdog on the event loop: a thread of its own that ends the process when the loop has not turned for too long.
 * Nothing that runs on the loop could do that. The thread counts its own looks without a heartbeat, not the time of
 * day, so a machine that was suspended, a stopped process or a clock that was set trips nothing: heart and watcher
 * stand still together. It ends the process with SIGKILL, since a stuck loop cannot run an exit; what was committed
 * stays committed, and the service manager starts the next daemon. It leaves one line in the log.
 */
import { Worker } from 'node:worker_threads';

export interface LoopWatchdogOptions {
  /** How long the loop may stand still, milliseconds. */
  limitMs: number;
  /** Where the last line goes, beside standard error. */
  logFile: string;
}

/** Looks of the thread within the limit; the heart beats twice as often. */
const LOOKS = 20;

interface Watched {
  /** The count of heartbeats, and a cell that nobody ever changes, to wait on. */
  cells: Int32Array;
  limitMs: number;
  looks: number;
  logFile: string;
}

/** Starts the thread, which watches until the process ends and does not keep it alive. */
export function startLoopWatchdog({ limitMs, logFile }: LoopWatchdogOptions): void {
  const cells = new Int32Array(new SharedArrayBuffer(8));
  const watched: Watched = { cells, limitMs, looks: LOOKS, logFile };
  const code = `(${watch})(require('node:worker_threads'), require('node:fs'), process)`;
  const thread = new Worker(code, { eval: true, workerData: watched, execArgv: [] });
  // A thread that fails takes nothing with it: the daemon is then merely unwatched.
  thread.on('error', () => clearInterval(heart));
  thread.unref();
  const heart = setInterval(() => Atomics.add(cells, 0, 1), limitMs / LOOKS / 2);
  heart.unref();
}

/** Runs in the thread, from its own text: it may use nothing from around it. */
function watch(
  threads: typeof import('node:worker_threads'),
  fs: typeof import('node:fs'),
  here: NodeJS.Process,
): void {
  const { cells, limitMs, looks, logFile } = threads.workerData as Watched;
  let seen = -1;
  for (let missed = 0; missed < looks; missed += 1) {
    const beats = Atomics.load(cells, 0);
    if (beats !== seen) missed = 0;
    seen = beats;
    Atomics.wait(cells, 1, 0, limitMs / looks);
  }
  const reason = `the event loop has not turned for ${Math.round(limitMs / 1000)} s`;
  const time = new Date().toISOString();
  const line = `${JSON.stringify({ level: 'fatal', time, event: 'watchdog_exit', reason, msg: `ending: ${reason}` })}\n`;
  try {
    fs.appendFileSync(logFile, line);
    fs.writeSync(2, line);
  } catch {
    // A full disk or a closed terminal must not keep a dead daemon alive.
  }
  here.kill(here.pid, 'SIGKILL');
}
