/**
 * The getUpdates loop. Own, because grammY's bot.start() can confirm an update that was not stored.
 * Invariants: the next poll's offset is one that `store` has committed, never one that was only received;
 * one poll at a time; no error ends the loop, only stop() does; `lastSuccessAt` moves only when a poll succeeded.
 * Backoff: 1, 2, 4 … 30 s; 429 waits as told; 401 and 409 are said once and retried slowly.
 */

import type { Update } from 'grammy/types';
import { messageOf } from '../errors.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import type { Logger } from '../log.ts';
import { type BotIdentity, NetworkError, type Telegram, TelegramError, type TelegramLink } from './api.ts';

export const POLL_TIMEOUT_S = 50;

export interface PollerOptions {
  telegram: Telegram & Partial<TelegramLink>;
  clock: Clock;
  log: Logger;
  pollTimeoutS: number;
  /** The offset that was committed last. */
  offset: (bot: BotIdentity) => number;
  /** Telegram has said who we are. */
  identified?: () => void;
  /** Stores the batch and the next offset in one transaction. Throws when it could not: the batch comes again. */
  store: (bot: BotIdentity, updates: Update[], nextOffset: number) => void | Promise<void>;
}

export interface PollerStatus {
  bot: BotIdentity | null;
  /** Milliseconds since the epoch of the last poll that succeeded; null before the first. */
  lastSuccessAt: number | null;
  /** What is wrong now, as a sentence, or null. */
  problem: string | null;
}

/** For the watchdog. */
export interface PollerHealth {
  /** Milliseconds on the monotonic clock since the last poll that succeeded, or since the start. */
  silentMs: number;
  everWorked: boolean;
  /** What the last failure was, when that was an answer: `other` is 429, 5xx, or a batch that could not be stored. */
  refusal: 'token' | 'conflict' | 'other' | null;
}

export interface Poller {
  start(): void;
  /** Aborts the poll in flight. Resolves when the loop has ended. */
  stop(): Promise<void>;
  status(): PollerStatus;
  health(): PollerHealth;
  /** Gives up the poll in flight, or the wait for the next, and polls at once over a new connection. */
  beginAnew(): void;
}

export function createPoller(options: PollerOptions): Poller {
  const { telegram, clock, log } = options;
  let stopped = false;
  /** Of the poll in flight or the wait behind it. */
  let current = new AbortController();
  let workedAt = clock.monotonic();
  let refusal: PollerHealth['refusal'] = null;
  const status: PollerStatus = { bot: null, lastSuccessAt: null, problem: null };
  let failures = 0;
  let loop: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (!stopped) {
      const { signal } = current;
      try {
        if (status.bot === null) {
          status.bot = await identify(signal);
          options.identified?.();
        }
        await pollOnce(status.bot, signal);
        recovered();
      } catch (error) {
        if (signal.aborted) continue;
        await sleep(clock, failed(error), signal);
      }
    }
  }

  async function identify(signal: AbortSignal): Promise<BotIdentity> {
    const bot = await telegram.getMe(signal);
    log.info({ event: 'bot_identified', bot: bot.username, botId: bot.id }, `connected as @${bot.username}`);
    if (!bot.readsAllMessages) {
      log.warn(
        { event: 'privacy_mode' },
        'privacy mode is on: in groups Nina sees only commands and replies. Turn it off at @BotFather (/setprivacy) and add the bot to the group again, or make it an administrator.',
      );
    }
    return bot;
  }

  async function pollOnce(bot: BotIdentity, signal: AbortSignal): Promise<void> {
    const offset = options.offset(bot);
    // A long poll says nothing for up to 50 s. Until one has succeeded, whether it works is asked with a short one.
    const isSure = status.lastSuccessAt !== null && failures === 0;
    const updates = await telegram.getUpdates(offset, isSure ? options.pollTimeoutS : 0, signal);
    status.lastSuccessAt = clock.now();
    workedAt = clock.monotonic();
    if (updates.length === 0) return;
    // Derived from the batch alone: update ids may start anywhere after a week without any.
    const usable = updates.filter((u) => Number.isSafeInteger(u?.update_id));
    if (usable.length === 0) throw new Error('no update in the batch has an id');
    const next = usable.reduce((highest, u) => Math.max(highest, u.update_id), Number.MIN_SAFE_INTEGER) + 1;
    await options.store(bot, usable, next);
  }

  function recovered(): void {
    refusal = null;
    if (failures === 0) return;
    log.info({ event: 'poll_recovered', failures }, 'polling works again');
    failures = 0;
    status.problem = null;
  }

  /** Returns how long to wait, in ms. */
  function failed(error: unknown): number {
    failures += 1;
    const backoffMs = Math.min(30_000, 1000 * 2 ** Math.min(failures - 1, 5));
    const { problem, waitMs, refusal: answered } = explain(error, backoffMs);
    refusal = answered;
    // Once per problem, then once in ten: an outage of a day must not fill the log.
    const level = problem !== status.problem || failures % 10 === 0 ? 'warn' : 'debug';
    log[level]({ event: 'poll_failed', failures, waitMs }, problem);
    status.problem = problem;
    return waitMs;
  }

  return {
    start() {
      workedAt = clock.monotonic();
      loop ??= run();
    },
    async stop() {
      stopped = true;
      current.abort();
      await loop;
    },
    status: () => ({ ...status }),
    health: () => ({
      silentMs: clock.monotonic() - workedAt,
      everWorked: status.lastSuccessAt !== null,
      refusal,
    }),
    beginAnew() {
      const before = current;
      current = new AbortController();
      telegram.reconnect?.();
      before.abort();
    },
  };
}

interface Explained {
  problem: string;
  waitMs: number;
  refusal: PollerHealth['refusal'];
}

function explain(error: unknown, backoffMs: number): Explained {
  if (error instanceof TelegramError) {
    if (error.status === 401 || error.status === 404) {
      return {
        problem:
          'Telegram refuses the bot token. Check TELEGRAM_BOT_TOKEN (from @BotFather); trying again slowly.',
        waitMs: Math.max(backoffMs, 30_000),
        refusal: 'token',
      };
    }
    if (error.status === 409) {
      return {
        problem: `someone else polls with this token, or a webhook is set (${error.message}). Stop the other one, or delete the webhook.`,
        waitMs: Math.max(backoffMs, 5000),
        refusal: 'conflict',
      };
    }
    if (error.status === 429) {
      return {
        problem: 'Telegram asks to slow down',
        waitMs: Math.max(1, error.retryAfterS ?? 5) * 1000,
        refusal: 'other',
      };
    }
    return {
      problem: `Telegram answers ${error.status}: ${error.message}`,
      waitMs: backoffMs,
      refusal: 'other',
    };
  }
  if (error instanceof NetworkError)
    return { problem: `Telegram cannot be reached: ${error.message}`, waitMs: backoffMs, refusal: null };
  return {
    problem: `updates could not be stored, they will come again: ${messageOf(error)}`,
    waitMs: backoffMs,
    refusal: 'other',
  };
}
