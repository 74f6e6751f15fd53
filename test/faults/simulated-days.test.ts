/**
 * Simulated days, a few of them: some seeds that are always the same, some that nobody has seen before. And the
 * simulation's own test: each known bug that is put into the daemon is reported as a breach of the guarantee it breaks.
 */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { Outcome } from '../../simulation/crew.ts';
import { MUTANTS } from '../../simulation/mutants.ts';

const PROGRAM = path.resolve(import.meta.dirname, '../../dist/simulate.js');

function simulate(...args: string[]): Promise<{ outcomes: Outcome[]; errors: string }> {
  return new Promise((resolve) => {
    const options = { maxBuffer: 64 * 1024 * 1024 };
    execFile(process.execPath, [PROGRAM, '--json', ...args], options, (_, stdout, errors) => {
      const lines = stdout.split('\n').filter((line) => line !== '');
      resolve({ outcomes: lines.map((line) => JSON.parse(line) as Outcome), errors });
    });
  });
}

/** What is shown when it fails: all that is needed to see it again. */
const broken = (outcomes: readonly Outcome[], days: number) =>
  outcomes
    .filter(({ violations }) => violations.length > 0)
    .map(({ seed, violations, tail }) => ({ again: `--seed ${seed} --days ${days}`, violations, tail }));

it('the guarantees hold, and a seed is the same history twice', async () => {
  const { outcomes, errors } = await simulate('--seeds', '1..3', '--days', '4', '--verify');
  expect(errors).toBe('');
  expect(outcomes.map(({ seed }) => seed)).toEqual([1, 2, 3]);
  expect(broken(outcomes, 4)).toEqual([]);
  // Not an empty world: people wrote, agents answered, daemons died.
  const sum = (name: string) => outcomes.reduce((n, { figures }) => n + (figures[name] ?? 0), 0);
  for (const name of ['messages stored', 'became answered', 'kills', 'commands', 'task instants'])
    expect(sum(name), name).toBeGreaterThan(0);
});

it('the guarantees hold in histories that nobody has seen before', async () => {
  const fresh = String(Math.floor(Math.random() * 2 ** 32));
  const { outcomes } = await simulate('--seed', fresh, '--count', '4', '--days', '4');
  expect(outcomes).toHaveLength(4);
  expect(broken(outcomes, 4)).toEqual([]);
});

it.each(Object.entries(MUTANTS))('a daemon that %s is found out', async (name, { breaks }) => {
  const { outcomes } = await simulate('--mutant', name, '--seeds', '1..2', '--days', '5');
  const found = outcomes.flatMap(({ violations }) => violations.map(({ guarantee }) => guarantee));
  expect(found).toContain(breaks);
});
