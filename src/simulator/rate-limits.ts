/**
 * Telegram's limits on what a bot sends: about one message a second per chat with a small burst, 20 a minute in a
 * group, 30 a second overall. A refused call does not count.
 */
import type { Clock } from '../lib/clock.ts';
import { BotApiError } from './api-error.ts';

const CHAT_BURST = 3;
const GROUP_PER_MINUTE = 20;
const OVERALL_PER_SECOND = 30;
const MINUTE_MS = 60_000;

/** Calls that put something in front of people. Typing and reactions are counted overall only. */
const COUNTED = /^(send(?!chataction|messagedraft)|editmessage|copymessage|forwardmessage)/;
/** What touches messages; commands, webhooks and questions about chats have limits of their own. */
const OVERALL = /^(send|edit|copy|forward|deletemessage|setmessagereaction)/;

interface Bucket {
  tokens: number;
  at: number;
}

export class RateLimits {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();
  readonly #minutes = new Map<string, number[]>();
  #second: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws the 429 if this call is one too many; else counts it. */
  check(method: string, chatId: string | undefined): void {
    const name = method.toLowerCase();
    if (!OVERALL.test(name)) return;
    const now = this.#clock.monotonic();
    this.#second = this.#second.filter((at) => at > now - 1000);
    if (this.#second.length >= OVERALL_PER_SECOND) throw tooMany(1);
    if (chatId !== undefined && COUNTED.test(name)) this.#checkChat(chatId, now);
    this.#second.push(now);
  }

  #checkChat(chatId: string, now: number): void {
    const before = this.#buckets.get(chatId) ?? { tokens: CHAT_BURST, at: now };
    const tokens = Math.min(CHAT_BURST, before.tokens + (now - before.at) / 1000);
    if (tokens < 1) throw tooMany(Math.ceil(1 - tokens));
    if (chatId.startsWith('-')) {
      const minute = (this.#minutes.get(chatId) ?? []).filter((at) => at > now - MINUTE_MS);
      const oldest = minute[0];
      if (minute.length >= GROUP_PER_MINUTE && oldest !== undefined)
        throw tooMany(Math.max(1, Math.ceil((oldest + MINUTE_MS - now) / 1000)));
      minute.push(now);
      this.#minutes.set(chatId, minute);
    }
    this.#buckets.set(chatId, { tokens: tokens - 1, at: now });
  }
}

export function tooMany(retryAfter: number): BotApiError {
  return new BotApiError(429, `Too Many Requests: retry after ${retryAfter}`, { retry_after: retryAfter });
}
