/**
 * Does a message take longer when more of them are stored? Two daemons side by side, one with 1,000 messages in its
 * database, one with 1,000,000: update offered to the poller → turn file. Asked in pairs, right behind one another and each
 * first as often as the other, so that whatever else the machine does hits both; what is asked for is the median of the pairs'
 * ratios. The offline agent, so that nothing hides a slow query.
 */
import type { BenchContext, Row } from '../figure.ts';
import { askOnce, inTurns, turnFileSeen } from '../support/asking.ts';
import { LARGE, moveIntoLarge } from '../support/large.ts';
import { seed } from '../support/seed.ts';
import { statsOf } from '../support/stats.ts';
import { openWorld } from '../support/world.ts';

const SAMPLES = 200;
const FEW = 1000;
/** Of the groups, so many are asked in. */
const ASKED = 5;

/** Milliseconds of two questions right behind one another. */
interface Pair {
  small: number;
  large: number;
}

export async function growth(bench: BenchContext): Promise<Row[]> {
  const small = await openWorld(bench);
  small.withDb((db) => seed(db, small.home, { ...LARGE, messages: FEW }));
  const large = await openWorld(bench);
  const messages = await moveIntoLarge(bench, large);
  const worlds = [small, large];
  const chats = worlds.map((world) => world.knowGroups(ASKED))[0] ?? [];
  const daemons = await Promise.all(worlds.map((world) => world.daemon()));
  await Promise.all(daemons.map((daemon) => daemon.ready()));
  const pairs: Pair[] = [];
  let asked = 0;
  await inTurns(bench.samples(SAMPLES), chats, async (chat, folder, isWarmUp) => {
    const pair: Pair = { small: 0, large: 0 };
    const order = asked % 2 === 0 ? (['small', 'large'] as const) : (['large', 'small'] as const);
    asked += 1;
    for (const which of order) {
      const world = { small, large }[which];
      const seen = isWarmUp ? undefined : turnFileSeen(world.home, folder);
      const { askedAt } = await askOnce(world, chat, '@Nina ping');
      if (seen) pair[which] = (await seen) - askedAt;
    }
    if (!isWarmUp) pairs.push(pair);
  });
  for (const daemon of daemons) await daemon.stop();
  for (const world of worlds) await world.dispose();
  const many = messages.toLocaleString('en');
  const few = FEW.toLocaleString('en');
  return [
    {
      name: `update → turn file with ${many} messages stored`,
      unit: 'ms',
      measured: statsOf(pairs.map((pair) => pair.large)),
      limit: {
        name: `the same with ${few}, in a daemon beside it`,
        stats: statsOf(pairs.map((pair) => pair.small)),
      },
      aim: null,
    },
    {
      name: `growth: with ${many} messages beside with ${few}, pair by pair`,
      unit: '×',
      measured: statsOf(pairs.map((pair) => pair.large / pair.small)),
      limit: null,
      aim: { kind: 'most', value: 1.1 },
      note: 'of the ratios of two questions asked right behind one another; p95 and p99 are what else the machine did',
    },
  ];
}
