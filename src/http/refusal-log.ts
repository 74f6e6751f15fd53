/**
 * Logs refusals without letting a container fill the disk: per group a burst is written, then one line a minute
 * that counts what was left out. Memory is bounded by the number of groups.
 */
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../log.ts';
import type { TokenHolder } from './proxy-token.ts';

const BURST = 20;
const WINDOW_MS = 60_000;

export function createRefusalLog(log: Logger, clock: Clock, event: string) {
  const windows = new Map<string, { since: number; count: number }>();
  return (holder: TokenHolder | null, reason: string): void => {
    const group = holder?.folder ?? '';
    const now = clock.monotonic();
    let window = windows.get(group);
    if (!window || now - window.since >= WINDOW_MS) {
      const left = Math.max(0, (window?.count ?? 0) - BURST);
      if (left > 0)
        log.warn({ event: `${event}_repeated`, group, times: left }, 'further refusals were not logged');
      window = { since: now, count: 0 };
      windows.set(group, window);
    }
    window.count++;
    if (window.count > BURST) return;
    log.warn({ event, ...(holder ? { group, container: holder.container } : {}) }, reason);
  };
}
