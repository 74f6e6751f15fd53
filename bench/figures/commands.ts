/** Commands that only read, as an operator types them (bin/nanoclaw, the start-up checks included), beside `node -e 0`. */
import path from 'node:path';
import { projectRoot } from '../../src/lib/project-root.ts';
import type { BenchContext, Row } from '../figure.ts';
import { timeToEnd } from '../support/processes.ts';
import { statsOf } from '../support/stats.ts';
import { openWorld } from '../support/world.ts';

const RUNS = 20;
/** Of the first group that the world is given. */
const FOLDER = 'g0';
const COMMANDS = [
  ['--version'],
  ['status'],
  ['groups', 'list'],
  ['tasks', 'list'],
  ['tasks', 'preview', '30 2 * * 0', '--tz', 'Europe/Berlin'],
  ['messages', '--limit', '20', FOLDER],
  ['turns'],
  ['audit'],
  ['logs'],
  ['backup', 'list'],
  ['--help'],
] as const;

export async function commands(bench: BenchContext): Promise<Row[]> {
  const world = await openWorld(bench);
  world.addGroups(10);
  const daemon = await world.daemon();
  await daemon.ready();
  const bin = path.join(projectRoot(), 'bin', 'nanoclaw');
  const measured = new Map(COMMANDS.map((command) => [command, [] as number[]]));
  const bare: number[] = [];
  for (let run = 0; run <= bench.samples(RUNS); run += 1) {
    const bareMs = await timeToEnd(bench.cleanups, { args: ['-e', '0'] });
    if (run > 0) bare.push(bareMs);
    for (const [command, times] of measured) {
      const ms = await timeToEnd(bench.cleanups, {
        args: [bin, ...command],
        env: world.env,
        cwd: world.home,
      });
      if (run > 0) times.push(ms); // the first ones warm the file cache
    }
  }
  await daemon.stop();
  await world.dispose();
  return [...measured].map(([command, times]) => ({
    name: command.slice(0, command[0] === 'backup' || /^(groups|tasks)$/.test(command[0]) ? 2 : 1).join(' '),
    unit: 'ms',
    measured: statsOf(times),
    limit: { name: 'node -e 0', stats: statsOf(bare) },
    aim: { kind: 'ratio', value: 3 },
  }));
}
