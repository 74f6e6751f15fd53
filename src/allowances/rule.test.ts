import { expect, it } from 'vitest';
import { verdictOn } from './rule.ts';

it.each([
  // limit, spent, reserved, own
  [100, 0, 0, 10, 'go'],
  [100, 99, 0, 10_000, 'go'], // what it costs nobody knows, and it must not stall
  [100, 100, 0, 10, 'spent'],
  [100, 101, 50, 10, 'spent'],
  [100, 0, 90, 10, 'go'],
  [100, 0, 90, 11, 'held'],
  [100, 0, 100, 10, 'held'],
  [100, 50, 200, 1, 'held'],
] as const)('limit %i, spent %i, reserved %i, own %i: %s', (limit, spent, reserved, own, verdict) => {
  expect(verdictOn({ limit, spent, reserved }, own)).toBe(verdict);
});
