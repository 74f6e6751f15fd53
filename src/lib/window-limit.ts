/**
 * At most so many within any stretch of time, per key. Pure but for its memory, which holds only keys that were
 * used within that time.
 */
export interface WindowLimit<K> {
  /** True and counted, or false when the key has had its share. */
  take(key: K, nowMs: number): boolean;
  /** As if the last one of the key had not been taken. */
  giveBack(key: K): void;
  /** How many keys are remembered. */
  size(): number;
}

/** `max` 0: no limit. */
export function createWindowLimit<K>(max: number, windowMs: number): WindowLimit<K> {
  const taken = new Map<K, number[]>();
  let cleanedAt = 0;

  function clean(nowMs: number): void {
    if (nowMs - cleanedAt < windowMs) return;
    cleanedAt = nowMs;
    for (const [key, times] of taken) if ((times.at(-1) ?? 0) <= nowMs - windowMs) taken.delete(key);
  }

  return {
    take(key, nowMs) {
      if (max === 0) return true;
      clean(nowMs);
      const times = (taken.get(key) ?? []).filter((at) => at > nowMs - windowMs);
      const isFree = times.length < max;
      if (isFree) times.push(nowMs);
      taken.set(key, times);
      return isFree;
    },
    giveBack(key) {
      taken.get(key)?.pop();
    },
    size: () => taken.size,
  };
}
