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
import { type BotIdentity, NetworkError, type Telegram, TelegramError } from './api.ts';

export const POLL_TIMEOUT_S = 50;

export interface PollerOptions {
  telegram: Telegram;
  clock: Clock;
  log: Logger;
  pollTimeoutS: number;
  /** The offset that was committed last. */
  offset: (bot: BotIdentity) => number;
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

export interface Poller {
  start(): void;
  /** Aborts the poll in flight. Resolves when the loop has ended. */
  stop(): Promise<void>;
  status(): PollerStatus;
}

export function createPoller(options: PollerOptions): Poller {
  const { telegram, clock, log } = options;
  const aborted = new AbortController();
  const status: PollerStatus = { bot: null, lastSuccessAt: null, problem: null };
  let failures = 0;
  let loop: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (!aborted.signal.aborted) {
      try {
        status.bot ??= await identify();
        await pollOnce(status.bot);
        recovered();
      } catch (error) {
        if (aborted.signal.aborted) return;
        await sleep(clock, failed(error), aborted.signal);
      }
    }
  }

  async function identify(): Promise<BotIdentity> {
    const bot = await telegram.getMe(aborted.signal);
    log.info({ event: 'bot_identified', bot: bot.username, botId: bot.id }, `connected as @${bot.username}`);
    if (!bot.readsAllMessages) {
      log.warn(
        { event: 'privacy_mode' },
        'privacy mode is on: in groups Nina sees only commands and replies. Turn it off at @BotFather (/setprivacy) and add the bot to the group again, or make it an administrator.',
      );
    }
    return bot;
  }

  async function pollOnce(bot: BotIdentity): Promise<void> {
    const offset = options.offset(bot);
    // A long poll says nothing for up to 50 s. Until one has succeeded, whether it works is asked with a short one.
    const isSure = status.lastSuccessAt !== null && failures === 0;
    const updates = await telegram.getUpdates(offset, isSure ? options.pollTimeoutS : 0, aborted.signal);
    status.lastSuccessAt = clock.now();
    if (updates.length === 0) return;
    // Derived from the batch alone: update ids may start anywhere after a week without any.
    const usable = updates.filter((u) => Number.isSafeInteger(u.update_id));
    if (usable.length === 0) throw new Error('no update in the batch has an id');
    const next = usable.reduce((highest, u) => Math.max(highest, u.update_id), Number.MIN_SAFE_INTEGER) + 1;
    await options.store(bot, usable, next);
  }

  function recovered(): void {
    if (failures === 0) return;
    log.info({ event: 'poll_recovered', failures }, 'polling works again');
    failures = 0;
    status.problem = null;
  }

  /** Returns how long to wait, in ms. */
  function failed(error: unknown): number {
    failures += 1;
    const backoffMs = Math.min(30_000, 1000 * 2 ** Math.min(failures - 1, 5));
    const { problem, waitMs } = explain(error, backoffMs);
    // Once per problem, then once in ten: an outage of a day must not fill the log.
    const level = problem !== status.problem || failures % 10 === 0 ? 'warn' : 'debug';
    log[level]({ event: 'poll_failed', failures, waitMs }, problem);
    status.problem = problem;
    return waitMs;
  }

  return {
    start() {
      loop ??= run();
    },
    async stop() {
      aborted.abort();
      await loop;
    },
    status: () => ({ ...status }),
  };
}

function explain(error: unknown, backoffMs: number): { problem: string; waitMs: number } {
  if (error instanceof TelegramError) {
    if (error.status === 401 || error.status === 404) {
      return {
        problem:
          'Telegram refuses the bot token. Check TELEGRAM_BOT_TOKEN (from @BotFather); trying again slowly.',
        waitMs: Math.max(backoffMs, 30_000),
      };
    }
    if (error.status === 409) {
      return {
        problem: `someone else polls with this token, or a webhook is set (${error.message}). Stop the other one, or delete the webhook.`,
        waitMs: Math.max(backoffMs, 5000),
      };
    }
    if (error.status === 429) {
      return { problem: 'Telegram asks to slow down', waitMs: Math.max(1, error.retryAfterS ?? 5) * 1000 };
    }
    return { problem: `Telegram answers ${error.status}: ${error.message}`, waitMs: backoffMs };
  }
  if (error instanceof NetworkError)
    return { problem: `Telegram cannot be reached: ${error.message}`, waitMs: backoffMs };
  return {
    problem: `updates could not be stored, they will come again: ${messageOf(error)}`,
    waitMs: backoffMs,
  };
}
