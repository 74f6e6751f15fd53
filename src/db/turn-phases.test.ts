import { expect, it } from 'vitest';
import type { Iso } from '../types.ts';
import { currentPhase, type PhaseTimes, phaseDurations } from './turn-phases.ts';

const at = (second: number): Iso => `2026-11-02T08:00:0${second}.000Z` as Iso;
const whole: PhaseTimes = {
  askedAt: at(0),
  queuedAt: at(1),
  agentStartedAt: at(3),
  firstOutputAt: at(6),
  finishedAt: at(9),
};

it('a whole turn is the sum of its phases', () => {
  const phases = phaseDurations(whole);
  expect(phases).toEqual({ queue: 1000, container: 2000, first_output: 3000, reply: 3000 });
  expect(Object.values(phases).reduce((sum: number, ms) => sum + (ms ?? 0), 0)).toBe(9000);
});

it('what was not reached is null, and a turn without a word waits for one to its end', () => {
  expect(phaseDurations({ ...whole, firstOutputAt: null })).toEqual({
    queue: 1000,
    container: 2000,
    first_output: 6000,
    reply: null,
  });
  expect(phaseDurations({ ...whole, agentStartedAt: null, firstOutputAt: null })).toEqual({
    queue: 1000,
    container: null,
    first_output: null,
    reply: null,
  });
});

it('a clock that was set back makes no phase negative', () => {
  expect(phaseDurations({ ...whole, agentStartedAt: at(0) })).toMatchObject({ container: 0 });
});

it('an open turn is in its last phase that was entered', () => {
  const open = { ...whole, finishedAt: null };
  expect(currentPhase(open)).toEqual({ phase: 'reply', since: at(6) });
  expect(currentPhase({ ...open, firstOutputAt: null })).toEqual({ phase: 'first_output', since: at(3) });
  expect(currentPhase({ ...open, firstOutputAt: null, agentStartedAt: null })).toEqual({
    phase: 'container',
    since: at(1),
  });
});
