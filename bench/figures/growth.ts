/**
 * Does a message take longer when more of them are stored? Two daemons side by side, one with 1,000 messages in its
 * database, one with 1,000,000: update offered to the poller → turn file, asked in turns. The offline agent, so that
 * nothing hides a slow query.
 */
import type { BenchContext, Row } from '../figure.ts';
import { askOnce, inTurns, turnFileSeen } from '../support/asking.ts';
import { LARGE, moveIntoLarge } from '../support/large.ts';
import { seed } from '../support/seed.ts';
import { statsOf } from '../support/stats.ts';
import { openWorld, type World } from '../support/world.ts';

const SAMPLES = 100;
const FEW = 1000;
/** Of the groups, so many are asked in. */
const ASKED = 5;

export async function growth(bench: BenchContext): Promise<Row[]> {
  const small = await openWorld(bench);
  small.withDb((db) => seed(db, small.home, { ...LARGE, messages: FEW }));
  const large = await openWorld(bench);
  const messages = await moveIntoLarge(bench, large);
  const worlds = [small, large];
  const chats = worlds.map((world) => world.knowGroups(ASKED))[0] ?? [];
  const daemons = await Promise.all(worlds.map((world) => world.daemon()));
  await Promise.all(daemons.map((daemon) => daemon.ready()));
  const measured = new Map<World, number[]>(worlds.map((world) => [world, []]));
  await inTurns(bench.samples(SAMPLES), chats, async (chat, folder, isWarmUp) => {
    for (const world of worlds) {
      const seen = isWarmUp ? undefined : turnFileSeen(world.home, folder);
      const { askedAt } = await askOnce(world, chat, '@Nina ping');
      if (seen) measured.get(world)?.push((await seen) - askedAt);
    }
  });
  for (const daemon of daemons) await daemon.stop();
  for (const world of worlds) await world.dispose();
  return [
    {
      name: `update → turn file with ${messages.toLocaleString('en')} messages stored`,
      unit: 'ms',
      measured: statsOf(measured.get(large) ?? []),
      limit: {
        name: `the same with ${FEW.toLocaleString('en')}, in a daemon beside it`,
        stats: statsOf(measured.get(small) ?? []),
      },
      aim: { kind: 'ratio', value: 1.1 },
    },
  ];
}
