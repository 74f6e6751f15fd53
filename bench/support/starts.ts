/** Starts of the daemon beside the bare limit: Node starting, the database file opened, one row read. */
import { databaseFile } from '../../src/db/open.ts';
import { projectRoot } from '../../src/lib/project-root.ts';
import type { BenchContext } from '../figure.ts';
import { start, within } from './processes.ts';
import type { World } from './world.ts';

const WIRED_LIMIT_MS = 60_000;

export interface Starts {
  firstPoll: number[];
  /** Until everything is wired, the scheduler armed among it: the last thing start() does. */
  wired: number[];
  bare: number[];
}

/** In turns, after one of each to warm the file cache. */
export async function timeStarts(bench: BenchContext, world: World, count: number): Promise<Starts> {
  const starts: Starts = { firstPoll: [], wired: [], bare: [] };
  for (let i = 0; i <= count; i += 1) {
    const bareMs = await bareStart(bench, databaseFile(world.home));
    const daemon = await world.daemon();
    const wiredAt = await within('the daemon to be wired', WIRED_LIMIT_MS, daemon.said('/status/\n'));
    await daemon.ready();
    await daemon.stop();
    if (i === 0) continue;
    starts.bare.push(bareMs);
    starts.firstPoll.push(daemon.firstPollMs);
    starts.wired.push(wiredAt - daemon.startedAt);
  }
  return starts;
}

async function bareStart(bench: BenchContext, file: string): Promise<number> {
  const script = `const db = new (require('better-sqlite3'))(process.argv[1]);
    db.prepare('SELECT value FROM meta').get(); console.log('open'); db.close();`;
  const bare = start(bench.cleanups, { args: ['-e', script, file], cwd: projectRoot() });
  const openAt = await bare.said('open');
  await bare.stop();
  return openAt - bare.startedAt;
}
