/** Thin for now. */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { runHistory } from './history.ts';
import { MUTANTS } from './mutants.ts';

const args = process.argv.slice(2);
const opt = (n: string) => { const i = args.indexOf(`--${n}`); return i === -1 ? undefined : args[i + 1]; };
const [from, to] = (opt('seeds') ?? `${opt('seed') ?? 1}..${opt('seed') ?? 1}`).split('..').map(Number);
const days = Number(opt('days') ?? 30);
for (let seed = from ?? 1; seed <= (to ?? 1); seed += 1) {
  const at = performance.now();
  const h = await runHistory({ seed, days, scratch: existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), mutant: MUTANTS[opt('mutant') ?? ''], onLine: args.includes('--trace') ? (l) => console.log(l) : undefined });
  console.log(seed, Math.round(performance.now() - at), h.hash.slice(0, 8), h.violations[0] ? JSON.stringify(h.violations.slice(0, 3)) : 'ok');
  if (args.includes('--figures')) console.log(h.figures);
  if (h.violations.length > 0) { if (args.includes('--tail')) console.log(h.tail(Number(opt('tail'))).join('\n')); process.exitCode = 1; }
}
