import { expect, it } from 'vitest';
import { oncePerTick } from './once-per-tick.ts';

it('reads once for what happens without a pause, and anew behind one', async () => {
  let reads = 0;
  const number = oncePerTick(() => ++reads);
  expect([number(), number(), number()]).toEqual([1, 1, 1]);
  await Promise.resolve();
  expect([number(), number()]).toEqual([2, 2]);
});

it('keeps nothing of a reading that failed', () => {
  let fails = true;
  const text = oncePerTick(() => {
    if (fails) throw new Error('cannot be read');
    return 'read';
  });
  expect(text).toThrow('cannot be read');
  fails = false;
  expect(text()).toBe('read');
});
