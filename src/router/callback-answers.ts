/**
 * Tells Telegram that presses were taken, so that the buttons stop waiting. What is to be told lies in the database since the
 * press was taken; it is sent at once, past the outbox, and again until Telegram has answered, or for GIVE_UP_MS: then
 * nobody waits any more. Telling it twice, or too late, does no harm.
 */
import type { CallbackAnswer } from '../db/questions.ts';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import { createWokenLoop } from '../lib/woken-loop.ts';
import type { Logger } from '../log.ts';
import { type Telegram, TelegramError } from '../telegram/api.ts';

const GIVE_UP_MS = 5 * 60_000;
const RETRY_MS = 2000;

export interface CallbackAnswersOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  telegram: Pick<Telegram, 'answerCallback'>;
}

export interface CallbackAnswers {
  /** There may be something to tell. */
  wake(): void;
  /** Begins nothing more. What was not told is told by the next daemon. */
  stop(): void;
}

export function createCallbackAnswers({ db, clock, log, telegram }: CallbackAnswersOptions): CallbackAnswers {
  const loop = createWokenLoop({
    clock,
    open: () => db.questions.answers(),
    act: tell,
    failed: (error) => log.error({ event: 'callback_answers_failed', err: error }, messageOf(error)),
    isOpen: () => db.sqlite.open,
    // New ones must not wait for the old ones.
    isImpatient: true,
  });

  /** Returns how long to wait before it is told again; 0 when that is over. */
  async function tell({ id, text, alert, createdAt }: CallbackAnswer): Promise<number> {
    try {
      await telegram.answerCallback(id, text, alert);
    } catch (error) {
      const isNo = error instanceof TelegramError && error.status !== 429 && error.status < 500;
      const age = Math.abs(clock.now() - Date.parse(createdAt));
      log.debug({ event: 'callback_not_answered', age }, messageOf(error));
      if (!isNo && age < GIVE_UP_MS && !loop.isOver())
        return error instanceof TelegramError ? (error.retryAfterS ?? 2) * 1000 : RETRY_MS;
    }
    if (db.sqlite.open) db.questions.removeAnswer(id);
    return 0;
  }

  return { wake: loop.wake, stop: loop.stop };
}
