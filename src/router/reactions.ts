/**
 * Tells Telegram Nina's reactions: 👀 on what a turn works on, where the group wants that, else the agent's own. What is to be
 * told lies in the database (db/reactions.ts) until Telegram has taken it; telling it twice is the same. It takes only what
 * messages leave over, and what Telegram refuses is given up at once.
 */
import type { OpenReaction } from '../db/reactions.ts';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { Reach } from '../lib/failpoint.ts';
import { createWokenLoop } from '../lib/woken-loop.ts';
import type { Logger } from '../log.ts';
import { type Telegram, TelegramError } from '../telegram/api.ts';
import type { Pacing } from './pacing.ts';

export interface ReactionsOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  telegram: Pick<Telegram, 'react'>;
  pacing: Pick<Pacing, 'action' | 'block'>;
  reach?: Reach | undefined;
}

export interface Reactions {
  /** There may be something to tell. */
  wake(): void;
  /** Begins nothing more. What was not told is told by the next daemon. */
  stop(): void;
}

const WORKING = '👀';
const RETRY_MS = 1000;
const LONGEST_WAIT_MS = 60_000;

export function createReactions(options: ReactionsOptions): Reactions {
  const { db, clock, log, telegram, pacing, reach } = options;
  let awayMs = RETRY_MS;
  const loop = createWokenLoop({
    clock,
    open: () => db.reactions.open(),
    act: tell,
    failed: (error) => log.error({ event: 'reactions_failed', err: error }, messageOf(error)),
    isOpen: () => db.sqlite.open,
  });

  /** Returns how long to wait before it is tried again; 0 when that is over. */
  async function tell(reaction: OpenReaction): Promise<number> {
    const { chatJid, messageId, emoji, isWorking } = reaction;
    if (!pacing.action(chatJid, clock.monotonic())) return RETRY_MS;
    try {
      reach?.('reaction.begun');
      await telegram.react(chatJid, messageId, emoji ?? (isWorking ? WORKING : null));
      reach?.('reaction.answered');
    } catch (error) {
      log.debug({ event: 'reaction_not_shown', chat: chatJid, message: messageId }, messageOf(error));
      if (loop.isOver()) return 0;
      if (!(error instanceof TelegramError) || error.status >= 500) {
        awayMs = Math.min(2 * awayMs, LONGEST_WAIT_MS);
        return awayMs;
      }
      if (error.status === 429) {
        const waitMs = (error.retryAfterS ?? 5) * 1000;
        pacing.block(chatJid, clock.monotonic() + waitMs);
        return RETRY_MS;
      }
      db.reactions.drop(reaction);
      return 0;
    }
    awayMs = RETRY_MS;
    if (!loop.isOver()) db.reactions.told(reaction);
    return 0;
  }

  return { wake: loop.wake, stop: loop.stop };
}
