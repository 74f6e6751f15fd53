/**
 * Pairing: how the first main group is made without knowing its id. `nanoclaw pair` prints a code; whoever sends
 * `/pair CODE` within ten minutes makes that chat main. A code works once, is stored as a salted hash, is compared in
 * constant time, and is void after MOST_WRONG wrong tries; a chat that guessed CHAT_WRONG times is locked for
 * an hour, which a restart does not shorten.
 */
import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import type { Db } from './db.ts';
import { NanoClawError } from './errors.ts';
import { type ChatJid, type Iso, iso } from './types.ts';

export const CODE_LIVES_MS = 10 * 60_000;
export const CHAT_WRONG = 5;
export const MOST_WRONG = 20;
export const LOCK_MS = 60 * 60_000;
/** Nothing that is easily mistaken for something else. 31^8: forty bits. */
const LETTERS = '23456789ABCDEFGHJKMNPQRSTUVWXYZ';
const LENGTH = 8;

/** A new code, in the place of an earlier one. Throws GROUP_EXISTS when there is a main group. */
export function openPairing(db: Db, nowMs: number): { code: string; expiresAt: Iso } {
  const main = db.groups.main();
  if (main)
    throw new NanoClawError(
      'GROUP_EXISTS',
      `there is a main group already: "${main.name}" (${main.chatJid})`,
      {
        fix: 'Other chats are registered from there (/register), or with nanoclaw groups add.',
      },
    );
  const code = Array.from({ length: LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join('');
  const salt = randomBytes(16).toString('hex');
  const expiresAt = iso(nowMs + CODE_LIVES_MS);
  db.transaction(() => {
    db.pairing.open({ salt, sha256: hash(salt, code).toString('hex'), createdAt: iso(nowMs), expiresAt });
    note(db, nowMs, 'operator', 'open_pairing', 'done', `valid until ${expiresAt}`);
  });
  return { code: `${code.slice(0, 4)}-${code.slice(4)}`, expiresAt };
}

/** `locked`: too many wrong tries from this chat; it is not even compared. `now_locked`: this was the last one. */
export type PairingResult = 'right' | 'wrong' | 'now_locked' | 'locked';

/** In the caller's transaction. `right` uses the code up. The chat must be known (chatSeen). */
export function tryPairing(
  db: Db,
  chat: ChatJid,
  sender: string,
  given: string,
  nowMs: number,
): PairingResult {
  const actor = `telegram:${sender}`;
  const before = db.pairing.triesOf(chat);
  // A clock that was set back does not lock for longer than the lock lasts.
  const sinceMs = before.at === null ? LOCK_MS : Math.abs(nowMs - Date.parse(before.at));
  const wrongBefore = sinceMs >= LOCK_MS ? 0 : before.wrong;
  if (wrongBefore >= CHAT_WRONG) {
    note(db, nowMs, actor, 'pair', 'refused', `chat ${chat} is locked after ${CHAT_WRONG} wrong codes`);
    return 'locked';
  }
  const open = db.pairing.current();
  const usable =
    open !== null && Date.parse(open.expiresAt) > nowMs && Date.parse(open.createdAt) <= nowMs + 60_000;
  // Always compared, so that the time tells nothing, not even whether there is a code.
  const salt = open?.salt ?? '';
  const isEqual = timingSafeEqual(
    hash(salt, normalised(given)),
    Buffer.from(open?.sha256 ?? hash('', '').toString('hex'), 'hex'),
  );
  if (usable && isEqual) {
    db.pairing.close();
    db.pairing.setTries(chat, 0, iso(nowMs));
    note(db, nowMs, actor, 'pair', 'done', `chat ${chat}`);
    return 'right';
  }
  db.pairing.setTries(chat, wrongBefore + 1, iso(nowMs));
  if (open) {
    db.pairing.guessedWrong();
    if (open.wrong + 1 >= MOST_WRONG) {
      db.pairing.close();
      note(db, nowMs, 'daemon', 'close_pairing', 'done', `void after ${MOST_WRONG} wrong tries`);
    }
  }
  const why = usable || open === null ? 'wrong code' : 'the code has expired';
  note(db, nowMs, actor, 'pair', 'refused', `chat ${chat}: ${why}`);
  return wrongBefore + 1 >= CHAT_WRONG ? 'now_locked' : 'wrong';
}

const normalised = (code: string): string => code.slice(0, 64).toUpperCase().replace(/[\s-]/g, '');

const hash = (salt: string, code: string): Buffer => createHash('sha256').update(`${salt}:${code}`).digest();

function note(
  db: Db,
  nowMs: number,
  actor: string,
  action: string,
  outcome: 'done' | 'refused',
  detail: string,
) {
  db.audit.note({ at: iso(nowMs), actor, group: null, action, outcome, detail });
}
