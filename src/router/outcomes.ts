/**
 * What became of a send, noted in the outbox: it arrived, was refused, or nobody knows. A refusal says what is to be done: another
 * chat, a wait, a simpler form, General, a pause, or that it will never arrive; the chat that was owed it hears so.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { askedInVain } from '../asked.ts';
import { formerMessageId } from '../db/group-move.ts';
import type { OutboxEntry } from '../db/outbox.ts';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../log.ts';
import { NetworkError, type TelegramError } from '../telegram/api.ts';
import { type ChatJid, chatJid, type Iso, iso } from '../types.ts';
import { isSaid, REASONS } from '../words.ts';
import { moveGroup } from './moves.ts';
import { prefaced } from './outbox-request.ts';
import type { Pacing } from './pacing.ts';
import { pauseGroup, pauseReasonOf } from './pauses.ts';
import { isAboutFormatting, isAboutKind, isAboutTopic } from './refusals.ts';

/** Telegram's limits, less the mark of a repeat. */
const MOST_TEXT = 4094;
const MOST_CAPTION = 1022;
/** Before a send whose result is unknown is repeated. */
export const UNKNOWN_WAIT_MS = 5000;
const OUTAGE_STEPS_MS = [1000, 2000, 5000, 10_000, 20_000, 30_000];

export interface OutcomesOptions {
  db: Db;
  /** Files to be sent are named from here. */
  home: string;
  clock: Clock;
  log: Logger;
  pacing: Pacing;
  /** Who our own messages are from, once known. */
  bot: () => { id: number; name: string } | null;
  /** A group has another chat id now: all who know it by the old one are to go on with the new one. */
  chatMoved: (from: ChatJid, to: ChatJid) => void;
  /** A question of an agent's never came to be asked. */
  wakeAsked?: () => void;
  /** There is something to send to this chat. */
  wake: (jid: ChatJid) => void;
}

export interface Outcomes {
  arrived(entry: OutboxEntry, messageId: number): void;
  refused(entry: OutboxEntry, error: TelegramError): void;
  /** `repeat`: it was tried a second time. */
  unreachable(entry: OutboxEntry, error: unknown, repeat: boolean): void;
  /** Sent twice, and nobody knows whether it arrived: no third time, but the chat hears of it. */
  tellLost(entry: Pick<OutboxEntry, 'id' | 'chatJid' | 'threadId' | 'text' | 'editOf'>): void;
}

