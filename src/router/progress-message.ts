/**
 * The message that shows how a longer turn goes: sent once, without a sound, changed in place, deleted when the chat has been
 * told what came of the turn.
 *
 *   COMMIT row → send → COMMIT its id → change … → the turn has ended, its replies are settled → delete → COMMIT no row
 *
 * It is not in the outbox: no answer waits behind it. What was refused is given up at once, what could not be reached is tried
 * again later and later. If we die between the request and its answer nobody knows the message's id: it is then not sent again,
 * and goes when its button is pressed.
 */
import type { Turn } from '../db/turn-row.ts';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import type { Reach } from '../lib/failpoint.ts';
import type { Logger } from '../log.ts';
import { NetworkError, type Telegram, TelegramError } from '../telegram/api.ts';
import { type ChatJid, iso, type TurnId } from '../types.ts';
import type { Pacing } from './pacing.ts';
import type { Sight, Surface } from './sight.ts';
import { stopKeyboard } from './stop-button.ts';

export interface ProgressMessagesOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  telegram: Pick<Telegram, 'sendMessage' | 'editMessage' | 'deleteMessage'>;
  pacing: Pick<Pacing, 'aside' | 'action' | 'block'>;
  afterMs: number;
  stopped: AbortSignal;
  reach?: Reach | undefined;
}

export interface ProgressMessages extends Surface {
  /** Deletes the turn's message, in its own time. Idempotent. */
  clear(turn: TurnId): void;
  /** No request is in flight. */
  atRest(): Promise<void>;
}

/** What this process knows of the message of a turn. */
interface State {
  /** What it says. */
  text: string | null;
  /** On the monotonic clock. */
  notBefore: number;
}

const EDIT_EVERY_MS = 5000;
const RETRY_MS = 1000;
const AWAY_MS = 5000;
const LONGEST_WAIT_MS = 10 * 60_000;
/** Telegram deletes nothing that is older. */
const DELETABLE_MS = 48 * 60 * 60_000;

