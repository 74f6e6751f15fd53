/** Random wakes, endings, times and stops, against a model that says what must be true after each. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createGroupQueue, type RunResult } from '../../src/group-queue.ts';
import { silentLogger } from '../../src/log.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'] as const;
type Key = (typeof KEYS)[number];

type Step =
  | { do: 'wake' | 'wakeNow'; key: Key }
  | { do: 'end'; pick: number; result: RunResult | 'throw' }
  | { do: 'advance'; ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('wake' as const, 'wakeNow' as const), key: fc.constantFrom(...KEYS) }),
  fc.record({
    do: fc.constant('end' as const),
    pick: fc.nat(9),
    result: fc.oneof(
      fc.constantFrom<RunResult | 'throw'>('idle', 'again', 'throw'),
      fc.record({ retryInMs: fc.nat(20_000) }),
    ),
  }),
  fc.record({ do: fc.constant('advance' as const), ms: fc.nat(8000) }),
);

it('one run per key, the cap, nobody forgotten, everybody served in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(step, { maxLength: 60 }),
      async (cap, steps) => {
        const clock = createFakeClock();
        const open = new Map<Key, (result: RunResult | 'throw') => void>();
        /** Keys that are owed a run: woken and not yet started since. */
        const owed = new Set<Key>();
        /** For each waiting key: which others started since it began to wait. */
        const overtakers = new Map<Key, Key[]>();
        const queue = createGroupQueue<Key>({
          clock,
          log: silentLogger(),
          cap,
          run: (key) => {
            expect(open.has(key), 'two runs of one key').toBe(false);
            expect(open.size, 'more runs than the cap').toBeLessThan(cap);
            owed.delete(key);
            overtakers.delete(key);
            for (const started of overtakers.values()) started.push(key);
            return new Promise((resolve, reject) => {
              open.set(key, (result) => (result === 'throw' ? reject(new Error('x')) : resolve(result)));
            });
          },
        });

        const check = () => {
          const { running, waiting, backingOff } = queue.status();
          expect(new Set(running)).toEqual(new Set(open.keys()));
          expect(new Set([...running, ...waiting, ...backingOff]).size).toBe(
            running.length + waiting.length + backingOff.length,
          );
          if (waiting.length > 0) expect(running.length, 'a slot is free though somebody waits').toBe(cap);
          // What was asked for is in the queue still, unless it is being run and will be run again.
          for (const key of owed) expect([...running, ...waiting, ...backingOff]).toContain(key);
          for (const key of waiting) if (!overtakers.has(key)) overtakers.set(key, []);
          for (const started of overtakers.values())
            expect(new Set(started).size, 'overtaken twice by the same key').toBe(started.length);
        };

        for (const one of steps) {
          if (one.do === 'advance') await clock.advance(one.ms);
          else if (one.do === 'end') {
            const keys = [...open.keys()];
            const key = keys[one.pick % Math.max(1, keys.length)];
            if (key === undefined) continue;
            const finish = open.get(key);
            open.delete(key);
            if (one.result !== 'idle') owed.add(key);
            finish?.(one.result);
            await clock.settle();
          } else {
            owed.add(one.key);
            queue[one.do](one.key);
          }
          check();
        }

        // From here on every run ends well: everything that is owed is run, and then it is quiet.
        for (let rounds = 0; rounds < 200 && (open.size > 0 || clock.timers() > 0); rounds += 1) {
          for (const [key, finish] of [...open]) {
            open.delete(key);
            finish('idle');
            await clock.settle();
          }
          await clock.advance(20_000);
        }
        expect([...owed]).toEqual([]);
        expect(queue.status()).toEqual({ running: [], waiting: [], backingOff: [] });
      },
    ),
    { numRuns: 60 },
  );
});
