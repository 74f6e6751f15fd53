/**
 * npm run bench [-- name …] [--quick] [--out=FILE] [--cpu-prof=DIR]: measures real daemons from outside, each figure beside
 * its bare limit in the same run, prints a table and writes bench/results.json (or FILE). docs/performance.md says what each
 * figure means. Linux only: it reads /proc. --quick takes a tenth of the samples; --cpu-prof has each daemon leave a
 * profile in DIR (and is slower for it). Leaves nothing behind, also when it is interrupted. Exit codes: 0 measured, 1 failed, 2 wrong usage;
 * an aim that is missed is a result, not a failure.
 */
import path from 'node:path';
import { projectRoot } from '../src/lib/project-root.ts';
import type { BenchContext, Figure } from './figure.ts';
import { cold } from './figures/cold.ts';
import { commands } from './figures/commands.ts';
import { formatting } from './figures/formatting.ts';
import { growth } from './figures/growth.ts';
import { idle } from './figures/idle.ts';
import { image } from './figures/image.ts';
import { ingest } from './figures/ingest.ts';
import { lateness } from './figures/lateness.ts';
import { memory } from './figures/memory.ts';
import { outbox } from './figures/outbox.ts';
import { proxy } from './figures/proxy.ts';
import { search } from './figures/search.ts';
import { startUp } from './figures/start.ts';
import { throughput } from './figures/throughput.ts';
import { outbound, warm } from './figures/warm.ts';
import { describeMachine, type Results, tableOf, writeResults } from './report.ts';
import { bareAgent, bareHost } from './support/bare-line.ts';
import { bareTimers } from './support/bare-timers.ts';
import { type Cleanups, createCleanups } from './support/cleanups.ts';
import { bareModel, bareProxies } from './support/proxy-parts.ts';

const FIGURES: Record<string, Figure> = {
  warm,
  outbound,
  cold,
  image,
  ingest,
  throughput,
  lateness,
  idle,
  start: startUp,
  growth,
  memory,
  proxy,
  formatting,
  commands,
  outbox,
  search,
};

const [first = '', ...rest] = process.argv.slice(2);
if (first === '--bare-host') bareHost(rest[0] ?? '', Number(rest[1]));
else if (first === '--bare-agent') bareAgent(rest[0] ?? '');
else if (first === '--bare-timers') await bareTimers();
else if (first === '--bare-model') await bareModel();
else if (first === '--bare-proxies') await bareProxies(rest[0] ?? '', rest[1] ?? '', rest[2] ?? '');
else process.exit(await run(process.argv.slice(2)));

async function run(args: readonly string[]): Promise<number> {
  const options = args.filter((arg) => arg.startsWith('--'));
  const names = args.filter((arg) => !arg.startsWith('--'));
  const wrong = options.filter((option) => !/^--quick$|^--(?:out|cpu-prof)=./.test(option));
  if (wrong.length > 0) {
    console.error(`bench: ${wrong.join(', ')} is no option; expected --quick, --out=FILE or --cpu-prof=DIR`);
    return 2;
  }
  const unknown = names.filter((name) => !Object.hasOwn(FIGURES, name));
  if (unknown.length > 0) {
    console.error(
      `bench: no figure is called ${unknown.join(', ')}; expected: ${Object.keys(FIGURES).join(', ')}`,
    );
    return 2;
  }
  if (process.platform !== 'linux') {
    console.error('bench: the figures are read from /proc, which Linux alone has');
    return 1;
  }
  const cleanups = createCleanups();
  const undoAll = () => cleanups.runAll((error) => console.error('bench: something was left behind:', error));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => void undoAll().then(() => process.exit(130)));
  }
  try {
    const wanted = names.length > 0 ? names : Object.keys(FIGURES);
    const file = path.resolve(
      optionValue(options, 'out') ?? path.join(projectRoot(), 'bench', 'results.json'),
    );
    // What was measured stays, whatever becomes of the rest.
    const results = await measure(wanted, options, cleanups, (soFar) => writeResults(file, soFar));
    console.log(tableOf(results));
    console.log(`Written to ${path.relative(process.cwd(), file)}.`);
    return 0;
  } catch (error) {
    console.error('bench:', error);
    return 1;
  } finally {
    await undoAll();
  }
}

async function measure(
  names: readonly string[],
  options: readonly string[],
  cleanups: Cleanups,
  measured: (soFar: Results) => void,
): Promise<Results> {
  const quick = options.includes('--quick');
  const profileTo = optionValue(options, 'cpu-prof');
  const made = new Map<string, Promise<unknown>>();
  const results: Results = {
    at: new Date().toISOString(),
    quick,
    machine: describeMachine(),
    figures: [],
    skipped: [],
  };
  const bench: BenchContext = {
    cleanups,
    daemonNodeArgs:
      profileTo === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${path.resolve(profileTo)}`],
    samples: (full) => (quick ? Math.max(1, Math.round(full / 10)) : full),
    rows: (full) => (quick ? Math.max(1, Math.round(full / 100)) : full),
    once<T>(name: string, make: () => Promise<T>): Promise<T> {
      const there = (made.get(name) as Promise<T> | undefined) ?? make();
      made.set(name, there);
      return there;
    },
    say: (line) => console.error(`bench: ${line}`),
    skipped: (what, why) => {
      results.skipped.push({ what, why });
    },
  };
  for (const name of names) {
    bench.say(`${name} …`);
    const startedAt = performance.now();
    const rows = (await FIGURES[name]?.(bench)) ?? [];
    results.figures.push({ name, seconds: Math.round((performance.now() - startedAt) / 1000), rows });
    measured(results);
  }
  return results;
}

function optionValue(options: readonly string[], name: string): string | undefined {
  return options.find((option) => option.startsWith(`--${name}=`))?.slice(`--${name}=`.length);
}
