/**
 * npm run simulate -- [--seed N | --seeds FROM..TO | --count N] [--days D] [--jobs J] [--verify] [--mutant NAME] [--tail N]
 * [--trace FILE] [--json]: lives through simulated days and checks the guarantees G1 to G4. Without a seed it draws a fresh one. A seed is a
 * whole history: the same seed gives the same one, to the last line of the log; --verify lives through each twice and compares.
 * Exit codes: 0 all held, 1 a guarantee was broken (seed, guarantee, last lines), 2 wrong usage. docs/durability.md says what is simulated.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { createCrew, type Job, liveThrough, type Outcome } from './crew.ts';
import { MUTANTS } from './mutants.ts';

interface Wanted extends Omit<Job, 'seed'> {
  seeds: number[];
  jobs: number;
  tail: number;
  trace: string | undefined;
  json: boolean;
}

if (process.argv[2] === '--worker') {
  process.on('message', (job: Job) => {
    void liveThrough(job).then((outcome) => process.send?.(outcome));
  });
} else {
  const wanted = readArguments(process.argv.slice(2));
  process.exitCode = typeof wanted === 'string' ? refuse(wanted) : await run(wanted);
}

function refuse(why: string): number {
  console.error(`simulate: ${why}`);
  return 2;
}

/** What is wanted, or a sentence that says what was expected. */
function readArguments(args: string[]): Wanted | string {
  let values: Record<string, string | boolean | undefined>;
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    const options = {
      ...{
        seed: text,
        seeds: text,
        count: text,
        days: text,
        jobs: text,
        mutant: text,
        tail: text,
        trace: text,
      },
      ...{ verify: flag, json: flag },
    };
    ({ values } = parseArgs({ args, options }));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const whole = (name: string, otherwise: number, least = 1): number => {
    const value = values[name];
    if (value === undefined) return otherwise;
    const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (!(number >= least)) throw new Error(`--${name}: expected a whole number from ${least}`);
    return number;
  };
  try {
    const mutant = values.mutant as string | undefined;
    if (mutant !== undefined && !Object.hasOwn(MUTANTS, mutant))
      return `--mutant: expected one of ${Object.keys(MUTANTS).join(', ')}`;
    const range = /^(\d{1,15})\.\.(\d{1,15})$/.exec(String(values.seeds ?? ''));
    if (values.seeds !== undefined && (!range || Number(range[2]) < Number(range[1])))
      return '--seeds: expected FROM..TO, like 1..1000';
    const first = range ? Number(range[1]) : whole('seed', Math.floor(Math.random() * 2 ** 32), 0);
    const count = range ? Number(range[2]) - first + 1 : whole('count', 1);
    return {
      seeds: Array.from({ length: count }, (_, n) => first + n),
      days: whole('days', 30),
      jobs: Math.min(whole('jobs', 1), count, availableParallelism()),
      verify: values.verify === true,
      mutant,
      tail: whole('tail', 40, 0),
      trace: values.trace as string | undefined,
      json: values.json === true,
    };
  } catch (error) {
    return (error as Error).message;
  }
}

async function run(wanted: Wanted): Promise<number> {
  const { days, verify, mutant, tail, json } = wanted;
  const trace = wanted.trace === undefined ? null : openSync(wanted.trace, 'w');
  const onLine = trace === null ? undefined : (line: string) => void writeSync(trace, `${line}\n`);
  const jobs = wanted.seeds.map((seed): Job => ({ seed, days, verify, mutant, tail }));
  const outcomes: Outcome[] = [];
  const total: Record<string, number> = {};
  const startedAt = performance.now();
  const done = (outcome: Outcome) => {
    outcomes.push(outcome);
    for (const [name, n] of Object.entries(outcome.figures)) total[name] = (total[name] ?? 0) + n;
    if (json) console.log(JSON.stringify(outcome));
    else if (outcome.violations.length > 0) console.log(describe(outcome, days));
    else if (outcomes.length % 50 === 0) console.error(`simulate: ${outcomes.length} of ${jobs.length} …`);
  };
  try {
    if (wanted.jobs > 1 && onLine === undefined) await createCrew(wanted.jobs, jobs, done);
    else for (const job of jobs) done(await liveThrough(job, onLine));
  } finally {
    if (trace !== null) closeSync(trace);
  }
  const broken = outcomes.filter(({ violations }) => violations.length > 0).map(({ seed }) => seed);
  if (json) return broken.length > 0 ? 1 : 0;
  const seconds = (performance.now() - startedAt) / 1000;
  const which =
    jobs.length === 1 ? `seed ${jobs[0]?.seed} (${outcomes[0]?.hash.slice(0, 16)})` : `${jobs.length} seeds`;
  console.log(
    `${which}, ${days} simulated days each, in ${seconds.toFixed(1)} s${verify ? ', each lived through twice' : ''}`,
  );
  console.log(
    Object.entries(total)
      .sort()
      .map(([name, n]) => `${name} ${n}`)
      .join(', '),
  );
  console.log(
    broken.length === 0 ? 'Every guarantee held.' : `Broken by ${broken.length} seeds: ${broken.join(', ')}`,
  );
  return broken.length > 0 ? 1 : 0;
}

function describe({ seed, violations, tail, mutant }: Outcome, days: number): string {
  const shown = violations.slice(0, 10).map(({ guarantee, what }) => `  ${guarantee}: ${what}`);
  const again = `npm run simulate -- --seed ${seed} --days ${days}${mutant ? ` --mutant ${mutant}` : ''}`;
  return [
    `SEED ${seed} breaks what is guaranteed:`,
    ...shown,
    ...(violations.length > 10 ? [`  … and ${violations.length - 10} more`] : []),
    `The last ${tail.length} lines:`,
    ...tail.map((line) => `  ${line}`),
    `Again: ${again}`,
  ].join('\n');
}
