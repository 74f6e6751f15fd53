/** What an idle daemon with 10,000 active tasks and 1,000 groups costs: CPU time, beside an idle empty Node process. */
import type { BenchContext, Row } from '../figure.ts';
import { cpuMs, pause, startEmptyNode } from '../support/processes.ts';
import { seed } from '../support/seed.ts';
import { statsOf } from '../support/stats.ts';
import { openWorld } from '../support/world.ts';

const TASKS = 10_000;
const GROUPS = 1000;
const WINDOWS = 2;
/** Two looks at the clock and one new poll fall into each. */
const WINDOW_MS = 60_000;
/** After a start: until everything of it is over, the collection of its garbage among it. */
const SETTLE_MS = 15_000;

export async function idle(bench: BenchContext): Promise<Row[]> {
  const world = await openWorld(bench);
  world.withDb((db) => seed(db, world.home, { groups: GROUPS, tasks: TASKS }));
  const daemon = await world.daemon();
  await daemon.ready();
  const empty = await startEmptyNode(bench.cleanups);
  await pause(SETTLE_MS);
  const measured: number[] = [];
  const bare: number[] = [];
  const perMinute = 60_000 / WINDOW_MS;
  for (let window = 0; window < bench.samples(WINDOWS); window += 1) {
    const before = [cpuMs(daemon.pid), cpuMs(empty.pid)] as const;
    await pause(WINDOW_MS);
    measured.push((cpuMs(daemon.pid) - before[0]) * perMinute);
    bare.push((cpuMs(empty.pid) - before[1]) * perMinute);
  }
  await daemon.stop();
  await empty.stop();
  await world.dispose();
  return [
    {
      name: 'idle, 10,000 tasks, 1,000 groups',
      unit: 'ms CPU/min',
      measured: statsOf(measured),
      limit: { name: 'an idle empty Node process', stats: statsOf(bare) },
      aim: { kind: 'ratio', value: 2 },
      note: 'each sample is a minute',
    },
  ];
}
