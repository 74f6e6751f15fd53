/**
 * Resident memory of an idle daemon with 1,000 groups, beside an empty Node process; then whether it stays there: after
 * 100,000 messages beside after the first half of them. The garbage is not asked for: what counts is what the machine gives.
 */
import type { BenchContext, Row } from '../figure.ts';
import { pause, rssMiB, type Started, startEmptyNode } from '../support/processes.ts';
import { seed } from '../support/seed.ts';
import { statsOf } from '../support/stats.ts';
import { openWorld, type World } from '../support/world.ts';

const GROUPS = 1000;
const MESSAGES = 100_000;
const BATCH = 5000;
const SAMPLES = 10;
const SETTLE_MS = 10_000;

export async function memory(bench: BenchContext): Promise<Row[]> {
  const world = await openWorld(bench);
  world.withDb((db) => seed(db, world.home, { groups: GROUPS }));
  const chats = world.knowGroups(GROUPS);
  const daemon = await world.daemon();
  await daemon.ready();
  const empty = await startEmptyNode(bench.cleanups);
  const idle = await look(bench, daemon);
  const bare = await look(bench, empty);
  const half = bench.rows(MESSAGES) / 2;
  await write(world, chats, half);
  const halfway = await look(bench, daemon);
  await write(world, chats, half);
  const after = await look(bench, daemon);
  await daemon.stop();
  await empty.stop();
  await world.dispose();
  const nothing = { name: 'an empty Node process', stats: statsOf(bare) };
  const times = (count: number) => `${count.toLocaleString('en')} messages`;
  return [
    {
      name: 'resident, idle, 1,000 groups',
      unit: 'MiB',
      measured: statsOf(idle),
      limit: nothing,
      aim: { kind: 'ratio', value: 2 },
    },
    {
      name: `resident, after ${times(2 * half)}`,
      unit: 'MiB',
      measured: statsOf(after),
      limit: nothing,
      aim: { kind: 'ratio', value: 2 },
    },
    {
      name: `resident, after ${times(2 * half)} beside after ${times(half)}`,
      unit: 'MiB',
      measured: statsOf(after),
      limit: { name: `the same daemon after ${times(half)}`, stats: statsOf(halfway) },
      aim: { kind: 'ratio', value: 1.1 },
    },
  ];
}

async function look(bench: BenchContext, process: Started): Promise<number[]> {
  const seen: number[] = [];
  await pause(SETTLE_MS);
  for (let i = 0; i < bench.samples(SAMPLES); i += 1) {
    seen.push(rssMiB(process.pid));
    await pause(200);
  }
  return seen;
}

/** Context messages, a few thousand at a time, until each is stored and confirmed. */
async function write(world: World, chats: readonly number[], count: number): Promise<void> {
  for (let done = 0; done < count; done += BATCH) {
    const some = Math.min(BATCH, count - done);
    for (let i = 0; i < some; i += 1) {
      const text = `message ${done + i}, about as long as people write them in a group`;
      world.sim.say({ chat: chats[(done + i) % chats.length] ?? 0, from: 'you', text });
    }
    await world.allConfirmed();
  }
}
