/** Process start → first getUpdates, and → wired, with years of messages in the database. */
import { statSync } from 'node:fs';
import { databaseFile } from '../../src/db/open.ts';
import type { BenchContext, Row } from '../figure.ts';
import { LARGE, moveIntoLarge } from '../support/large.ts';
import { timeStarts } from '../support/starts.ts';
import { statsOf } from '../support/stats.ts';
import { openWorld } from '../support/world.ts';

const STARTS = 20;

export async function startUp(bench: BenchContext): Promise<Row[]> {
  const world = await openWorld(bench);
  const messages = await moveIntoLarge(bench, world);
  const sizeMiB = Math.round(statSync(databaseFile(world.home)).size / 2 ** 20);
  const { firstPoll, wired, bare } = await timeStarts(bench, world, bench.samples(STARTS));
  await world.dispose();
  const holds = [
    `${messages.toLocaleString('en')} messages`,
    `${LARGE.groups.toLocaleString('en')} groups`,
    `${LARGE.tasks.toLocaleString('en')} tasks`,
  ];
  const shared = {
    unit: 'ms',
    limit: { name: 'Node starting + opening the file', stats: statsOf(bare) },
    aim: { kind: 'over', value: 300 },
  } as const;
  return [
    {
      ...shared,
      name: 'process start → first poll',
      measured: statsOf(firstPoll),
      note: `${holds.join(', ')}: ${sizeMiB} MiB, in the file cache`,
    },
    { ...shared, name: 'process start → all wired, the scheduler armed', measured: statsOf(wired) },
  ];
}