export function createOutcomes(options: OutcomesOptions): Outcomes {
  const { db, clock, log, pacing, wake } = options;

  function arrived(entry: OutboxEntry, messageId: number): void {
    const at = iso(clock.now());
    const bot = options.bot();
    db.transaction(() => {
      db.outbox.markSent(entry.id, messageId, at);
      if (entry.turnId !== null) db.taskRuns.noteDelivery(entry.turnId);
      const group = db.groups.find(entry.chatJid);
      if (bot === null || group === null) return;
      const isLate = group.chatJid !== entry.chatJid;
      const id = isLate ? formerMessageId(messageId) : messageId;
      if (entry.editOf !== null) return noteEdit(group.chatJid, entry.text, id, at);
      db.messages.insert({
        chatJid: group.chatJid,
        messageId: id,
        threadId: entry.threadId,
        sender: String(bot.id),
        senderName: bot.name,
        content: entry.preface === null ? entry.text : prefaced(entry.preface, entry.text),
        timestamp: at,
        isBotMessage: true,
        turnId: entry.turnId,
        disposition: 'own',
        reason: null,
        triggerKind: null,
        request: null,
        replyTo: null,
        forwardedFrom: null,
        receivedAt: at,
      });
    });
    if (entry.filePath !== null) rmSync(path.resolve(options.home, entry.filePath), { force: true }); // our own copy, and nobody needs it now
    log.debug({ event: 'sent', chat: entry.chatJid, outbox: entry.id, turn: entry.turnId });
  }

  function noteEdit(jid: ChatJid, text: string, messageId: number, at: Iso): void {
    const known = db.messages.byMessageId(jid, messageId);
    if (known) db.messages.noteEdit(known.seq, text, at);
  }

  function refused(entry: OutboxEntry, error: TelegramError): void {
    const { status, message } = error;
    if (error.migratedTo !== null) {
      const to = chatJid(error.migratedTo);
      const hasMoved = db.transaction(() => {
        postpone(entry, 0, message);
        // Where the registration has moved before, or there is none, what is to be sent moves all the same.
        if (moveGroup(options, entry.chatJid, to)) return true;
        db.outbox.move(entry.chatJid, to);
        return false;
      });
      if (hasMoved) options.chatMoved(entry.chatJid, to);
      wake(to);
      return;
    }
    if (status === 429) {
      const waitMs = (error.retryAfterS ?? 5) * 1000;
      pacing.block(entry.chatJid, clock.monotonic() + waitMs);
      return postpone(entry, waitMs, message);
    }
    if (pausedBy(entry, error)) return;
    if (isAboutKind(entry, error)) return simplified(entry, db.outbox.sendAsDocument, message);
    if (isAboutFormatting(entry, error)) return simplified(entry, db.outbox.simplify, message);
    // A refused token, another poller or an internal error at Telegram's side says nothing about this message.
    if (status >= 500 || status === 401 || status === 404 || status === 409)
      return postpone(entry, outageMs(entry), message);
    if (isAboutTopic(entry, error)) return toGeneral(entry, message);
    db.transaction(() => {
      fail(entry, message);
      if (askedInVain(db, entry.id, message, clock.now())) queueMicrotask(() => options.wakeAsked?.());
      if (entry.editOf === null) tellRefused(entry, status);
    });
    // It was deleted, most likely: what it was about is done all the same.
    log[entry.editOf === null ? 'error' : 'warn'](
      { event: 'send_refused', chat: entry.chatJid, outbox: entry.id, status },
      `Telegram refuses a message: ${message}`,
    );
  }

  /** It goes once more, at once and in a simpler form. */
  function simplified(entry: OutboxEntry, simplify: (id: number) => void, message: string): void {
    db.transaction(() => {
      simplify(entry.id);
      postpone(entry, 0, message);
    });
  }

  /** Nothing can be sent there: it waits until that is otherwise. A stranger's chat is nobody's business. */
  function pausedBy(entry: OutboxEntry, error: TelegramError): boolean {
    const group = db.groups.find(entry.chatJid);
    const reason = group && pauseReasonOf(error);
    if (!reason) return false;
    const main = db.transaction(() => {
      postpone(entry, 0, error.message);
      return pauseGroup(options, group, reason, error.message);
    });
    if (main !== null) wake(main);
    return true;
  }

  /** The topic is closed or gone: what was meant for it is said in General, and that it was. */
  function toGeneral(entry: OutboxEntry, message: string): void {
    const threadId = entry.threadId ?? 0;
    const words = db.languages.wordsFor(entry.chatJid);
    const name = db.topics.name(entry.chatJid, threadId) ?? words.topicWithoutName(threadId);
    const line = words.meantForTopic(name);
    const fits = prefaced(line, entry.text).length <= (entry.filePath === null ? MOST_TEXT : MOST_CAPTION);
    db.transaction(() => {
      db.outbox.toGeneral(entry, fits ? line : null);
      if (!fits) {
        const at = iso(clock.now());
        const note = { chatJid: entry.chatJid, threadId: null, turnId: null, replyTo: null };
        db.outbox.add({ ...note, text: line, at });
      }
      postpone(entry, 0, message);
    });
  }

  function unreachable(entry: OutboxEntry, error: unknown, repeat: boolean): void {
    const reason = messageOf(error);
    if (error instanceof NetworkError && error.delivered === 'no') {
      // A repeat that never left stays a repeat: the first try may still have arrived.
      if (repeat) db.outbox.markUncertain(entry.id, iso(clock.now() + outageMs(entry)), reason);
      else postpone(entry, outageMs(entry), reason);
      return;
    }
    if (repeat) {
      db.transaction(() => {
        fail(entry, REASONS.resultUnknown(reason));
        tellLost(entry);
      });
      return;
    }
    db.outbox.markUncertain(entry.id, iso(clock.now() + UNKNOWN_WAIT_MS), reason);
    log.warn({ event: 'send_unknown', chat: entry.chatJid, outbox: entry.id }, `${reason}; repeating once`);
  }

  function tellLost(entry: Pick<OutboxEntry, 'id' | 'chatJid' | 'threadId' | 'text' | 'editOf'>): void {
    const { id, chatJid: chat, threadId } = entry;
    // A message that looks as before says by itself, when its buttons are pressed, what was decided.
    if (entry.editOf !== null) return;
    // That a notice may be lost is not worth another: they would never end while the daemon keeps dying.
    if (isSaid(entry.text, (w) => w.maybeLost)) return;
    log.error({ event: 'send_unknown_twice', chat, outbox: id }, 'a reply may not have arrived');
    const text = db.languages.wordsFor(chat).maybeLost;
    db.outbox.add({ chatJid: chat, threadId, turnId: null, replyTo: null, text, at: iso(clock.now()) });
  }

  /** The chat was owed a reply, so it hears that there is none; unless it is the chat that takes nothing (403). */
  function tellRefused(entry: OutboxEntry, status: number): void {
    if (status === 403 || isSaid(entry.text, (w) => w.refusedByTelegram)) return;
    if (isSaid(entry.text, (w) => w.maybeLost)) return;
    const { chatJid: chat, threadId } = entry;
    if (db.groups.find(chat) === null) return;
    const text = db.languages.wordsFor(chat).refusedByTelegram;
    db.outbox.add({ chatJid: chat, threadId, turnId: null, replyTo: null, text, at: iso(clock.now()) });
  }

  /** It will never arrive. */
  function fail(entry: OutboxEntry, reason: string): void {
    db.transaction(() => {
      db.outbox.markFailed(entry.id, reason);
      if (entry.turnId !== null) db.taskRuns.noteDelivery(entry.turnId);
    });
  }

  function postpone(entry: OutboxEntry, waitMs: number, reason: string): void {
    const until = iso(clock.now() + waitMs);
    if (entry.state === 'pending') db.outbox.postpone(entry.id, until, reason);
    else db.outbox.markUncertain(entry.id, until, reason);
    log.warn({ event: 'send_postponed', chat: entry.chatJid, outbox: entry.id, waitMs }, reason);
  }

  return { arrived, refused, unreachable, tellLost };
}

const outageMs = (entry: OutboxEntry): number =>
  OUTAGE_STEPS_MS[Math.min(entry.attempts, OUTAGE_STEPS_MS.length - 1)] ?? 30_000;
