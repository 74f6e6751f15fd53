/**
 * How many turns over messages a group may begin within an hour. Beyond that nothing is refused: what is written waits,
 * and is answered together when the hour allows it; the chat is told so once. Main, tasks and repeats of a failed turn
 * are not limited. Everything is read from the database, so a restart changes nothing.
 */
import { turnLimitKey } from '../db/group-move.ts';
import type { Db } from '../db.ts';
import type { Router } from '../router.ts';
import { type ChatJid, type Group, iso } from '../types.ts';
import { pickBatch } from './batch.ts';

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
  /** Milliseconds until the group may have its next turn over messages; 0: now. */
  waitMs(group: Group, nowMs: number): number;
  /** Says it in the chat, unless it was said already. */
  tell(group: Group, nowMs: number, waitMs: number): void;
}

export function createTurnLimit(options: TurnLimitOptions): TurnLimit {
  const { db, turnsPerHour } = options;
  return {
    waitMs({ chatJid, isMain }, nowMs) {
      if (turnsPerHour === 0 || isMain) return 0;
      if (db.turns.latest(chatJid, 'messages')?.state === 'retried') return 0;
      const first = db.turns.beganBefore(chatJid, turnsPerHour);
      if (first === null) return 0;
      const ageMs = nowMs - Date.parse(first);
      // A clock that was set back must not make the wait longer than it would be.
      return ageMs < 0 ? 0 : Math.max(0, HOUR_MS - ageMs);
    },
    tell(group, nowMs, waitMs) {
      const until = iso(nowMs + waitMs);
      const told = db.inbox.meta(turnLimitKey(group.chatJid));
      if (told !== null && told > iso(nowMs)) return;
      const zone = options.timezoneOf(group);
      const threadId = pickBatch(db, group.chatJid, zone)?.threadId ?? null;
      const words = db.languages.wordsFor(group.chatJid);
      const text = words.tooManyTurns(turnsPerHour, words.timeOfDay(Date.parse(until), zone));
      db.transaction(() => {
        db.inbox.setMeta(turnLimitKey(group.chatJid), until);
        options.record({ chatJid: group.chatJid, threadId, turnId: null, replyTo: null, text });
      });
      options.wakeDelivery(group.chatJid);
    },
  };
}
