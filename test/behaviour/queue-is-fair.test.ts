import { describe, expect, it } from 'vitest';
import { createGroupQueue, type GroupQueue, type RunResult } from '../../src/group-queue.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createTestLog } from '../support/world.ts';

/** A queue whose runs end when and how the test says. */
function createHarness(cap: number) {
  const clock = createFakeClock();
  const { log, events } = createTestLog();
  const started: string[] = [];
  const open = new Map<string, { resolve: (result: RunResult) => void; reject: (error: Error) => void }>();
  let most = 0;
  const queue: GroupQueue<string> = createGroupQueue({
    clock,
    log,
    cap,
    run: (key) => {
      if (open.has(key)) throw new Error(`two runs of ${key} at once`);
      started.push(key);
      return new Promise<RunResult>((resolve, reject) => {
        open.set(key, { resolve, reject });
        most = Math.max(most, open.size);
      });
    },
  });
  async function end(key: string, result: RunResult | Error): Promise<void> {
    const run = open.get(key);
    if (!run) throw new Error(`${key} is not running`);
    open.delete(key);
    if (result instanceof Error) run.reject(result);
    else run.resolve(result);
    await clock.settle();
  }
  return { clock, queue, started, end, open, events, mostAtOnce: () => most };
}

describe('the queue', () => {
  it('never runs a key twice at once; a wake meanwhile means once more afterwards', async () => {
    const { queue, started, end } = createHarness(5);
    queue.wake('a');
    queue.wake('a');
    queue.wake('a');
    expect(queue.status()).toEqual({ running: ['a'], waiting: [], backingOff: [] });
    await end('a', 'idle');
    expect(started).toEqual(['a', 'a']);
    await end('a', 'idle');
    expect(queue.status()).toEqual({ running: [], waiting: [], backingOff: [] });
  });

  it('holds the cap and serves everyone, first come first served', async () => {
    const { queue, started, end, open, mostAtOnce } = createHarness(3);
    const keys = Array.from({ length: 20 }, (_, i) => `g${i}`);
    for (const key of keys) queue.wake(key);
    expect(queue.isCrowded()).toBe(true);
    while (open.size > 0) await end([...open.keys()][0] ?? '', 'idle');
    expect(started).toEqual(keys);
    expect(mostAtOnce()).toBe(3);
    expect(queue.isCrowded()).toBe(false);
  });

  it('sends a busy key to the back, so that it starves nobody', async () => {
    const { queue, started, end } = createHarness(1);
    queue.wake('busy');
    queue.wake('quiet');
    queue.wake('other');
    await end('busy', 'again');
    await end('quiet', 'idle');
    await end('other', 'idle');
    await end('busy', 'again');
    expect(started).toEqual(['busy', 'quiet', 'other', 'busy', 'busy']);
  });

  it('waits as long as it is told, whoever wakes meanwhile', async () => {
    const { clock, queue, started, end } = createHarness(1);
    queue.wake('a');
    await end('a', { retryInMs: 5000 });
    queue.wake('a');
    await clock.advance(4999);
    expect(started).toEqual(['a']);
    expect(queue.status().backingOff).toEqual(['a']);
    await clock.advance(1);
    expect(started).toEqual(['a', 'a']);
  });

  it('cuts a wait short with wakeNow, and runs once for it', async () => {
    const { clock, queue, started, end } = createHarness(1);
    queue.wake('a');
    await end('a', { retryInMs: 80_000 });
    queue.wakeNow('a');
    expect(started).toEqual(['a', 'a']);
    await end('a', 'idle');
    await clock.advance(100_000);
    expect(started).toEqual(['a', 'a']);
    expect(clock.timers()).toBe(0);
  });

  it('gives the slot of a waiting-to-retry key to others', async () => {
    const { queue, started, end } = createHarness(1);
    queue.wake('broken');
    queue.wake('fine');
    await end('broken', { retryInMs: 60_000 });
    expect(started).toEqual(['broken', 'fine']);
  });

  it('survives a run that rejects: it is tried again in 5 s, the others go on', async () => {
    const { clock, queue, started, end, events } = createHarness(1);
    queue.wake('a');
    queue.wake('b');
    await end('a', new Error('disk full'));
    expect(started).toEqual(['a', 'b']);
    await end('b', 'idle');
    await clock.advance(5000);
    expect(started).toEqual(['a', 'b', 'a']);
    expect(events('run_failed')).toHaveLength(1);
  });

  it('survives a run that throws before it returns a promise', async () => {
    const clock = createFakeClock();
    let calls = 0;
    const queue = createGroupQueue({
      clock,
      log: createTestLog().log,
      cap: 1,
      run: () => {
        calls += 1;
        throw new Error('at once');
      },
    });
    queue.wake('a');
    await clock.advance(5000);
    expect(calls).toBe(2);
    queue.stop();
  });

  it('starts nothing after stop, and leaves no timer', async () => {
    const { clock, queue, started, end } = createHarness(1);
    queue.wake('retrying');
    await end('retrying', { retryInMs: 1000 });
    queue.wake('running');
    queue.wake('waiting');
    queue.stop();
    queue.wake('late');
    queue.wakeNow('retrying');
    await end('running', 'again');
    await clock.advance(10_000);
    expect(started).toEqual(['retrying', 'running']);
    expect(queue.status()).toEqual({ running: [], waiting: [], backingOff: [] });
    expect(clock.timers()).toBe(0);
  });
});
