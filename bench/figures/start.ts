/** Process start → first getUpdates, with years of messages in the database. */
import { statSync } from 'node:fs';
import { databaseFile } from '../../src/db/open.ts';
import type { BenchContext, Row } from '../figure.ts';
import { seed } from '../support/seed.ts';
import { timeStarts } from '../support/starts.ts';
import { statsOf } from '../support/stats.ts';
import { openWorld } from '../support/world.ts';

const STARTS = 20;

export async function startUp(bench: BenchContext): Promise<Row[]> {
  const world = await openWorld(bench);
  bench.say('filling a database with 1,000,000 messages');
  world.withDb((db) => seed(db, world.home, { groups: 1000, messages: 1_000_000, tasks: 10_000 }));
  const sizeMiB = Math.round(statSync(databaseFile(world.home)).size / 2 ** 20);
  const { firstPoll, bare } = await timeStarts(bench, world, bench.samples(STARTS));
  await world.dispose();
  return [
    {
      name: '1,000,000 messages, 1,000 groups, 10,000 tasks: start → first poll',
      unit: 'ms',
      measured: statsOf(firstPoll),
      limit: { name: 'Node starting + opening the file', stats: statsOf(bare) },
      aim: { kind: 'over', value: 300 },
      note: `the database has ${sizeMiB} MiB, in the file cache`,
    },
  ];
}
