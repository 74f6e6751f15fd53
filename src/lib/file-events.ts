/** File events, passed in: hints that a directory has changed. A sweep stands behind them. */
import { watch } from 'node:fs';

export interface FileEvents {
  /**
   * Calls `onChange` some time after something was renamed into `directory`, or removed; with its name where that is known. May
   * miss, may call too often.
   */
  watch(directory: string, onChange: (name?: string) => void): { close(): void };
}

/** More events a second than this are a storm. */
export const STORM_EVENTS = 5000;
const STORM_WINDOW_MS = 1000;
const REST_MS = 1000;

/**
 * The kernel's. Events are read until there are none left: who makes them faster than they are read would keep the
 * daemon at that for ever. So a directory with a storm of them is not watched for a second, then looked at once.
 */
export const systemFileEvents: FileEvents = {
  watch(directory, onChange) {
    let rest: NodeJS.Timeout | undefined;
    let current = open();

    function open(): { close(): void } {
      let from = performance.now();
      let count = 0;
      try {
        const watcher = watch(directory, { persistent: false }, (_event, name) => {
          count += 1;
          if (count > STORM_EVENTS) {
            const now = performance.now();
            if (now - from < STORM_WINDOW_MS) return pause(watcher);
            from = now;
            count = 0;
          }
          onChange(name ?? undefined);
        });
        watcher.on('error', () => watcher.close());
        return watcher;
      } catch {
        return { close() {} }; // no watches left: the sweep alone has to do
      }
    }

    function pause(watcher: { close(): void }): void {
      watcher.close();
      rest ??= setTimeout(() => {
        rest = undefined;
        current = open();
        onChange();
      }, REST_MS).unref();
    }

    return {
      close() {
        clearTimeout(rest);
        current.close();
      },
    };
  },
};
