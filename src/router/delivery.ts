/**
 * From the outbox to Telegram: one worker per chat that has something to send, strictly in order.
 *
 *   next entry → wait (not_before, pacing) → COMMIT sending → request ─┬─ yes ───────── COMMIT sent + own message
 *                                                                       ├─ no, later ── COMMIT pending (429, 5xx, offline)
 *                                                                       ├─ no, never ── COMMIT failed
 *                                                                       └─ unknown ──── COMMIT uncertain → once more, marked ↻
 *
 * Where nothing is ahead of a reply, it is stored as `sending` in the commit that ends its turn (begin), and requested behind it.
 * It never drops an entry because of an outage, and never repeats one whose result is unknown more than once. What each answer
 * means: outcomes.ts.
 */
import type { OutboxEntry } from '../db/outbox.ts';
import { messageOf } from '../errors.ts';
import { REPEAT_MARK } from '../format.ts';
import { aborted, sleep } from '../lib/clock.ts';
import type { Reach } from '../lib/failpoint.ts';
import { type Telegram, TelegramError } from '../telegram/api.ts';
import { type ChatJid, type Iso, iso, type TurnId } from '../types.ts';
import { requestFor } from './outbox-request.ts';
import { createOutcomes, type OutcomesOptions, UNKNOWN_WAIT_MS } from './outcomes.ts';

const IN_FLIGHT_MS = 3000;
/** The longest window of a limit. */
const REMEMBERED_MS = 60_000;

export interface DeliveryOptions extends Omit<OutcomesOptions, 'wake'> {
  telegram: Telegram;
  /** An entry of this turn is settled. */
  settled?: (turn: TurnId) => void;
  reach?: Reach | undefined;
}

export interface Delivery {
  /** Takes up what an earlier daemon left. */
  start(): void;
  /** There is something to send to this chat. */
  wake(jid: ChatJid): void;
  /**
   * In the caller's transaction: if the chat's next entry can go out at once, it is `sending` from this commit on. To be woken
   * behind it, and before anything else: who dies in between has it repeated, marked.
   */
  begin(jid: ChatJid): void;
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
  const outcomes = createOutcomes({ ...options, wake });
  const workers = new Map<ChatJid, Promise<void>>();
  /** Requests under way: one whose chat gets another id meanwhile is not sent there, too. */
  const inFlight = new Map<number, Promise<void>>();
  /** Stored as `sending`, and not requested yet. */
  const begun = new Set<number>();
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

  /** Nothing while its group is paused. What this daemon has begun and not requested is as good as pending. */
  function nextOf(jid: ChatJid): OutboxEntry | null {
    const entry = db.pauses.of(jid) === null ? db.outbox.next(jid) : null;
    if (entry === null || !begun.has(entry.id)) return entry;
    return { ...entry, state: 'pending', attempts: entry.attempts - 1 };
  }

  function begin(jid: ChatJid): void {
    if (stopped.signal.aborted || workers.has(jid)) return;
    const entry = nextOf(jid);
    if (entry?.state !== 'pending' || entry.notBefore !== null || begun.has(entry.id)) return;
    if (pacing.delay(jid, clock.monotonic()) > 0) return;
    db.outbox.markSending(entry.id, false, iso(clock.now()));
    db.afterCommit(() => begun.add(entry.id));
  }

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
    if (!begun.delete(entry.id)) db.outbox.markSending(entry.id, repeat, iso(clock.now()));
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
        error instanceof TelegramError
          ? outcomes.refused(entry, error)
          : outcomes.unreachable(entry, error, repeat),
      );
    }
    options.reach?.('send.answered');
    await noteSurely(entry, () => outcomes.arrived(entry, outcome.messageId));
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
          outcomes.tellLost(entry);
        }
      });
      for (const jid of db.outbox.chatsWithOpen()) wake(jid);
    },
    wake,
    begin,
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
      if (db.sqlite.open) for (const id of begun) db.outbox.takeBack(id);
    },
  };
}
