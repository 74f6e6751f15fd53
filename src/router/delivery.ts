/**
 * From the outbox to Telegram: one worker per chat that has something to send, strictly in order.
 *
 *   next entry → wait (not_before, pacing) → COMMIT sending → request ─┬─ yes ───────── COMMIT sent + own message
 *                                                                       ├─ no, later ── COMMIT pending (429, 5xx, offline)
 *                                                                       ├─ no, never ── COMMIT failed
 *                                                                       └─ unknown ──── COMMIT uncertain → once more, marked ↻
 *
 * It never drops an entry because of an outage, and never repeats one whose result is unknown more than once.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { askedInVain } from '../asked.ts';
import { formerMessageId } from '../db/group-move.ts';
import type { OutboxEntry } from '../db/outbox.ts';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import { REPEAT_MARK } from '../format.ts';
import { aborted, type Clock, sleep } from '../lib/clock.ts';
import type { Reach } from '../lib/failpoint.ts';
import type { Logger } from '../log.ts';
import { NetworkError, type Telegram, TelegramError } from '../telegram/api.ts';
import { type ChatJid, chatJid, type Iso, iso, type TurnId } from '../types.ts';
import { isSaid, REASONS } from '../words.ts';
import { moveGroup } from './moves.ts';
import { prefaced, requestFor } from './outbox-request.ts';
import type { Pacing } from './pacing.ts';
import { pauseGroup, pauseReasonOf } from './pauses.ts';
import { isAboutFormatting, isAboutKind, isAboutTopic } from './refusals.ts';

/** Telegram's limits, less the mark of a repeat. */
const MOST_TEXT = 4094;
const MOST_CAPTION = 1022;
const UNKNOWN_WAIT_MS = 5000;
const IN_FLIGHT_MS = 3000;
/** The longest window of a limit. */
const REMEMBERED_MS = 60_000;
const OUTAGE_STEPS_MS = [1000, 2000, 5000, 10_000, 20_000, 30_000];

export interface DeliveryOptions {
  db: Db;
  /** Files to be sent are named from here. */
  home: string;
  telegram: Telegram;
  clock: Clock;
  log: Logger;
  pacing: Pacing;
  /** Who our own messages are from, once known. */
  bot: () => { id: number; name: string } | null;
  /** A group has another chat id now: all who know it by the old one are to go on with the new one. */
  chatMoved: (from: ChatJid, to: ChatJid) => void;
  /** An entry of this turn is settled. */
  settled?: (turn: TurnId) => void;
  /** A question of an agent's never came to be asked. */
  wakeAsked?: () => void;
  reach?: Reach | undefined;
}

export interface Delivery {
  /** Takes up what an earlier daemon left. */
  start(): void;
  /** There is something to send to this chat. */
  wake(jid: ChatJid): void;
  /**
   * Sends what its turn comes for within `flushMs`, then begins nothing more and lets the sends in flight end, which it
   * does not wait for longer than three seconds: what they leave behind is uncertain, as after any other end.
   */
  stop(flushMs?: number): Promise<void>;
}

