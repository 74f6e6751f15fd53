/**
 * What Telegram has for the bot: updates that stay until they are confirmed, one poll that waits for them, and, once in a
 * while, one that comes again.
 */
import type { Update } from 'grammy/types';
import type { Daemon } from './daemon.ts';
import type { Network } from './network.ts';
import type { Rng } from './rng.ts';
import type { World } from './world.ts';

interface Poll {
  daemon: Daemon;
  offset: number;
  answer(updates: Update[]): void;
}

/** Telegram keeps an update for a day at most; what the daemon must know again is what it took within that time. */
const OFFERED_AGAIN_MS = 12 * 3_600_000;
const OFFERED = 100;

export class Updates {
  /** Given to the daemon, not confirmed yet. */
  open: Update[] = [];
  /** When an update was confirmed, in monotonic milliseconds. */
  readonly confirmedAt = new Map<number, number>();
  #lastId = 1000;
  #poll: Poll | null = null;
  #confirmed: Update[] = [];
  readonly #world: World;
  readonly #network: Network;
  readonly #rng: Rng;

  constructor(world: World, network: Network, rng: Rng) {
    this.#world = world;
    this.#network = network;
    this.#rng = rng;
  }

  /** Something has happened in a chat: Telegram keeps it until the bot confirms it. */
  offer(update: Omit<Update, 'update_id'>): number {
    this.#lastId += this.#rng.chance(0.02) ? 2 : 1;
    const offered = { ...update, update_id: this.#lastId } as Update;
    this.open.push(offered);
    this.#answerPoll();
    return offered.update_id;
  }

  /** A long poll: answered as soon as there is something, or with nothing after its time. */
  hold(daemon: Daemon, offset: number, timeoutS: number, answer: (updates: Update[]) => void): void {
    const poll: Poll = { daemon, offset, answer };
    this.#poll = poll;
    this.#answerPoll();
    const end = () => {
      if (this.#poll !== poll) return;
      this.#poll = null;
      answer([]);
    };
    this.#world.timeline.in(timeoutS * 1000, end, daemon);
  }

  confirm(offset: number): void {
    const confirmed = this.open.filter((update) => update.update_id < offset);
    if (confirmed.length === 0) return;
    for (const { update_id } of confirmed) this.confirmedAt.set(update_id, this.#world.timeline.now);
    this.open = this.open.filter((update) => update.update_id >= offset);
    this.#confirmed = [...this.#confirmed, ...confirmed].slice(-20);
  }

  pending(offset: number): Update[] {
    const pending = this.open.filter((update) => update.update_id >= offset).slice(0, OFFERED);
    if (!this.#world.faults || pending.length === 0 || !this.#rng.chance(0.03)) return pending;
    // Once in a while something comes again.
    this.#world.count('updates offered again');
    const recent = this.#confirmed.filter(
      ({ update_id }) => this.#world.timeline.now - (this.confirmedAt.get(update_id) ?? 0) < OFFERED_AGAIN_MS,
    );
    const again = recent.length > 0 ? [this.#rng.pick(recent)] : [];
    return [...again, ...pending, this.#rng.pick(pending)];
  }

  #answerPoll(): void {
    const poll = this.#poll;
    if (!poll?.daemon.alive) return;
    const updates = this.pending(poll.offset);
    if (updates.length === 0) return;
    this.#poll = null;
    this.#world.timeline.in(this.#network.latency(), () => poll.answer(updates), poll.daemon);
  }
}
