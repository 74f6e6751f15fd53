/** What the lines of the drill share. Each tries one thing from inside a container and judges what came of it. */
import { ATTACKER, type DrillWorld } from './drill-world.ts';
import type { Finding } from './finding.ts';
import { type ProbeSteps, probe } from './probe.ts';

/** Without the fix, which comes from the table in drill.ts. */
export const bad = (id: string, seen: string): Finding => ({ id, state: 'fail', seen });

export const some = (list: readonly string[]): string =>
  list.slice(0, 5).join(', ') + (list.length > 5 ? ` and ${list.length - 5} more` : '');

export const idOf = (world: DrillWorld, folder: string): string => {
  const id = world.containers[folder];
  if (id === undefined) throw new Error(`the group ${folder} has no container`);
  return id;
};

export const attack = <S extends keyof ProbeSteps>(
  world: DrillWorld,
  step: S,
  given: ProbeSteps[S]['given'],
  folder: string = ATTACKER,
) => probe(world.engine, idOf(world, folder), step, given);