export function createDelivery(options: DeliveryOptions): Delivery {
  const { db, telegram, clock, log, pacing } = options;
  const stopped = new AbortController();
  /** Ends the waits of a daemon that goes on; what can still be sent is looked at anew. */
  const hurry = new AbortController();
  /** Monotonic: what would have to wait for longer is the next daemon's. */
  let flushUntil = Number.POSITIVE_INFINITY;
  const workers = new Map<ChatJid, Promise<void>>();
  /** Requests under way: one whose chat gets another id meanwhile is not sent there, too. */
  const inFlight = new Map<number, Promise<void>>();
  /** When an entry that was put off is due, on the monotonic clock. */
  const dues = new Map<number, { notBefore: Iso; at: number }>();
  /** A daemon that keeps dying soon after its start must not use up the one repeat. */
  const calmAt = clock.monotonic() + UNKNOWN_WAIT_MS;

  function wake(jid: ChatJid): void {
    if (stopped.signal.aborted || workers.has(jid)) return;
    const worker = work(jid)
      .catch((error: unknown) =>
        log.error({ event: 'delivery_failed', chat: jid, err: error }, messageOf(error)),
      )
      .finally(() => {
        workers.delete(jid);
        // Something may have been added after the last look and before this line.
        if (!stopped.signal.aborted && db.sqlite.open && nextOf(jid)) void retrySoon(jid);
      });
    workers.set(jid, worker);
  }

  async function retrySoon(jid: ChatJid): Promise<void> {
    await sleep(clock, 1000, stopped.signal);
    wake(jid);
  }

  /** Nothing while its group is paused. */
  const nextOf = (jid: ChatJid): OutboxEntry | null =>
    db.pauses.of(jid) === null ? db.outbox.next(jid) : null;

  async function work(jid: ChatJid): Promise<void> {
    for (let entry = nextOf(jid); entry && !stopped.signal.aborted; entry = nextOf(jid)) {
      const waitMs = Math.max(restOf(entry), pacing.delay(jid, clock.monotonic()));
      if (waitMs > 0) {
        const restMs = Math.min(waitMs, 60_000);
        if (clock.monotonic() + restMs > flushUntil) return;
        await sleep(clock, restMs, hurry.signal.aborted ? stopped.signal : hurry.signal);
        continue;
      }
      await (inFlight.get(entry.id) ?? sendOnce(entry));
      if (entry.turnId !== null) options.settled?.(entry.turnId);
    }
  }

  async function sendOnce(entry: OutboxEntry): Promise<void> {
    const sending = send(entry).finally(() => inFlight.delete(entry.id));
    inFlight.set(entry.id, sending);
    await sending;
  }

  /** Milliseconds until the entry itself may be sent. The wall clock is asked once: set back, it must not hold it up. */
  function restOf({ id, state, notBefore }: OutboxEntry): number {
    const now = clock.monotonic();
    const calmMs = state === 'pending' ? 0 : calmAt - now;
    if (notBefore === null) return calmMs;
    let due = dues.get(id);
    if (due?.notBefore !== notBefore) {
      due = { notBefore, at: now + Date.parse(notBefore) - clock.now() };
      dues.set(id, due);
    }
    return Math.max(due.at - now, calmMs);
  }

  async function send(entry: OutboxEntry): Promise<void> {
    dues.delete(entry.id);
    const repeat = entry.state !== 'pending';
    db.outbox.markSending(entry.id, repeat, iso(clock.now()));
    options.reach?.('send.begun');
    // A change that is made again is the same again: it needs no mark.
    const mark = repeat && entry.editOf === null ? REPEAT_MARK : '';
    // What throws behind this line is caught below: a request that stays open would hold its chat up for ever.
    const answered = pacing.sent(entry.chatJid, clock.monotonic());
    const outcome = await requestFor(telegram, options.home, entry, mark)
      .then((messageId) => ({ messageId }))
      .catch((error: unknown) => ({ error }))
      .finally(() => answered(clock.monotonic()));
    if ('error' in outcome) {
      const { error } = outcome;
      return noteSurely(entry, () =>
        error instanceof TelegramError ? refused(entry, error) : unreachable(entry, error, repeat),
      );
    }
    options.reach?.('send.answered');
    await noteSurely(entry, () => settle(entry, outcome.messageId));
    options.reach?.('send.noted');
  }

  /** What became of it. Should noting that fail (a full disk), it is noted later: never is it sent again for that. */
  async function noteSurely(entry: OutboxEntry, note: () => void): Promise<void> {
    for (let waitMs = 1000; ; waitMs = Math.min(2 * waitMs, 30_000)) {
      try {
        return note();
      } catch (error) {
        if (stopped.signal.aborted || !db.sqlite.open) throw error;
        log.error({ event: 'sent_not_noted', chat: entry.chatJid, outbox: entry.id, err: error, waitMs });
        await sleep(clock, waitMs, stopped.signal);
      }
    }
  }

  function settle(entry: OutboxEntry, messageId: number): void {
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

  /** Sent twice, and nobody knows whether it arrived: no third time, but the chat hears of it. */
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

  /** Telegram's limits do not begin anew with us: what an earlier daemon sent in the last minute counts. */
  function rememberTries(): void {
    for (const { chatJid: jid, at, times } of db.outbox.triedSince(iso(clock.now() - REMEMBERED_MS))) {
      const agoMs = Math.max(0, clock.now() - Date.parse(at));
      for (let n = 0; n < times; n += 1) {
        const then = clock.monotonic() - agoMs;
        pacing.sent(jid, then)(then);
      }
    }
  }

  return {
    start() {
      rememberTries();
      db.transaction(() => {
        const recovered = db.outbox.recover();
        if (recovered.length === 0) return;
        const details = { event: 'outbox_recovered', count: recovered.length };
        log.warn(details, 'sends with an unknown result are repeated once');
        for (const entry of recovered.filter(({ state }) => state === 'failed')) {
          if (entry.turnId !== null) db.taskRuns.noteDelivery(entry.turnId);
          tellLost(entry);
        }
      });
      for (const jid of db.outbox.chatsWithOpen()) wake(jid);
    },
    wake,
    async stop(flushMs = 0) {
      flushUntil = clock.monotonic() + flushMs;
      const over = clock.after(flushMs, () => stopped.abort());
      if (flushMs === 0) stopped.abort();
      hurry.abort();
      // Turns that end meanwhile add to it.
      while (workers.size > 0 && !stopped.signal.aborted)
        await Promise.race([Promise.allSettled(workers.values()), aborted(stopped.signal)]);
      over.cancel();
      stopped.abort();
      const inFlight = new AbortController();
      await Promise.race([Promise.allSettled(workers.values()), sleep(clock, IN_FLIGHT_MS, inFlight.signal)]);
      inFlight.abort();
    },
  };
}

const outageMs = (entry: OutboxEntry): number =>
  OUTAGE_STEPS_MS[Math.min(entry.attempts, OUTAGE_STEPS_MS.length - 1)] ?? 30_000;
