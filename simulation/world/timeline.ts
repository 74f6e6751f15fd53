/**
 * Virtual time: a heap of what is to happen. Each thing happens at its own instant, alone, and all promises that
 * wait for nothing else settle before the next. The wall clock is the monotonic one and an offset that may jump.
 */
import type { Timer } from '../../src/lib/clock.ts';

/** Whose event it is: with its owner's end it does not happen any more. */
export interface Owner {
  readonly alive: boolean;
}

interface Planned {
  at: number;
  order: number;
  happen: (() => void) | null;
  owner: Owner | null;
}

export class Timeline {
  /** Monotonic milliseconds since the beginning of the history. */
  now = 0;
  /** How many things have happened. */
  steps = 0;
  #offset: number;
  #heap: Planned[] = [];
  #orders = 0;

  constructor(startsAt: number) {
    this.#offset = startsAt;
  }

  /** What the machine's clock shows. */
  wall(): number {
    return this.#offset + this.now;
  }

  /** Sets the machine's clock. */
  jump(ms: number): void {
    this.#offset += ms;
  }

  in(delayMs: number, happen: () => void, owner: Owner | null = null): Timer {
    this.#orders += 1;
    const planned: Planned = { at: this.now + Math.max(0, delayMs), order: this.#orders, happen, owner };
    this.#push(planned);
    return {
      cancel() {
        planned.happen = null;
      },
    };
  }

  /** The next thing happens, if it is due until `until`. False: there is none. */
  step(until: number): boolean {
    for (let next = this.#heap[0]; next; next = this.#heap[0]) {
      if (next.happen === null || next.owner?.alive === false) {
        this.#pop();
        continue;
      }
      if (next.at > until) break;
      this.#pop();
      this.now = Math.max(this.now, next.at);
      this.steps += 1;
      next.happen();
      return true;
    }
    this.now = Math.max(this.now, until);
    return false;
  }

  #push(planned: Planned): void {
    const heap = this.#heap;
    let at = heap.push(planned) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const above = heap[up];
      if (above === undefined || !before(planned, above)) break;
      heap[at] = above;
      at = up;
    }
    heap[at] = planned;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      if (left === undefined) break;
      const isRight = right !== undefined && before(right, left);
      const smaller = isRight ? right : left;
      if (!before(smaller, last)) break;
      heap[at] = smaller;
      at = 2 * at + (isRight ? 2 : 1);
    }
    heap[at] = last;
  }
}

const before = (a: Planned, b: Planned): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
