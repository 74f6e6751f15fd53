import { expect, it } from 'vitest';
import { BoundedMap } from './bounded-map.ts';

it('never holds more than it may, and forgets what was added first', () => {
  const map = new BoundedMap<number, string>(3);
  for (let n = 0; n < 1000; n += 1) {
    map.set(n, String(n));
    expect(map.size).toBeLessThanOrEqual(3);
  }
  expect([...map.keys()]).toEqual([997, 998, 999]);
  map.set(998, 'again');
  expect([...map]).toEqual([
    [997, '997'],
    [998, 'again'],
    [999, '999'],
  ]);
});

it('forgets a key that is undefined, too', () => {
  const map = new BoundedMap<undefined | 1, number>(1);
  map.set(undefined, 0).set(1, 1);
  expect([...map.keys()]).toEqual([1]);
});
