/**
 * Runs the checks: all at once, told in the order of the list. With `fix` what is not ok is mended in that order, and then
 * everything is looked at again, so that a line says what is so now.
 */
import { messageOf } from '../../errors.ts';
import { sleep, systemClock } from '../../lib/clock.ts';
import type { Allowed, Check } from './check.ts';
import { type Finding, fail } from './finding.ts';
import { createGround, type Ground } from './ground.ts';

const LOOK_MS = 60_000;

export interface RunOptions {
  checks: readonly Check[];
  tell: (finding: Finding) => void;
  /** Mend what is safe to mend. */
  fix?: Allowed | undefined;
  /** For one look; default a minute. Each has shorter limits of its own; this is for what nobody thought of. */
  limitMs?: number;
}

export async function runChecks({ checks, tell, fix, limitMs = LOOK_MS }: RunOptions): Promise<Finding[]> {
  if (!fix) return await withGround((ground) => lookAtAll(checks, ground, limitMs, tell));
  const done = await withGround(async (ground) => {
    const found = await lookAtAll(checks, ground, limitMs, () => {});
    return await mendAll(checks, found, ground, fix);
  });
  return await withGround((ground) =>
    lookAtAll(checks, ground, limitMs, (finding) => {
      const sentences = done.get(finding.id);
      if (sentences) finding.done = sentences;
      tell(finding);
    }),
  );
}

async function withGround<T>(work: (ground: Ground) => Promise<T>): Promise<T> {
  const ground = createGround();
  try {
    return await work(ground);
  } finally {
    ground.close();
  }
}

async function lookAtAll(
  checks: readonly Check[],
  ground: Ground,
  limitMs: number,
  tell: (finding: Finding) => void,
): Promise<Finding[]> {
  const possible = checks.filter(({ homeOnly }) => homeOnly || ground.wrong === null);
  const looking = possible.map((check) => lookAt(check, ground, limitMs));
  const findings: Finding[] = [];
  for (const each of looking) {
    const finding = await each;
    findings.push(finding);
    tell(finding);
  }
  return findings;
}

/** Never rejects. */
async function lookAt({ id, look }: Check, ground: Ground, limitMs: number): Promise<Finding> {
  const over = new AbortController();
  const patience = sleep(systemClock, limitMs, over.signal).then(() => {
    throw new Error(`it took longer than ${limitMs / 1000} s`);
  });
  patience.catch(() => {});
  try {
    return await Promise.race([look(ground), patience]);
  } catch (error) {
    return fail(id, `It could not be looked at: ${messageOf(error)}.`, 'nanoclaw logs may tell more.');
  } finally {
    over.abort();
  }
}

async function mendAll(
  checks: readonly Check[],
  findings: readonly Finding[],
  ground: Ground,
  allowed: Allowed,
): Promise<Map<string, string[]>> {
  const done = new Map<string, string[]>();
  for (const { id, state } of findings) {
    const mend = checks.find((check) => check.id === id)?.mend;
    if (state === 'ok' || !mend) continue;
    const sentences = await mend(ground, allowed).catch((error: unknown) => [
      `It could not be mended: ${messageOf(error)}.`,
    ]);
    if (sentences.length > 0) done.set(id, sentences);
  }
  return done;
}
