/** How many updates wait at Telegram's side. Asked only for somebody who wants to know, and rarely. */
import { type Clock, sleep } from '../lib/clock.ts';
import type { Telegram } from './api.ts';

/** An answer serves for so long. */
const FRESH_MS = 5000;
const PATIENCE_MS = 3000;

export interface PendingCount {
  /** Resolves when it was asked, or after three seconds. Never rejects. */
  ask(): Promise<void>;
  /** As last answered; null when it was not, or that is too long ago. */
  known(): number | null;
}

export function createPendingCount(telegram: Pick<Telegram, 'webhookInfo'>, clock: Clock): PendingCount {
  let answer: { pending: number; at: number } | null = null;
  let asking: Promise<void> | null = null;
  const isFresh = () => answer !== null && clock.monotonic() - answer.at < FRESH_MS;

  async function request(): Promise<void> {
    try {
      const { pending } = await telegram.webhookInfo();
      answer = { pending, at: clock.monotonic() };
    } catch {
      answer = null; // the poller says why
    } finally {
      asking = null;
    }
  }

  return {
    async ask() {
      if (isFresh()) return;
      asking ??= request();
      const patience = new AbortController();
      await Promise.race([asking, sleep(clock, PATIENCE_MS, patience.signal)]);
      patience.abort();
    },
    known: () => (isFresh() ? (answer?.pending ?? null) : null),
  };
}
