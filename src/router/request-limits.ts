/**
 * How much one person, and one group together, may ask within a minute. What is beyond that is not answered, and
 * whoever wrote it is told so once in a while, not each time. /stop always works. Main is not limited. Kept in memory: a
 * restart forgives. Presses of buttons are counted apart, also in main and in chats that are none of ours.
 */
import type { Clock } from '../lib/clock.ts';
import { createWindowLimit, type WindowLimit } from '../lib/window-limit.ts';
import type { Group } from '../types.ts';
import { REASONS, type Sentence } from '../words.ts';

const MINUTE_MS = 60_000;
/** Between two answers that say so, to the same person or group. */
const TELL_EVERY_MS = 10 * MINUTE_MS;
/** Of buttons, by one person within a minute: more than anybody means to. */
export const MOST_PRESSES = 40;

export interface RequestLimitsOptions {
  clock: Clock;
  /** 0: no limit. */
  perSender: number;
  perGroup: number;
}

/** `tell`: the answer, or null when it was said a while ago. */
export type OverLimit = { reason: string; tell: Sentence | null };

export interface RequestLimits {
  /** Counts one request; null when it may be answered. */
  check(group: Group, sender: string): OverLimit | null;
  /** Counts one press of a button; null when it is to be taken. */
  press(sender: string): Pick<OverLimit, 'tell'> | null;
  /** After a batch: what was checked since then counts, or, when the batch could not be stored, does not. */
  settle(isStored: boolean): void;
}

export function createRequestLimits({ clock, perSender, perGroup }: RequestLimitsOptions): RequestLimits {
  const bySender = createWindowLimit<string>(perSender, MINUTE_MS);
  const byGroup = createWindowLimit<string>(perGroup, MINUTE_MS);
  const told = createWindowLimit<string>(1, TELL_EVERY_MS);
  const presses = createWindowLimit<string>(MOST_PRESSES, MINUTE_MS);
  const toldPresser = createWindowLimit<string>(1, MINUTE_MS);

  /** How to undo what was counted for this batch. */
  const undo: (() => void)[] = [];

  function take<K>(limit: WindowLimit<K>, key: K, now: number): boolean {
    const isTaken = limit.take(key, now);
    if (isTaken) undo.push(() => limit.giveBack(key));
    return isTaken;
  }

  const over = (
    key: string,
    most: number,
    limit: 'tooManyByOne' | 'tooManyHere',
    now: number,
  ): OverLimit => ({
    reason: REASONS[limit](String(most)),
    tell: take(told, key, now) ? (words) => words[limit](most) : null,
  });

  return {
    check({ folder, isMain }, sender) {
      if (isMain) return null;
      const now = clock.monotonic();
      // A chat's id may change, its folder stays.
      const person = `${folder} ${sender}`;
      if (!take(bySender, person, now)) return over(person, perSender, 'tooManyByOne', now);
      if (!take(byGroup, folder, now)) return over(folder, perGroup, 'tooManyHere', now);
      return null;
    },
    press(sender) {
      const now = clock.monotonic();
      if (take(presses, sender, now)) return null;
      return { tell: take(toldPresser, sender, now) ? (words) => words.tooManyPresses : null };
    },
    settle(isStored) {
      if (!isStored) for (const each of undo) each();
      undo.length = 0;
    },
  };
}
