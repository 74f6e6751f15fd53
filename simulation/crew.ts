/** Histories one after the other, here or in processes beside this one. */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type History, runHistory } from './history.ts';
import { MUTANTS } from './mutants.ts';
import type { Figures, Violation } from './world/world.ts';

export interface Job {
  seed: number;
  days: number;
  /** Lives through it twice, and the two must be the same. */
  verify: boolean;
  mutant: string | undefined;
  /** How many of the last lines a broken history brings along. */
  tail: number;
}

export interface Outcome {
  seed: number;
  mutant: string | undefined;
  hash: string;
  violations: Violation[];
  figures: Figures;
  tail: string[];
}

/** Memory for files where there is some: nothing of a history has to survive a power cut. */
const SCRATCH = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export async function liveThrough(job: Job, onLine?: (line: string) => void): Promise<Outcome> {
  const { seed, days, mutant, tail, verify } = job;
  const lines: string[] = [];
  const live = (listen: ((line: string) => void) | undefined): Promise<History> =>
    runHistory({ seed, days, scratch: SCRATCH, mutant: MUTANTS[mutant ?? ''], onLine: listen });
  const first = await live(verify ? (line) => lines.push(line) : onLine);
  const violations = [...first.violations];
  if (verify) {
    let at = 0;
    let differs: string | undefined;
    const second = await live((line) => {
      if (differs === undefined && line !== lines[at])
        differs = `line ${at + 1} was “${lines[at]}” and is “${line}”`;
      at += 1;
    });
    if (second.hash !== first.hash)
      violations.push({
        guarantee: 'determinism',
        what: `not the same history twice: ${differs ?? 'one is longer'}`,
      });
  }
  return {
    seed,
    mutant,
    hash: first.hash,
    violations,
    figures: first.figures,
    tail: violations.length > 0 ? first.tail(tail) : [],
  };
}

/** Runs the jobs in so many processes. Resolves when all are done; rejects when a process dies. */
export function createCrew(
  size: number,
  jobs: readonly Job[],
  done: (outcome: Outcome) => void,
): Promise<void> {
  const waiting = [...jobs];
  const program = process.argv[1] ?? '';
  const workers: ChildProcess[] = [];
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = fork(program, ['--worker']);
      workers.push(worker);
      const next = () => {
        const job = waiting.shift();
        if (job) worker.send(job);
        else worker.disconnect();
      };
      worker.on('message', (outcome: Outcome) => {
        done(outcome);
        next();
      });
      worker.on('exit', (code) => {
        if (code === 0) resolve();
        else reject(new Error(`a process of the simulation ended with code ${code}`));
      });
      next();
    });
  return Promise.all(Array.from({ length: size }, work))
    .then(() => {})
    .finally(() => {
      for (const worker of workers) worker.kill();
    });
}
