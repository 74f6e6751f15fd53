/**
 * When may the next message go out? Telegram's limits at once: one message a second in a chat, twenty a minute in
 * a group, thirty a second for the whole bot. Times are monotonic milliseconds; a 429 blocks what it concerns.
 */
export interface PacingLimits {
  perChatMs: number;
  groupPerMinute: number;
  overallPerSecond: number;
}

export const TELEGRAM_LIMITS: PacingLimits = { perChatMs: 1000, groupPerMinute: 20, overallPerSecond: 30 };

export interface Pacing {
  /** Milliseconds to wait before a message to this chat may be sent; 0 for now. Reserves nothing. */
  delay(chatJid: string, now: number): number;
  /** A message is being sent to this chat now. */
  sent(chatJid: string, now: number): void;
  /** Telegram said 429 for this chat. */
  block(chatJid: string, until: number): void;
}

export function createPacing(limits: PacingLimits = TELEGRAM_LIMITS): Pacing {
  const chats = new Map<string, { times: number[]; blockedUntil: number }>();
  let overall: number[] = [];

  const isGroup = (chatJid: string) => chatJid.startsWith('-');
  const within = (times: number[], now: number, windowMs: number) => times.filter((t) => now - t < windowMs);

  return {
    delay(chatJid, now) {
      overall = within(overall, now, 1000);
      const waits = [0];
      const oldest = overall.at(-limits.overallPerSecond);
      if (oldest !== undefined) waits.push(oldest + 1000 - now);
      const chat = chats.get(chatJid);
      if (chat) {
        chat.times = within(chat.times, now, 60_000);
        waits.push(chat.blockedUntil - now);
        const last = chat.times.at(-1);
        if (last !== undefined) waits.push(last + limits.perChatMs - now);
        const first = isGroup(chatJid) ? chat.times.at(-limits.groupPerMinute) : undefined;
        if (first !== undefined) waits.push(first + 60_000 - now);
      }
      return Math.max(...waits);
    },
    sent(chatJid, now) {
      overall.push(now);
      const chat = chats.get(chatJid) ?? { times: [], blockedUntil: 0 };
      chat.times = [...within(chat.times, now, 60_000), now];
      chats.set(chatJid, chat);
      if (chats.size > 5000)
        for (const [key, c] of chats)
          if (now - (c.times.at(-1) ?? 0) > 60_000 && c.blockedUntil <= now) chats.delete(key);
    },
    block(chatJid, until) {
      const chat = chats.get(chatJid) ?? { times: [], blockedUntil: 0 };
      chat.blockedUntil = Math.max(chat.blockedUntil, until);
      chats.set(chatJid, chat);
    },
  };
}
