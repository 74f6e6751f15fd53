import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createWindowLimit } from './window-limit.ts';

it('lets no more through within any stretch of that length, and no fewer than it may', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.record({ key: fc.constantFrom('a', 'b'), wait: fc.nat(50) }), { maxLength: 200 }),
      (max, asked) => {
        const limit = createWindowLimit<string>(max, 100);
        const taken: Record<string, number[]> = { a: [], b: [] };
        let now = 0;
        for (const { key, wait } of asked) {
          now += wait;
          const recent = (taken[key] ?? []).filter((at) => at > now - 100).length;
          expect(limit.take(key, now)).toBe(recent < max);
          if (recent < max) taken[key]?.push(now);
        }
      },
    ),
  );
});

it('forgets who has been quiet, and has no limit with 0', () => {
  const limit = createWindowLimit<number>(1, 100);
  for (let i = 0; i < 1000; i += 1) limit.take(i, i);
  expect(limit.size()).toBeLessThan(250);
  const none = createWindowLimit<string>(0, 100);
  expect([none.take('a', 1), none.take('a', 1), none.size()]).toEqual([true, true, 0]);
});
