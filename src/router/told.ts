/** What main is told of chats that come, go and fall silent is bounded, also over restarts: strangers can make it happen often. */
import type { Db } from '../db.ts';
import type { Clock } from '../lib/clock.ts';

/** Within an hour; one line more says that there were more. */
export const MOST_TOLD = 5;
const HOUR_MS = 60 * 60_000;
/** `<when the hour began, ms>:<how often main was told since>`. */
const COUNTED = 'bot_moved_hour';

/** How many times main was told within this hour, this one included. In the caller's transaction. */
export function timesTold(db: Db, clock: Clock): number {
  const [from = Number.NaN, before = 0] = (db.inbox.meta(COUNTED) ?? '').split(':').map(Number);
  const age = clock.now() - from;
  const isFresh = age >= 0 && age < HOUR_MS;
  const times = isFresh ? before + 1 : 1;
  db.inbox.setMeta(COUNTED, `${isFresh ? from : clock.now()}:${times}`);
  return times;
}
