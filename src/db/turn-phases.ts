/**
 * The phases of a turn, on the straight line of a message:
 *   asked ─queue→ claimed ─container→ agent began ─first_output→ model answered ─reply→ settled
 * Each instant is stored with the turn when the daemon takes note of it; after a restart that may be a little late.
 */
import type { Iso } from '../types.ts';

export const PHASES = ['queue', 'container', 'first_output', 'reply'] as const;
export type Phase = (typeof PHASES)[number];

export interface PhaseTimes {
  askedAt: Iso | null;
  queuedAt: Iso;
  agentStartedAt: Iso | null;
  firstOutputAt: Iso | null;
  finishedAt: Iso | null;
}

/**
 * How long each phase took, in ms; null for one that was not reached or left (a turn without a word has no first output:
 * then `first_output` lasts until its end). Never below zero, also when the clock was set back.
 */
export function phaseDurations(t: PhaseTimes): Record<Phase, number | null> {
  const between = (from: Iso | null, to: Iso | null): number | null =>
    from === null || to === null ? null : Math.max(0, Date.parse(to) - Date.parse(from));
  return {
    queue: between(t.askedAt, t.queuedAt),
    container: between(t.queuedAt, t.agentStartedAt),
    first_output: between(t.agentStartedAt, t.firstOutputAt ?? t.finishedAt),
    reply: between(t.firstOutputAt, t.finishedAt),
  };
}

/** Where an open turn is now, and since when. */
export function currentPhase(t: PhaseTimes): { phase: Exclude<Phase, 'queue'>; since: Iso } {
  if (t.firstOutputAt !== null) return { phase: 'reply', since: t.firstOutputAt };
  if (t.agentStartedAt !== null) return { phase: 'first_output', since: t.agentStartedAt };
  return { phase: 'container', since: t.queuedAt };
}
