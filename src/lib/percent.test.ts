import { expect, it } from 'vitest';
import { percent } from './percent.ts';

it('is never none of something, nor all before it is all', () => {
  expect([0, 1, 500, 99_400, 99_999, 100_000, 120_000].map((n) => percent(n, 100_000))).toEqual([
    0, 1, 1, 99, 99, 100, 100,
  ]);
});
