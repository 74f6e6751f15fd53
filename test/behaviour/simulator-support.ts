/** A simulator served on loopback, spoken to over real HTTP, and a clock that a test steps. */
import { onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { createSimulator, type SimulatorOptions, serveSimulator } from '../../src/simulator/simulator.ts';

export const TOKEN = '4200000001:test-token';

export interface ApiAnswer {
  status: number;
  body: {
    ok: boolean;
    // biome-ignore lint/suspicious/noExplicitAny: the shape is what each test is about
    result?: any;
    error_code?: number;
    description?: string;
    parameters?: { retry_after?: number; migrate_to_chat_id?: number };
  };
}

export async function startSimulator(options: Partial<SimulatorOptions> = {}) {
  const sim = createSimulator({ token: TOKEN, clock: systemClock, ...options });
  const server = await serveSimulator(sim);
  let isClosed = false;
  const close = async () => {
    if (isClosed) return;
    isClosed = true;
    await server.close();
  };
  onTestFinished(close);
  const api = (method: string, params: object = {}, signal?: AbortSignal) =>
    post(`${server.url}/bot${TOKEN}/${method}`, JSON.stringify(params), 'application/json', signal);
  return { sim, url: server.url, api, close };
}

export async function post(
  url: string,
  body: string | URLSearchParams | FormData | Uint8Array<ArrayBuffer>,
  type?: string,
  signal?: AbortSignal,
): Promise<ApiAnswer> {
  const headers = type === undefined ? {} : { 'content-type': type };
  const response = await fetch(url, { method: 'POST', body, headers, ...(signal ? { signal } : {}) });
  return { status: response.status, body: (await response.json()) as ApiAnswer['body'] };
}

/** Time that moves only by `step`; timers run in order of their time. */
export class SteppedClock implements Clock {
  #now: number;
  #elapsed = 0;
  #timers: { at: number; run: () => void }[] = [];

  constructor(now = Date.UTC(2026, 10, 2, 8)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(delayMs: number, run: () => void) {
    const timer = { at: this.#elapsed + delayMs, run };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((t) => t !== timer);
      },
    };
  }

  step(ms: number): void {
    const until = this.#elapsed + ms;
    for (;;) {
      const [next] = this.#timers.filter((t) => t.at <= until).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers = this.#timers.filter((t) => t !== next);
      this.#now += next.at - this.#elapsed;
      this.#elapsed = next.at;
      next.run();
    }
    this.#now += until - this.#elapsed;
    this.#elapsed = until;
  }
}
