/**
 * 10,000 active tasks over 50 groups: how long a start takes, what an idle daemon costs, and how late the claim of 1,000
 * tasks is that are due in one second. A claim counts when its row can be read from outside, so after its commit.
 */
import Database from 'better-sqlite3';
import { databaseFile } from '../../src/db/open.ts';
import type { BenchContext, Row } from '../figure.ts';
import { bareTimerLateness } from '../support/bare-timers.ts';
import { cpuMs, pause, startEmptyNode } from '../support/processes.ts';
import { seed } from '../support/seed.ts';
import { timeStarts } from '../support/starts.ts';
import { statsOf } from '../support/stats.ts';
import { openWorld } from '../support/world.ts';

const TASKS = 10_000;
const GROUPS = 50;
const DUE = 1000;
const STARTS = 10;
const IDLE_WINDOWS = 2;
/** Two looks at the clock and one new poll fall into each. */
const IDLE_WINDOW_MS = 60_000;
/** After a start: until everything of it is over. */
const SETTLE_MS = 5000;
/** The daemon is up well before. */
const LEAD_MS = 8000;
const CLAIM_LIMIT_MS = 60_000;

export async function tasks(bench: BenchContext): Promise<Row[]> {
  const world = await openWorld(bench);
  world.withDb((db) => seed(db, world.home, { groups: GROUPS, tasks: TASKS }));
  const starts = await timeStarts(bench, world, bench.samples(STARTS));
  const limit = { name: 'Node starting + opening the file', stats: statsOf(starts.bare) };
  const idle = await idleRow(bench, world);
  await world.dispose();
  return [
    {
      name: 'start → first poll',
      unit: 'ms',
      measured: statsOf(starts.firstPoll),
      limit,
      aim: { kind: 'p99', value: 1000 },
    },
    {
      name: 'start → scheduler armed',
      unit: 'ms',
      measured: statsOf(starts.wired),
      limit,
      aim: { kind: 'p99', value: 1000 },
    },
    idle,
    await latenessRow(bench, 'claim, 1,000 due at one instant', () => 0),
    await latenessRow(bench, 'claim, 1,000 due over one second', (task) => task),
  ];
}

async function idleRow(bench: BenchContext, world: Awaited<ReturnType<typeof openWorld>>): Promise<Row> {
  const daemon = await world.daemon();
  await daemon.ready();
  const empty = await startEmptyNode(bench.cleanups);
  await pause(SETTLE_MS);
  const measured: number[] = [];
  const bare: number[] = [];
  const perMinute = 60_000 / IDLE_WINDOW_MS;
  for (let window = 0; window < bench.samples(IDLE_WINDOWS); window += 1) {
    const before = [cpuMs(daemon.pid), cpuMs(empty.pid)] as const;
    await pause(IDLE_WINDOW_MS);
    measured.push((cpuMs(daemon.pid) - before[0]) * perMinute);
    bare.push((cpuMs(empty.pid) - before[1]) * perMinute);
  }
  await daemon.stop();
  await empty.stop();
  return {
    name: 'idle',
    unit: 'ms CPU/min',
    measured: statsOf(measured),
    limit: { name: 'an idle empty Node process', stats: statsOf(bare) },
    aim: { kind: 'ratio', value: 2 },
    note: 'each sample is a minute; an empty Node uses so little that a ratio says nothing',
  };
}

async function latenessRow(
  bench: BenchContext,
  name: string,
  offset: (task: number) => number,
): Promise<Row> {
  const world = await openWorld(bench);
  const dueAt = Math.ceil((Date.now() + LEAD_MS) / 1000) * 1000;
  world.withDb((db) =>
    seed(db, world.home, {
      groups: GROUPS,
      tasks: TASKS,
      due: (task) => (task < DUE ? dueAt + offset(task) : undefined),
    }),
  );
  const daemon = await world.daemon();
  await daemon.ready();
  if (Date.now() > dueAt - 1000) throw new Error('the start took so long that the tasks are due already');
  const measured = await claims(databaseFile(world.home));
  await daemon.stop();
  await world.dispose();
  const offsets = Array.from({ length: DUE }, (_, task) => 2000 + offset(task));
  return {
    name,
    unit: 'ms',
    measured: statsOf(measured),
    limit: {
      name: 'bare timers for the same instants',
      stats: statsOf(await bareTimerLateness(bench.cleanups, offsets)),
    },
    aim: { kind: 'p99', value: 50 },
    note: 'the turns of the first tasks begin meanwhile, as they do in life',
  };
}

/** Lateness of each run (ms): when its row was there, less when it was due. */
async function claims(file: string): Promise<number[]> {
  const db = new Database(file, { readonly: true });
  try {
    const newest = db.prepare<[], number | null>('SELECT max(id) FROM task_runs').pluck();
    const dueOf = db.prepare<[number], string>('SELECT due FROM task_runs WHERE id = ?').pluck();
    const seenAt: number[] = [];
    const giveUpAt = performance.now() + LEAD_MS + CLAIM_LIMIT_MS;
    while (seenAt.length < DUE) {
      const now = Date.now();
      const there = newest.get() ?? 0;
      while (seenAt.length < there) seenAt.push(now);
      if (performance.now() > giveUpAt) throw new Error(`only ${seenAt.length} of ${DUE} tasks were claimed`);
      await pause(1);
    }
    return seenAt.map((at, index) => at - Date.parse(dueOf.get(index + 1) ?? ''));
  } finally {
    db.close();
  }
}
