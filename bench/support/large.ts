/** The home of a daemon that has run for years: 1,000 groups, 10,000 tasks, 1,000,000 messages. Made once in a run. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { databaseFile } from '../../src/db/open.ts';
import { createDb, type Db } from '../../src/db.ts';
import type { BenchContext } from '../figure.ts';
import { seed } from './seed.ts';
import type { World } from './world.ts';

export const LARGE = { groups: 1000, tasks: 10_000, messages: 1_000_000 };

/** Indexes what was seeded, as a daemon that has run for years has done. */
export function indexAll(db: Db): void {
  while (db.transaction(() => db.searchIndex.step(2000)));
}

/** Makes it the home of `world`, in which no daemon has run yet; returns how many messages it has (fewer with --quick). */
export async function moveIntoLarge(bench: BenchContext, world: World): Promise<number> {
  const messages = bench.rows(LARGE.messages);
  const made = await bench.once('large home', async () => {
    bench.say(`  filling a database with ${messages.toLocaleString('en')} messages`);
    const dir = mkdtempSync(path.join(tmpdir(), 'nanoclaw-large-'));
    bench.cleanups.add(() => rmSync(dir, { recursive: true, force: true }));
    const db = createDb(databaseFile(dir));
    seed(db, dir, { ...LARGE, messages });
    indexAll(db);
    db.close();
    return dir;
  });
  cpSync(made, world.home, { recursive: true });
  return messages;
}
