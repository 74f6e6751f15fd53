/**
 * Work that lies in the database until it is done, one look after the other: never two at a time, and none missed that was woken for
 * while another was on.
 */
import { type Clock, sleep } from './clock.ts';

export interface WokenLoop {
  /** There may be something to do. */
  wake(): void;
  /** Begins nothing more. */
  stop(): void;
  /** Stopped, or `isOpen` says that nothing can be done any more. */
  isOver(): boolean;
}

export interface WokenLoopOptions<T> {
  clock: Clock;
  /** What there is to do; nothing lets the loop rest until it is woken. */
  open: () => readonly T[];
  /** Does one. Resolves with how long to wait (ms) before it is tried again; 0: that is over. */
  act: (one: T) => Promise<number>;
  /** Told what `open` or `act` threw: then the loop rests until it is woken. */
  failed: (error: unknown) => void;
  /** False: nothing can be done any more. */
  isOpen: () => boolean;
  /** What it is woken for does not wait behind what is to be tried again. */
  isImpatient?: boolean;
}

export function createWokenLoop<T>(options: WokenLoopOptions<T>): WokenLoop {
  const { clock, open, act, failed, isOpen, isImpatient = false } = options;
  const stopped = new AbortController();
  const isOver = () => stopped.signal.aborted || !isOpen();
  let isRunning = false;
  let isWoken = false;

  function wake(): void {
    isWoken = true;
    if (isRunning || isOver()) return;
    isRunning = true;
    run()
      .catch((error: unknown) => {
        isWoken = false;
        failed(error);
      })
      .finally(() => {
        isRunning = false;
        // Woken between the last look and this line.
        if (isWoken) wake();
      });
  }

  async function run(): Promise<void> {
    while (!isOver()) {
      isWoken = false;
      const waiting = open();
      if (waiting.length === 0) return;
      let waitMs = 0;
      for (const one of waiting) {
        if (isOver()) return;
        waitMs = Math.max(waitMs, await act(one));
      }
      if (waitMs > 0 && !(isImpatient && isWoken)) await sleep(clock, waitMs, stopped.signal);
    }
  }

  return { wake, stop: () => stopped.abort(), isOver };
}
