/**
 * A watchdog on the poller: no poll has succeeded for too long although Telegram can be reached.
 *
 *   silent for the limit ─ Telegram said no (token, 409, 429, 5xx) or the database did → not wedged; leave it
 *                        ─ a getMe over a new connection fails → the network is away; wait, however long
 *                        ─ it succeeds → the poll in flight is given up and begun anew over a new connection
 *   still silent after another limit, and getMe succeeds → end the process, if a poll ever succeeded in it
 *
 * Only a poll that succeeded counts: sends that work say nothing about it. A process in which no poll ever succeeded is
 * not ended, since the next one would fare no better: that would be a crash loop. A look that comes much too late means
 * that the machine was suspended: everything counts from then on. Also tells main of a refusal that lasts.
 */
import { messageOf } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import { repeat } from '../lib/repeat.ts';
import type { Logger } from '../log.ts';
import type { Problems } from '../problems.ts';
import type { Poller } from '../telegram/poller.ts';

export interface PollWatchdogOptions {
  clock: Clock;
  log: Logger;
  poller: Pick<Poller, 'status' | 'health' | 'beginAnew'>;
  /** How long may no poll succeed? Longer than one poll with its way there and back. */
  limitMs: number;
  /** Asks Telegram something over a new connection. Rejects when it is not answered. Null: cannot be asked. */
  probe: (() => Promise<void>) | null;
  problems: Pick<Problems, 'report' | 'solved'>;
  giveUp: (reason: string) => void;
}

const LOOKS = 6;

export function createPollWatchdog(options: PollWatchdogOptions): { start(): void; stop(): void } {
  const { clock, log, poller, limitMs, problems } = options;
  const everyMs = limitMs / LOOKS;
  let countsFrom = clock.monotonic();
  let lookedAt = countsFrom;
  let begunAnew = false;

  async function look(): Promise<void> {
    const now = clock.monotonic();
    if (now - lookedAt > limitMs) countsFrom = now;
    lookedAt = now;
    const { silentMs, refusal, everWorked } = poller.health();
    if (silentMs < limitMs) {
      begunAnew = false;
      if (refusal === null) {
        problems.solved('telegram_conflict');
        problems.solved('telegram_token');
      }
      return;
    }
    if (Math.min(silentMs, now - countsFrom) < limitMs) return;
    const why = poller.status().problem ?? '';
    if (refusal === 'token') problems.report('telegram_token', why);
    if (refusal === 'conflict') problems.report('telegram_conflict', why);
    if (refusal !== null || options.probe === null) return;
    if (!(await answers(options.probe))) {
      countsFrom = clock.monotonic();
      begunAnew = false;
      return;
    }
    if (looking.stopped || poller.health().silentMs < limitMs) return;
    countsFrom = clock.monotonic();
    const silentS = Math.round(silentMs / 1000);
    if (!begunAnew) {
      log.warn(
        { event: 'poll_begun_anew', silentS },
        'Telegram answers, but no poll succeeds: a new connection',
      );
      begunAnew = true;
      poller.beginAnew();
    } else if (everWorked)
      options.giveUp(
        `no poll has succeeded for ${silentS} s, though Telegram answers and the connection is new`,
      );
  }

  async function answers(probe: () => Promise<void>): Promise<boolean> {
    try {
      await probe();
      return true;
    } catch (error) {
      log.debug({ event: 'poll_probe_failed' }, messageOf(error));
      return false;
    }
  }

  const looking = repeat(clock, everyMs, look, (error) =>
    log.error({ event: 'watchdog_failed', err: error }, messageOf(error)),
  );
  return looking;
}
