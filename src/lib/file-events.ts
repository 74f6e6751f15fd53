/** File events, passed in: hints that a directory has changed. A sweep stands behind them. */
import { watch } from 'node:fs';

export interface FileEvents {
  /** Calls `onChange` some time after something was renamed into `directory`. May miss, may call too often. */
  watch(directory: string, onChange: () => void): { close(): void };
}

export const systemFileEvents: FileEvents = {
  watch(directory, onChange) {
    try {
      const watcher = watch(directory, { persistent: false }, onChange);
      watcher.on('error', () => watcher.close());
      return watcher;
    } catch {
      return { close() {} }; // no watches left: the sweep alone has to do
    }
  },
};
