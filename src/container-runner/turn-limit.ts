/**
 * How many turns over messages a group may begin within an hour. Beyond that nothing is refused: what is written waits,
 * and is answered together when the hour allows it; the chat is told so once. Main, tasks and repeats of a failed turn
 * are not limited. Everything is read from the database, so a restart changes nothing.
 */
import { turnLimitKey } from '../db/group-move.ts';
import type { Turn } from '../db/turn-row.ts';
import type { Db } from '../db.ts';
import type { Router } from '../router.ts';
import { type ChatJid, type Group, iso } from '../types.ts';

const HOUR_MS = 3_600_000;

export interface TurnLimitOptions {
  db: Db;
  /** 0: no limit. */
  turnsPerHour: number;
  timezoneOf: (group: Group) => string;
  record: Router['record'];
  wakeDelivery: (jid: ChatJid) => void;
}

export interface TurnLimit {
  /** Milliseconds until the group may have its next turn over messages; 0: now, as always when it repeats `lastTry`. */
  waitMs(group: Group, nowMs: number, lastTry: Turn | null): number;
  /** Says it in the topic where it was asked, unless it was said there already. */
  tell(group: Group, nowMs: number, waitMs: number, threadId: number | null): void;
}

export function createTurnLimit(options: TurnLimitOptions): TurnLimit {
  const { db, turnsPerHour } = options;
  return {
    waitMs({ chatJid, isMain }, nowMs, lastTry) {
      if (turnsPerHour === 0 || isMain || lastTry !== null) return 0;
      const first = db.turns.beganBefore(chatJid, turnsPerHour);
      if (first === null) return 0;
      const ageMs = nowMs - Date.parse(first);
      // A clock that was set back must not make the wait longer than it would be.
      return ageMs < 0 ? 0 : Math.max(0, HOUR_MS - ageMs);
    },
    tell(group, nowMs, waitMs, threadId) {
      const until = iso(nowMs + waitMs);
      const key = turnLimitKey(group.chatJid, threadId);
      const told = db.inbox.meta(key);
      if (told !== null && told > iso(nowMs)) return;
      const zone = options.timezoneOf(group);
      const words = db.languages.wordsFor(group.chatJid);
      const text = words.tooManyTurns(turnsPerHour, words.timeOfDay(Date.parse(until), zone));
      db.transaction(() => {
        db.inbox.setMeta(key, until);
        options.record({ chatJid: group.chatJid, threadId, turnId: null, replyTo: null, text });
      });
      options.wakeDelivery(group.chatJid);
    },
  };
}