export function createProgressMessages(options: ProgressMessagesOptions): ProgressMessages {
  const { db, clock, log, telegram, pacing, stopped, reach } = options;
  const states = new WeakMap<Sight, State>();
  /** Ids that could not be noted. */
  const unnoted = new Map<TurnId, number>();
  const clearing = new Map<TurnId, Promise<void>>();

  async function show(sight: Sight): Promise<number | null> {
    const { turn } = sight;
    const elapsedMs = sight.elapsedMs();
    if (elapsedMs < options.afterMs) return options.afterMs - elapsedMs;
    const state = states.get(sight) ?? { text: null, notBefore: 0 };
    states.set(sight, state);
    const restMs = state.notBefore - clock.monotonic();
    if (restMs > 0) return Number.isFinite(restMs) ? restMs : null;
    const text = db.languages.wordsFor(turn.chatJid).progress(roundedMs(elapsedMs), sight.activity());
    const row = db.progress.ofTurn(turn.id);
    const messageId = row === null ? undefined : (row.messageId ?? unnoted.get(turn.id));
    if (state.text === text || (row !== null && messageId === undefined)) return nextStepMs(elapsedMs);
    const answered = pacing.aside(row?.chatJid ?? turn.chatJid, clock.monotonic());
    if (answered === null) return RETRY_MS;
    try {
      if (row === null || messageId === undefined) await send(turn, text);
      else await edit(row.chatJid, messageId, turn.id, text);
      state.text = text;
      state.notBefore = clock.monotonic() + EDIT_EVERY_MS;
    } catch (error) {
      state.notBefore = clock.monotonic() + waitAfter(error, turn);
    } finally {
      answered(clock.monotonic());
    }
    return 0;
  }

  async function send({ id, chatJid, threadId }: Turn, text: string): Promise<void> {
    db.progress.begin(id, chatJid, iso(clock.now()));
    const message = {
      chatJid,
      threadId,
      replyTo: null,
      text,
      keyboard: stopKeyboard(db.languages.wordsFor(chatJid), id),
      silent: true,
    } as const;
    let messageId: number;
    try {
      reach?.('progress.begun');
      messageId = await telegram.sendMessage(message);
    } catch (error) {
      // Where nobody knows, the row stays, so that there are never two.
      if (error instanceof TelegramError || (error instanceof NetworkError && error.delivered === 'no'))
        db.progress.remove(id);
      throw error;
    }
    unnoted.set(id, messageId);
    reach?.('progress.answered');
    db.progress.noteSent(id, messageId);
    unnoted.delete(id);
    reach?.('progress.noted');
  }

  async function edit(chatJid: ChatJid, messageId: number, turn: TurnId, text: string): Promise<void> {
    try {
      await telegram.editMessage({
        chatJid,
        messageId,
        text,
        keyboard: stopKeyboard(db.languages.wordsFor(chatJid), turn),
      });
    } catch (error) {
      if (!isUnchanged(error)) throw error;
    }
  }

  /** Infinity when Telegram will not have it. */
  function waitAfter(error: unknown, { id, chatJid }: Turn): number {
    log.debug({ event: 'progress_not_shown', chat: chatJid, turn: id }, messageOf(error));
    if (!(error instanceof TelegramError)) return AWAY_MS;
    if (error.status === 429) return blockedMs(error, chatJid);
    return error.status >= 500 ? AWAY_MS : Number.POSITIVE_INFINITY;
  }

  function blockedMs({ retryAfterS }: TelegramError, chatJid: string): number {
    const waitMs = (retryAfterS ?? 5) * 1000;
    pacing.block(chatJid, clock.monotonic() + waitMs);
    return waitMs;
  }

  async function remove(turn: TurnId): Promise<void> {
    let waitMs = AWAY_MS;
    for (let row = db.progress.ofTurn(turn); row !== null; row = db.progress.ofTurn(turn)) {
      const messageId = row.messageId ?? unnoted.get(turn);
      try {
        if (messageId !== undefined) {
          while (!pacing.action(row.chatJid, clock.monotonic()) && !stopped.aborted)
            await sleep(clock, RETRY_MS, stopped);
          if (stopped.aborted) return;
          reach?.('progress.removing');
          await telegram.deleteMessage(row.chatJid, messageId);
          reach?.('progress.removed');
        }
        db.progress.remove(turn);
      } catch (error) {
        log.debug({ event: 'progress_not_deleted', chat: row.chatJid, turn }, messageOf(error));
        if (stopped.aborted || !db.sqlite.open) return;
        const isNo = error instanceof TelegramError && error.status !== 429 && error.status < 500;
        if (isNo || Math.abs(clock.now() - Date.parse(row.createdAt)) > DELETABLE_MS) {
          db.progress.remove(turn);
        } else {
          const isTooMany = error instanceof TelegramError && error.status === 429;
          await sleep(clock, isTooMany ? blockedMs(error, row.chatJid) : waitMs, stopped);
          waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
        }
      }
      if (stopped.aborted || !db.sqlite.open) return;
    }
  }

  return {
    show,
    clear(turn) {
      if (clearing.has(turn) || stopped.aborted) return;
      const work = remove(turn)
        .catch((error: unknown) =>
          log.warn({ event: 'progress_not_deleted', turn, err: error }, messageOf(error)),
        )
        .finally(() => {
          clearing.delete(turn);
          unnoted.delete(turn);
        });
      clearing.set(turn, work);
    },
    async atRest() {
      await Promise.allSettled(clearing.values());
    },
  };
}

const isUnchanged = (error: unknown): boolean =>
  error instanceof TelegramError && /message is not modified/i.test(error.message);

/** The longer it takes, the less the seconds matter. */
const stepOf = (elapsedMs: number): number =>
  elapsedMs < 60_000 ? 10_000 : elapsedMs < 10 * 60_000 ? 30_000 : 60_000;
const nextStepMs = (elapsedMs: number): number => stepOf(elapsedMs) - (elapsedMs % stepOf(elapsedMs));
const roundedMs = (elapsedMs: number): number => elapsedMs - (elapsedMs % stepOf(elapsedMs));
