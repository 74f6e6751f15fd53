import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createStartGate, HOLD_MS, type Leave } from './start-gate.ts';

/** Who has entered, in order. */
function gateOf(places: number) {
  const clock = createFakeClock();
  const gate = createStartGate(clock, places);
  const entered: string[] = [];
  const leaves = new Map<string, Leave>();
  return {
    clock,
    gate,
    entered,
    enter(...names: string[]) {
      for (const name of names)
        void gate.enter().then((leave) => {
          entered.push(name);
          leaves.set(name, leave);
        });
      return clock.settle();
    },
    leave(name: string) {
      leaves.get(name)?.();
      return clock.settle();
    },
  };
}

describe('the places for starts', () => {
  it('are given in the order of asking, each anew when it is free', async () => {
    const { enter, leave, entered } = gateOf(2);
    await enter('a', 'b', 'c', 'd');
    expect(entered).toEqual(['a', 'b']);
    await leave('b');
    expect(entered).toEqual(['a', 'b', 'c']);
    await leave('a');
    await leave('c');
    await leave('d');
    await enter('e', 'f', 'g');
    expect(entered).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('are freed once, however often one leaves', async () => {
    const { enter, leave, entered, clock } = gateOf(1);
    await enter('a', 'b', 'c');
    await leave('a');
    await leave('a');
    expect(entered).toEqual(['a', 'b']);
    await clock.advance(HOLD_MS);
    await leave('b');
    expect(entered).toEqual(['a', 'b', 'c']);
  });

  it('are not kept for ever by one that shows nothing', async () => {
    const { enter, entered, clock } = gateOf(1);
    await enter('a', 'b');
    await clock.advance(HOLD_MS - 1);
    expect(entered).toEqual(['a']);
    await clock.advance(1);
    expect(entered).toEqual(['a', 'b']);
  });

  it('are given to nobody once it is stopped, and no timer is left', async () => {
    const { gate, enter, leave, entered, clock } = gateOf(1);
    await enter('a', 'b');
    gate.stop();
    await leave('a');
    await enter('c');
    await clock.advance(HOLD_MS);
    expect(entered).toEqual(['a']);
    expect(clock.timers()).toBe(0);
  });
});
