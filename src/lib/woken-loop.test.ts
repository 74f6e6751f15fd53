import { expect, it } from 'vitest';
import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createWokenLoop, type WokenLoopOptions } from './woken-loop.ts';

function harness(more: Partial<WokenLoopOptions<string>> = {}) {
  const clock = createFakeClock();
  const waiting: string[] = [];
  const done: string[] = [];
  const failures: unknown[] = [];
  const held: (() => void)[] = [];
  let atOnce = 0;
  let most = 0;
  const loop = createWokenLoop<string>({
    clock,
    open: () => [...waiting],
    async act(one) {
      atOnce += 1;
      most = Math.max(most, atOnce);
      if (one.startsWith('hold')) await new Promise<void>((go) => held.push(go));
      atOnce -= 1;
      if (one === 'throw') throw new Error('as the test says');
      if (one.startsWith('later')) return 1000;
      done.push(one);
      waiting.splice(waiting.indexOf(one), 1);
      return 0;
    },
    failed: (error) => failures.push(error),
    isOpen: () => true,
    ...more,
  });
  const add = (...all: string[]) => {
    waiting.push(...all);
    loop.wake();
  };
  return { clock, waiting, done, failures, held, loop, add, most: () => most };
}

it('does what there is, one after the other, and what came meanwhile, without being woken twice', async () => {
  const { clock, done, held, add, most, waiting } = harness();
  add('one', 'hold two', 'three');
  await clock.settle();
  add('four');
  add('five');
  held[0]?.();
  await clock.settle();
  expect(done).toEqual(['one', 'hold two', 'three', 'four', 'five']);
  expect(most()).toBe(1);
  expect(waiting).toEqual([]);
  expect(clock.timers()).toBe(0);
});

it('waits for what is to be tried again, and what is new waits with it', async () => {
  const { clock, done, add, waiting } = harness();
  add('later');
  await clock.settle();
  add('new');
  await clock.advance(999);
  expect(done).toEqual([]);
  waiting[0] = 'now';
  await clock.advance(1);
  expect(done).toEqual(['now', 'new']);
});

it('impatient, it does what came while it was at another before it waits', async () => {
  const { clock, done, held, add } = harness({ isImpatient: true });
  add('later', 'hold');
  await clock.settle();
  add('new');
  held[0]?.();
  await clock.settle();
  expect(done).toEqual(['hold', 'new']);
  expect(clock.timers()).toBe(1);
});

it('rests after a failure until it is woken, and goes on then', async () => {
  const { clock, done, failures, add, loop, waiting } = harness();
  add('throw', 'one');
  await clock.settle();
  expect(failures).toHaveLength(1);
  expect(clock.timers()).toBe(0);
  waiting.shift();
  loop.wake();
  await clock.settle();
  expect(done).toEqual(['one']);
});

it('begins nothing more once it is stopped, waits for nothing, and cannot be woken', async () => {
  const { clock, done, held, add, loop } = harness();
  add('hold', 'two');
  await clock.settle();
  loop.stop();
  held[0]?.();
  await clock.settle();
  loop.wake();
  await clock.settle();
  expect(done).toEqual(['hold']);
  expect(loop.isOver()).toBe(true);
  expect(clock.timers()).toBe(0);
});
