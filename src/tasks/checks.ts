/** What a task may be, for tasks.ts: each check throws TASK_INVALID with what was expected. */
import type { Task } from '../db/tasks.ts';
import type { Db } from '../db.ts';
import { NanoClawError } from '../errors.ts';
import { parseDuration } from '../lib/duration.ts';
import type { Random } from '../lib/random.ts';
import { ScheduleError } from '../next-run.ts';
import type { Sentence } from '../words.ts';

export const MAX_PROMPT_LENGTH = 8000;

/** What the rules for schedules throw is the caller's TASK_INVALID. */
export function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof ScheduleError ? invalid(error.said ?? error.message) : error;
  }
}

export function checkedPrompt(prompt: string): string {
  const text = prompt.trim();
  if (text.length > MAX_PROMPT_LENGTH) {
    throw invalid(
      `what to do has ${text.length} characters; expected at most ${MAX_PROMPT_LENGTH} (put long texts into a file)`,
    );
  }
  return text;
}

export function checkedWork({ prompt, script }: Task): void {
  if (prompt === '' && script === null)
    throw invalid('a task needs words that say what to do, or a script whose output is posted');
}

export function checkedMisfire(misfire: string): string {
  if (misfire === 'run_once' || misfire === 'skip') return misfire;
  const within = /^within:(.+)$/.exec(misfire)?.[1];
  if (within !== undefined && (parseDuration(within) ?? 0) > 0) return misfire;
  throw invalid(
    `"${misfire.slice(0, 40)}" is no choice for missed runs; expected run_once, skip or within:<duration>, like within:2h`,
  );
}

/** It can still be changed. */
export function open({ id, status }: Task): void {
  if (status === 'done' || status === 'cancelled') throw invalid((w) => w.refused.taskIsOver(id, status));
}

/** Short enough to type: t and five of 32 characters that are not easily mistaken for one another. */
export function newId(db: Db, random: Random): string {
  for (;;) {
    const id = `t${[...random.bytes(5)].map((byte) => '23456789abcdefghjkmnpqrstuvwxyz0'[byte % 32]).join('')}`;
    if (db.tasks.byId(id) === null) return id;
  }
}

export const invalid = (why: string | Sentence) => new NanoClawError('TASK_INVALID', why);
