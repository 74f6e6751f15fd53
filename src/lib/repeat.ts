/** A look that is repeated: the next one is planned when the last has ended, however it ended. */
import type { Clock, Timer } from './clock.ts';

export interface Repeating {
  /** The first look comes after `everyMs`. */
  start(): void;
  /** Plans nothing more; a look in progress should ask `stopped` after each wait. */
  stop(): void;
  readonly stopped: boolean;
}

export function repeat(
  clock: Clock,
  everyMs: number,
  look: () => Promise<void>,
  onError: (error: unknown) => void,
): Repeating {
  let timer: Timer | undefined;
  let stopped = false;
  const arm = () => {
    timer = clock.after(everyMs, () => {
      look()
        .catch(onError)
        .finally(() => {
          if (!stopped) arm();
        });
    });
  };
  return {
    start: arm,
    stop() {
      stopped = true;
      timer?.cancel();
    },
    get stopped() {
      return stopped;
    },
  };
}
