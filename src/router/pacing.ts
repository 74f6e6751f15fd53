/**
 * When may the next request go out? Telegram's limits at once: one message a second in a chat, twenty a minute in
 * a group, thirty a second for the whole bot; messages, changes of messages and files are alike. A request counts from
 * its answer, since nobody knows when before that Telegram counted it. Under the limit of the whole bot chats take turns:
 * first those where least was said within the minute, so that a short answer does not wait behind bulk, then who waits longest.
 * Decoration only takes what nobody else wants: actions ("typing…", reactions), and asides (a message that shows progress, and its
 * changes), which count in their chat, but make no message of it wait, since one that follows at once is a burst that Telegram
 * allows. Times are monotonic milliseconds; a 429 blocks what it concerns.
 */
export interface PacingLimits {
  perChatMs: number;
  groupPerMinute: number;
  overallPerSecond: number;
}

export const TELEGRAM_LIMITS: PacingLimits = { perChatMs: 1000, groupPerMinute: 20, overallPerSecond: 30 };

export interface Pacing {
  /** Milliseconds to wait before a message to this chat may be sent; 0 for now. Notes that the chat waits. */
  delay(chatJid: string, now: number): number;
  /** A message is being sent to this chat now; to be called again with the time of the answer, whatever it was. */
  sent(chatJid: string, now: number): (answered: number) => void;
  /** True when an action may be sent now, which then counts; it is not to be tried again for its own sake. */
  action(chatJid: string, now: number): boolean;
  /** As `sent`, for a message or a change of one that is only decoration; null: not now. */
  aside(chatJid: string, now: number): ((answered: number) => void) | null;
  /** Telegram said 429 for this chat. */
  block(chatJid: string, until: number): void;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
/** What decoration leaves free of the limit of the whole bot. */
const KEPT_FROM_ACTIONS = 10;
/** Requests of a chat within a minute from which on it gets no more asides: what is left of a group's limit is a long answer's. */
const MOST_BEFORE_ASIDE = 8;
/** Who waits and does not come back when its time is there, waits no more. */
const PATIENCE_MS = 1000;
const MOST_CHATS = 5000;

/** A request; `at` moves on to its answer. */
interface Request {
  at: number;
  open: boolean;
  aside?: true;
}

interface Chat {
  requests: Request[];
  blockedUntil: number;
}

interface Waiting {
  /** What was said in the chat within the minute. */
  said: number;
  /** From when on it could be sent, but for the limit of the whole bot. */
  since: number;
  until: number;
}

export function createPacing(limits: PacingLimits = TELEGRAM_LIMITS): Pacing {
  const chats = new Map<string, Chat>();
  const waiting = new Map<string, Waiting>();
  let overall: Request[] = [];

  const isGroup = (chatJid: string) => chatJid.startsWith('-');
  const within = (requests: Request[], now: number, windowMs: number) =>
    requests.filter(({ at, open }) => open || now - at < windowMs);
  /** From when on it counts no more. One that is still open may be counted only just now. */
  const freeAt = ({ at, open }: Request, now: number, windowMs: number) => (open ? now : at) + windowMs;

  function ofChat(chatJid: string): Chat {
    const chat = chats.get(chatJid) ?? { requests: [], blockedUntil: 0 };
    chats.set(chatJid, chat);
    return chat;
  }

  function chatDelay(chatJid: string, now: number): number {
    const chat = chats.get(chatJid);
    if (!chat) return 0;
    chat.requests = within(chat.requests, now, MINUTE_MS);
    const waits = [0, chat.blockedUntil - now];
    const last = chat.requests.findLast(({ aside }) => !aside);
    if (last) waits.push(freeAt(last, now, limits.perChatMs) - now);
    const first = isGroup(chatJid) ? chat.requests.at(-limits.groupPerMinute) : undefined;
    if (first) waits.push(freeAt(first, now, MINUTE_MS) - now);
    return Math.max(...waits);
  }

  /** How many chats come before this one. */
  function rankOf(chatJid: string, own: Pick<Waiting, 'said' | 'since'>, now: number): number {
    let rank = 0;
    for (const [other, { said, since, until }] of waiting) {
      if (until < now) waiting.delete(other);
      else if (
        other !== chatJid &&
        since <= now &&
        (said < own.said || (said === own.said && since < own.since))
      )
        rank += 1;
    }
    return rank;
  }

  function isAnyoneWaiting(now: number): boolean {
    for (const { since, until } of waiting.values()) if (since <= now && now <= until) return true;
    return false;
  }

  function remember(request: Request): void {
    overall.push(request);
    if (chats.size <= MOST_CHATS) return;
    for (const [key, { requests, blockedUntil }] of chats)
      if (within(requests, request.at, MINUTE_MS).length === 0 && blockedUntil <= request.at)
        chats.delete(key);
  }

  function mayDecorate(chatJid: string, now: number): boolean {
    overall = within(overall, now, SECOND_MS);
    const isBlocked = (chats.get(chatJid)?.blockedUntil ?? 0) > now;
    return (
      !isBlocked && !isAnyoneWaiting(now) && overall.length < limits.overallPerSecond - KEPT_FROM_ACTIONS
    );
  }

  return {
    delay(chatJid, now) {
      const chatWait = chatDelay(chatJid, now);
      const said = chats.get(chatJid)?.requests.length ?? 0;
      if (chatWait > 0) {
        const since = now + chatWait;
        waiting.set(chatJid, { said, since, until: since + PATIENCE_MS });
        return chatWait;
      }
      overall = within(overall, now, SECOND_MS);
      const since = Math.min(waiting.get(chatJid)?.since ?? now, now);
      const rank = rankOf(chatJid, { said, since }, now);
      const free = limits.overallPerSecond - overall.length;
      if (rank < free) return 0;
      const frees = overall.map((request) => freeAt(request, now, SECOND_MS)).sort((a, b) => a - b);
      const waitMs = Math.max(1, (frees[rank - free] ?? now + SECOND_MS) - now);
      waiting.set(chatJid, { said, since, until: now + waitMs + PATIENCE_MS });
      return waitMs;
    },
    sent(chatJid, now) {
      waiting.delete(chatJid);
      const request = { at: now, open: true };
      ofChat(chatJid).requests.push(request);
      remember(request);
      return (answered) => Object.assign(request, { at: answered, open: false });
    },
    action(chatJid, now) {
      if (!mayDecorate(chatJid, now)) return false;
      remember({ at: now, open: false });
      return true;
    },
    aside(chatJid, now) {
      if (!mayDecorate(chatJid, now) || chatDelay(chatJid, now) > 0) return null;
      const { requests } = ofChat(chatJid);
      const last = requests.at(-1);
      const isTooSoon = last !== undefined && freeAt(last, now, limits.perChatMs) > now;
      if (isTooSoon || requests.length >= MOST_BEFORE_ASIDE) return null;
      const request: Request = { at: now, open: true, aside: true };
      requests.push(request);
      remember(request);
      return (answered) => Object.assign(request, { at: answered, open: false });
    },
    block(chatJid, until) {
      const chat = ofChat(chatJid);
      chat.blockedUntil = Math.max(chat.blockedUntil, until);
    },
  };
}
