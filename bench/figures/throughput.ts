/**
 * 500 messages over 50 groups with ten slots: each group asks anew as soon as it was answered, so that all of them want a
 * slot all the time. The offline agent takes a second for each, as a model would; five times as many groups as slots,
 * so nearly every turn also needs an agent of its own to be started. Beside it the same with two slots: what the cap
 * promises is that the rate grows with it. In both none is kept warm beyond the slots: on a machine with much memory all ten
 * groups of the small run would have an agent of their own, and no start, but not the fifty. Fairness: the time of the slowest group beside that of the median one.
 */
import type { BenchContext, Row } from '../figure.ts';
import { within } from '../support/processes.ts';
import { statsOf } from '../support/stats.ts';
import { openWorld } from '../support/world.ts';

const FULL = { cap: 10, groups: 50, each: 10 };
const SMALL = { cap: 2, groups: 10, each: 6 };
const TURN = 'slow 1';
const LIMIT_MS = 600_000;

export async function throughput(bench: BenchContext): Promise<Row[]> {
  const each = Math.max(2, bench.samples(FULL.each));
  const full = await askAll(bench, { ...FULL, each });
  const small = await askAll(bench, { ...SMALL, each: Math.max(2, bench.samples(SMALL.each)) });
  const scale = FULL.cap / SMALL.cap;
  return [
    {
      name: `${FULL.groups * each} messages over ${FULL.groups} groups, cap ${FULL.cap}`,
      unit: 'messages/s',
      measured: statsOf([full.rate]),
      limit: {
        name: `${scale} × the rate with cap ${SMALL.cap} over ${SMALL.groups} groups`,
        stats: statsOf([scale * small.rate]),
      },
      aim: { kind: 'share', value: 0.9 },
      note: `a turn is one second of waiting; ${FULL.cap} slots could do ${FULL.cap} a second`,
    },
    {
      name: 'fairness: slowest group beside the median one',
      unit: '×',
      measured: statsOf([full.slowest / full.median]),
      limit: null,
      aim: { kind: 'most', value: 1.5 },
    },
    {
      name: 'a group waits for its answer',
      unit: 'ms',
      measured: statsOf(full.waits),
      limit: null,
      aim: null,
      note: `with ${FULL.groups / FULL.cap} groups for each slot ${FULL.groups / FULL.cap} seconds are due`,
    },
  ];
}

interface Asked {
  /** Answers per second. */
  rate: number;
  /** Until a group had its last answer (ms). */
  slowest: number;
  median: number;
  /** From each question to its answer (ms). */
  waits: number[];
}

async function askAll(
  bench: BenchContext,
  { cap, groups, each }: { cap: number; groups: number; each: number },
): Promise<Asked> {
  const world = await openWorld(bench, { MAX_CONCURRENT_CONTAINERS: String(cap), WARM_MEMORY_MB: '0' });
  const chats = world.addGroups(groups);
  const daemon = await world.daemon();
  await daemon.ready();
  const waits: number[] = [];
  const ends: number[] = [];
  const left = new Map(chats.map((chat) => [chat, each]));
  const askedAt = new Map<number, number>();
  const ask = (chat: number) => {
    askedAt.set(chat, performance.now());
    world.sim.say({ chat, from: 'you', text: TURN });
  };
  const startedAt = performance.now();
  const done = new Promise<void>((resolve) => {
    world.sim.on('sent', ({ chat: { id: chat } }) => {
      const now = performance.now();
      waits.push(now - (askedAt.get(chat) ?? now));
      const more = (left.get(chat) ?? 0) - 1;
      left.set(chat, more);
      if (more > 0) return ask(chat);
      ends.push(now - startedAt);
      if (ends.length === groups) resolve();
    });
  });
  for (const chat of chats) ask(chat);
  await within('the last answer', LIMIT_MS, done);
  await daemon.stop();
  await world.dispose();
  const { median } = statsOf(ends);
  const slowest = Math.max(...ends);
  return { rate: (groups * each * 1000) / slowest, slowest, median, waits };
}
