/** How often something may happen: `burst` at once, then `perSecond`. */
import type { Clock } from './clock.ts';

export interface Rate {
  perSecond: number;
  burst: number;
}

/** Each call takes one; false when there is none left. */
export function createTokenBucket(clock: Clock, { perSecond, burst }: Rate): () => boolean {
  let left = burst;
  let at = clock.monotonic();
  return () => {
    const now = clock.monotonic();
    left = Math.min(burst, left + ((now - at) / 1000) * perSecond);
    at = now;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}
