/**
 * 1,000 of 10,000 active tasks over 50 groups become due in one second: how late the claim of each is. It counts when its
 * row can be read from outside, so after its commit. Beside it bare timers for the same instants in an idle Node.
 */
import Database from 'better-sqlite3';
import { databaseFile } from '../../src/db/open.ts';
import type { BenchContext, Row } from '../figure.ts';
import { bareTimerLateness } from '../support/bare-timers.ts';
import { pause } from '../support/processes.ts';
import { seed } from '../support/seed.ts';
import { statsOf } from '../support/stats.ts';
import { openWorld } from '../support/world.ts';

const TASKS = 10_000;
const GROUPS = 50;
const DUE = 1000;
/** The daemon is up well before. */
const LEAD_MS = 8000;
const CLAIM_LIMIT_MS = 60_000;

export async function lateness(bench: BenchContext): Promise<Row[]> {
  return [
    await latenessRow(bench, 'claim, 1,000 due at one instant', () => 0),
    await latenessRow(bench, 'claim, 1,000 due over one second', (task) => task),
  ];
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
