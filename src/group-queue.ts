/**
 * The group queue: who runs next? One run per key at a time, at most `cap` runs at once, first come first served
 * between keys: a key that has run goes to the back, so that a busy group cannot starve a quiet one.
 *
 *   wake(key) ─ idle ────────────→ waiting (at the back)
 *             ─ waiting ─────────→ unchanged
 *             ─ running ─────────→ runs once more afterwards
 *             ─ backing off ─────→ unchanged, its timer wakes it   (wakeNow: waiting at once)
 *             ─ resting ─────────→ waiting
 *   waiting ─ a slot is free ────→ running
 *   running ─ 'idle' ────────────→ idle, or waiting if woken meanwhile
 *           ─ 'again' ───────────→ waiting (at the back)
 *           ─ {retryInMs} ───────→ backing off → waiting
 *           ─ … with orWoken ────→ resting → waiting, or waiting if woken meanwhile
 *
 * It holds keys only; the work itself is in the database, so a restart loses nothing: wake every key that has work.
 * It never looks at the database, never touches a container, and a run that throws never stops the others.
 */
import { messageOf } from './errors.ts';
import type { Clock, Timer } from './lib/clock.ts';
import type { Logger } from './log.ts';

/** `orWoken`: what waits cannot begin earlier, something new may. */
export type RunResult = 'idle' | 'again' | { retryInMs: number; orWoken?: true };

export interface GroupQueueOptions<K extends string> {
  clock: Clock;
  log: Logger;
  /** Runs at once, at least 1. */
  cap: number;
  /** Does the work of one key. Must not call back into stop(). A rejection counts as {retryInMs: 5000}. */
  run: (key: K) => Promise<RunResult>;
}

export interface GroupQueue<K extends string> {
  wake(key: K): void;
  /** As wake, and a backoff is cut short. */
  wakeNow(key: K): void;
  /** What was known as `from` is `to` from now on, whatever it does: there is never a run of both. */
  rename(from: K, to: K): void;
  status(): { running: K[]; waiting: K[]; backingOff: K[] };
  /** Somebody waits for a slot. */
  isCrowded(): boolean;
  /** Starts nothing more. Runs in progress go on; they are not waited for. */
  stop(): void;
}

const CRASH_RETRY_MS = 5000;

interface Run<K> {
  key: K;
  /** It was woken meanwhile. */
  again: boolean;
}

export function createGroupQueue<K extends string>(options: GroupQueueOptions<K>): GroupQueue<K> {
  const { clock, log, cap, run } = options;
  const waiting = new Set<K>(); // in order of arrival
  const running = new Map<K, Run<K>>();
  const backingOff = new Map<K, { timer: Timer; orWoken: boolean }>();
  const state = { stopped: false };

  function wake(key: K): void {
    if (state.stopped || waiting.has(key)) return;
    const rest = backingOff.get(key);
    if (rest?.orWoken === false) return;
    rest?.timer.cancel();
    backingOff.delete(key);
    const current = running.get(key);
    if (current) {
      current.again = true;
      return;
    }
    waiting.add(key);
    fill();
  }

  function wakeNow(key: K): void {
    backingOff.get(key)?.timer.cancel();
    backingOff.delete(key);
    wake(key);
  }

  function fill(): void {
    for (const key of waiting) {
      if (state.stopped || running.size >= cap) return;
      waiting.delete(key);
      const one: Run<K> = { key, again: false };
      running.set(key, one);
      void runOne(one);
    }
  }

  async function runOne(one: Run<K>): Promise<void> {
    let result: RunResult;
    try {
      result = await run(one.key);
    } catch (error) {
      log.error({ event: 'run_failed', key: one.key, err: error }, messageOf(error));
      result = { retryInMs: CRASH_RETRY_MS };
    }
    // Its key may be another one by now.
    const { key, again } = one;
    running.delete(key);
    if (!state.stopped) {
      if (typeof result === 'object' && !(again && result.orWoken)) backOff(key, result);
      else if (result !== 'idle' || again) waiting.add(key);
    }
    fill();
  }

  function backOff(key: K, { retryInMs, orWoken }: Exclude<RunResult, string>): void {
    const timer = clock.after(retryInMs, () => {
      backingOff.delete(key);
      wake(key);
    });
    backingOff.set(key, { timer, orWoken: orWoken === true });
  }

  function rename(from: K, to: K): void {
    const one = running.get(from);
    if (one && !running.has(to)) {
      running.delete(from);
      one.key = to;
      running.set(to, one);
    }
    const waits = waiting.delete(from);
    const backsOff = backingOff.get(from);
    backsOff?.timer.cancel();
    backingOff.delete(from);
    // What it waited for is looked at anew.
    if (waits || backsOff) wakeNow(to);
  }

  return {
    wake,
    wakeNow,
    rename,
    status: () => ({
      running: [...running.keys()],
      waiting: [...waiting],
      backingOff: [...backingOff.keys()],
    }),
    isCrowded: () => waiting.size > 0,
    stop() {
      state.stopped = true;
      for (const { timer } of backingOff.values()) timer.cancel();
      backingOff.clear();
      waiting.clear();
    },
  };
}
