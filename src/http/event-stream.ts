/**
 * Server-sent events to the pages that listen. Bounded: so many listeners at most, and one that does not take what it is
 * sent is dropped (its browser connects again) instead of being waited for. Silence is broken by a comment now and then, so
 * that a connection that died is noticed. Holds nothing but the open answers.
 */
import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../lib/clock.ts';
import { sendJson } from './send-json.ts';

const HEARTBEAT_MS = 15_000;

export interface EventStreamOptions {
  clock: Clock;
  mostListeners: number;
  /** A listener that is this far behind is dropped. */
  mostBacklogBytes: number;
  /** How soon a browser connects again. */
  retryMs: number;
}

export class EventStream {
  readonly #o: EventStreamOptions;
  readonly #listeners = new Set<ServerResponse>();
  #heartbeat: Timer | undefined;

  constructor(options: EventStreamOptions) {
    this.#o = options;
  }

  get size(): number {
    return this.#listeners.size;
  }

  /** Answers the request with the stream, `first` at its head; or with 503 when too many listen. False then. */
  open(res: ServerResponse, first: unknown): boolean {
    if (this.#listeners.size >= this.#o.mostListeners) {
      sendJson(res, 503, { error: 'too many pages are open' });
      return false;
    }
    res.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-accel-buffering': 'no',
    });
    res.write(`retry: ${this.#o.retryMs}\n\n${frame(first)}`);
    this.#listeners.add(res);
    res.on('close', () => this.#listeners.delete(res));
    if (!this.#heartbeat) this.#beat();
    return true;
  }

  /** `event` as JSON to all. */
  send(event: unknown): void {
    if (this.#listeners.size > 0) this.#write(frame(event));
  }

  close(): void {
    this.#heartbeat?.cancel();
    for (const res of this.#listeners) res.destroy();
    this.#listeners.clear();
  }

  #write(text: string): void {
    for (const res of this.#listeners) {
      if (res.writableLength > this.#o.mostBacklogBytes) res.destroy();
      else res.write(text);
    }
  }

  #beat(): void {
    this.#heartbeat = this.#o.clock.after(HEARTBEAT_MS, () => {
      this.#heartbeat = undefined;
      if (this.#listeners.size === 0) return;
      this.#write(': still here\n\n');
      this.#beat();
    });
  }
}

/** JSON has no line breaks of its own. */
const frame = (event: unknown): string => `data: ${JSON.stringify(event)}\n\n`;
