/**
 * npm run soak -- [--minutes 60] [--rate 5] [--groups N]: a real daemon, its offline agents as processes and a simulator live
 * through many messages a second; what must not grow is looked at the whole time. Retention is set so short that its bounds
 * are reached within the run. Prints a table and a verdict. Exit codes: 0 all answered once and flat, 1 not, 2 wrong usage.
 * Linux only: it reads /proc. Growth is only judged in runs of half an hour and more; what was answered, and the fixed
 * bounds, always. Leaves nothing behind, also when it is interrupted.
 */

import { runSoak, type SoakOptions } from './soak/run.ts';
import { createCleanups } from './support/cleanups.ts';

const DEFAULTS = { minutes: 60, rate: 5 };

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  const options = parse(args);
  if (typeof options === 'string') {
    console.error(`soak: ${options}`);
    return 2;
  }
  if (process.platform !== 'linux') {
    console.error('soak: the figures are read from /proc, which Linux alone has');
    return 1;
  }
  const cleanups = createCleanups();
  const undoAll = () => cleanups.runAll((error) => console.error('soak: something was left behind:', error));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => void undoAll().then(() => process.exit(130)));
  }
  try {
    const { lines, good } = await runSoak(options, cleanups);
    console.log(lines.join('\n'));
    return good ? 0 : 1;
  } catch (error) {
    console.error('soak:', error);
    return 1;
  } finally {
    await undoAll();
  }
}

/** The options, or what is wrong with them. */
function parse(args: readonly string[]): SoakOptions | string {
  const given: Record<string, number> = { ...DEFAULTS };
  for (let i = 0; i < args.length; i += 1) {
    const [, name, joined] = /^--(minutes|rate|groups)(?:=(.*))?$/.exec(args[i] ?? '') ?? [];
    if (name === undefined) return `${args[i]} is no option; expected --minutes N, --rate N or --groups N`;
    const value = Number(joined ?? args[++i]);
    if (!(value > 0)) return `--${name} expects a number above 0`;
    given[name] = value;
  }
  const { minutes = 0, rate = 0, groups = Math.ceil(3 * rate) } = given;
  return { minutes, rate, groups: Math.ceil(groups) };
}
