/** Requests of each container by itself: one that asks without pause is held back, the others notice nothing. */
import type { Clock } from '../lib/clock.ts';
import { createTokenBucket, type Rate } from '../lib/token-bucket.ts';
import type { TokenHolder } from './proxy-token.ts';

/** Containers come and go; so many are remembered. */
const MOST = 1000;

/** False when the container has asked too often. */
export function createRates(clock: Clock, rate: Rate): (holder: TokenHolder) => boolean {
  const buckets = new Map<string, () => boolean>();
  return ({ container }) => {
    const known = buckets.get(container);
    if (known) return known();
    if (buckets.size >= MOST) buckets.clear();
    const bucket = createTokenBucket(clock, rate);
    buckets.set(container, bucket);
    return bucket();
  };
}
