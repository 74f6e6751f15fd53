/**
 * The queue behind getUpdates, with Telegram's rules:
 * - an offset confirms everything below it, for ever; a negative one keeps only the last n;
 * - one poll at a time: a second ends the first with 409; a webhook ends both;
 * - `allowed_updates` is remembered between calls and applies to updates that are made after it;
 * - what is older than 24 hours is dropped unseen;
 * - ids grow by one and are never used twice, also over a restart with saved state.
 * A poll that waits is answered in the same tick in which an update arrives.
 */
import type { Clock, Timer } from '../lib/clock.ts';
import { BotApiError } from './api-error.ts';
import type { SimEmitter } from './events.ts';
import type { SimUpdate } from './types.ts';

const KEPT_MS = 24 * 60 * 60 * 1000;
/** Kinds a bot has to ask for by name. */
const OPT_IN = new Set(['chat_member', 'message_reaction', 'message_reaction_count']);

interface Pending {
  readonly at: number;
  readonly update: SimUpdate;
}

interface Waiting {
  readonly limit: number;
  readonly finish: (result: SimUpdate[] | BotApiError) => void;
  readonly timer: Timer;
}

export interface UpdatesState {
  nextId: number;
  pending: Pending[];
  allowed: string[] | null;
  webhook: string;
}

export interface PollRequest {
  readonly offset: number;
  readonly limit: number;
  readonly timeoutMs: number;
  /** Undefined: keep what was asked for last. */
  readonly allowed: readonly string[] | undefined;
}

export class UpdateQueue {
  readonly #clock: Clock;
  readonly #events: SimEmitter;
  #nextId: number;
  #pending: Pending[] = [];
  #allowed: Set<string> | null = null;
  #webhook = '';
  #waiting: Waiting | null = null;

  constructor(clock: Clock, events: SimEmitter, saved?: UpdatesState) {
    this.#clock = clock;
    this.#events = events;
    const bySeconds = Math.max(1, Math.floor(clock.now() / 1000));
    this.#nextId = Math.max(bySeconds, saved?.nextId ?? 0);
    if (!saved) return;
    this.#pending = saved.pending;
    this.#allowed = saved.allowed ? new Set(saved.allowed) : null;
    this.#webhook = saved.webhook;
  }

  get pendingCount(): number {
    this.#dropOld();
    return this.#pending.length;
  }

  get webhook(): string {
    return this.#webhook;
  }

  get allowed(): string[] | undefined {
    return this.#allowed ? [...this.#allowed] : undefined;
  }

  /** Does the bot want this kind? */
  wants(kind: string): boolean {
    return this.#allowed ? this.#allowed.has(kind) : !OPT_IN.has(kind);
  }

  push(kind: string, payload: unknown): void {
    if (!this.wants(kind)) return;
    const update: SimUpdate = { update_id: this.#nextId, [kind]: payload };
    this.#nextId += 1;
    this.#pending.push({ at: this.#clock.now(), update });
    this.#events.emit('update-queued', update);
    const waiting = this.#waiting;
    if (waiting) this.#endPoll(this.#take(waiting.limit));
  }

  /** Calls `finish` once: now, when something arrives, or when the time is over. Returns how to give up. */
  poll(request: PollRequest, finish: (result: SimUpdate[] | BotApiError) => void): { cancel(): void } {
    this.#endPoll(
      new BotApiError(
        409,
        'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running',
      ),
    );
    if (this.#webhook) {
      finish(
        new BotApiError(
          409,
          "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
        ),
      );
      return { cancel: () => {} };
    }
    if (request.allowed) this.setAllowed(request.allowed);
    this.#dropOld();
    this.#confirm(request.offset);
    const ready = this.#take(request.limit);
    const waiting = ready.length === 0 && request.timeoutMs > 0;
    if (!waiting) {
      this.#events.emit('poll', { offset: request.offset, waiting });
      finish(ready);
      return { cancel: () => {} };
    }
    const timer = this.#clock.after(request.timeoutMs, () => this.#endPoll([]));
    const mine: Waiting = { limit: request.limit, finish, timer };
    this.#waiting = mine;
    this.#events.emit('poll', { offset: request.offset, waiting });
    return {
      cancel: () => {
        if (this.#waiting !== mine) return;
        timer.cancel();
        this.#waiting = null;
      },
    };
  }

  /** An empty list means: everything but the kinds one has to ask for. */
  setAllowed(kinds: readonly string[]): void {
    this.#allowed = kinds.length === 0 ? null : new Set(kinds);
  }

  setWebhook(url: string): void {
    this.#webhook = url;
    if (url) this.#endPoll(new BotApiError(409, 'Conflict: terminated by setWebhook request'));
  }

  dropPending(): void {
    this.#remove(this.#pending.length);
  }

  save(): UpdatesState {
    return {
      nextId: this.#nextId,
      pending: this.#pending,
      allowed: this.#allowed ? [...this.#allowed] : null,
      webhook: this.#webhook,
    };
  }

  #take(limit: number): SimUpdate[] {
    return this.#pending.slice(0, limit).map((p) => p.update);
  }

  #confirm(offset: number): void {
    if (offset === 0) return;
    if (offset < 0) {
      this.#remove(Math.max(0, this.#pending.length + offset));
      return;
    }
    const keep = this.#pending.findIndex((p) => p.update.update_id >= offset);
    this.#remove(keep < 0 ? this.#pending.length : keep);
  }

  #remove(count: number): void {
    for (const { update } of this.#pending.splice(0, count)) this.#events.emit('update-confirmed', update);
  }

  #dropOld(): void {
    const oldest = this.#clock.now() - KEPT_MS;
    if ((this.#pending[0]?.at ?? oldest) < oldest)
      this.#pending = this.#pending.filter((p) => p.at >= oldest);
  }

  #endPoll(result: SimUpdate[] | BotApiError): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    this.#waiting = null;
    waiting.timer.cancel();
    waiting.finish(result);
  }
}
