/** Resident memory of an idle daemon with 1,000 groups, beside an empty Node process. */
import type { BenchContext, Row } from '../figure.ts';
import { pause, rssMiB, startEmptyNode } from '../support/processes.ts';
import { seed } from '../support/seed.ts';
import { statsOf } from '../support/stats.ts';
import { openWorld } from '../support/world.ts';

const SAMPLES = 10;
const SETTLE_MS = 10_000;

export async function memory(bench: BenchContext): Promise<Row[]> {
  const world = await openWorld(bench);
  world.withDb((db) => seed(db, world.home, { groups: 1000 }));
  const daemon = await world.daemon();
  await daemon.ready();
  const empty = await startEmptyNode(bench.cleanups);
  await pause(SETTLE_MS);
  const measured: number[] = [];
  const bare: number[] = [];
  for (let i = 0; i < bench.samples(SAMPLES); i += 1) {
    measured.push(rssMiB(daemon.pid));
    bare.push(rssMiB(empty.pid));
    await pause(1000);
  }
  await daemon.stop();
  await empty.stop();
  await world.dispose();
  return [
    {
      name: 'resident, idle, 1,000 groups',
      unit: 'MiB',
      measured: statsOf(measured),
      limit: { name: 'an empty Node process', stats: statsOf(bare) },
      aim: { kind: 'ratio', value: 2 },
    },
  ];
}
