import { expect, it } from 'vitest';
import { skewOf } from './ask.ts';

const ASKED = Date.parse('2026-11-21T09:00:00.500Z');

it.each([
  // Whole seconds, written at any moment in between.
  ['Sat, 21 Nov 2026 09:00:00 GMT', 0],
  ['Sat, 21 Nov 2026 09:00:03 GMT', 0],
  ['Sat, 21 Nov 2026 09:00:05 GMT', 1500],
  ['Sat, 21 Nov 2026 08:59:50 GMT', -9500],
  ['yesterday', null],
  [null, null],
])('a server whose Date is %s between 09:00:00.5 and 09:00:03.5 is ahead by %s ms', (date, expected) => {
  expect(skewOf(date, ASKED, ASKED + 3000)).toBe(expected);
});
