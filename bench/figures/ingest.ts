/**
 * Updates per second stored while polling: context messages, in batches of 100 over 50 registered groups, until the
 * poller has confirmed the last one. Beside it: the very rows it stored, inserted in the same batches into a database of the
 * same schema that holds the rows of the runs before, as the daemon's does: an index of 10,000 rows has half as many
 * pages to write for a batch as one of 50,000.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createDb, type Db } from '../../src/db.ts';
import type { BenchContext, Row } from '../figure.ts';
import { ratesOf } from '../support/stats.ts';
import { openWorld, type World } from '../support/world.ts';

const UPDATES = 10_000;
const BATCH = 100;
const GROUPS = 50;
const RUNS = 8;

type Stored = Record<string, unknown>;

export async function ingest(bench: BenchContext): Promise<Row[]> {
  const world = await openWorld(bench);
  const chats = world.addGroups(GROUPS, { requiresTrigger: true });
  const daemon = await world.daemon();
  await daemon.ready();
  const measured: number[] = [];
  const bare: number[] = [];
  const limit = openBare(bench);
  for (let run = 0; run < 1 + bench.samples(RUNS); run += 1) {
    const rate = await ingestOnce(world, chats, run);
    const bareRate = limit.insert(world);
    if (run === 0) continue; // warm-up
    measured.push(rate);
    bare.push(bareRate);
  }
  await daemon.stop();
  await world.dispose();
  await limit.close();
  return [
    {
      name: `updates stored, ${UPDATES} a run`,
      unit: 'rows/s',
      measured: ratesOf(measured),
      limit: {
        name: 'better-sqlite3 inserting the same rows (inbox, messages, offset) in the same batches, FULL, into a database of the same size',
        stats: ratesOf(bare),
      },
      aim: { kind: 'share', value: 0.5 },
      note: 'the time of the simulator, which makes and sends the batches, counts in',
    },
  ];
}

async function ingestOnce(world: World, chats: readonly number[], run: number): Promise<number> {
  for (let i = 0; i < UPDATES; i += 1) {
    const text = `run ${run}, message ${i}, about as long as people write them in a group`;
    world.sim.say({ chat: chats[i % chats.length] ?? 0, from: 'you', text });
  }
  const startedAt = performance.now();
  await world.allConfirmed();
  return (UPDATES * 1000) / (performance.now() - startedAt);
}

/** A database beside the daemon's, which gets the same rows. */
function openBare({ cleanups }: Pick<BenchContext, 'cleanups'>): {
  insert: (world: World) => number;
  close: () => Promise<void>;
} {
  const dir = mkdtempSync(path.join(tmpdir(), 'nanoclaw-bare-'));
  const db = createDb(path.join(dir, 'bare.db'));
  const close = cleanups.add(async () => {
    db.close();
    rmSync(dir, { recursive: true, force: true });
  });
  return { insert: (world) => insertBare(db, world), close };
}

/** The newest rows; returns how many a second. */
function insertBare(db: Db, world: World): number {
  const rows = world.withDb((from) => ({
    inbox: latest(from, 'inbox', 'update_id'),
    messages: latest(from, 'messages', 'seq'),
  }));
  const inbox = inserter(db, 'inbox', rows.inbox[0] ?? {});
  const message = inserter(db, 'messages', rows.messages[0] ?? {});
  const offset = db.sqlite.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES ('offset', ?)");
  const startedAt = performance.now();
  for (let from = 0; from < UPDATES; from += BATCH) {
    db.transaction(() => {
      for (let i = from; i < from + BATCH; i += 1) {
        inbox(rows.inbox[i] ?? {});
        message(rows.messages[i] ?? {});
      }
      offset.run(String(from));
    });
  }
  return (UPDATES * 1000) / (performance.now() - startedAt);
}

const latest = (db: Db, table: string, key: string): Stored[] =>
  db.sqlite
    .prepare<[number], Stored>(
      `SELECT * FROM (SELECT * FROM ${table} ORDER BY ${key} DESC LIMIT ?) ORDER BY ${key}`,
    )
    .all(UPDATES);

function inserter(db: Db, table: string, example: Stored): (row: Stored) => void {
  const columns = Object.keys(example);
  const insert = db.sqlite.prepare(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
  );
  return (row) => insert.run(columns.map((column) => row[column]));
}
