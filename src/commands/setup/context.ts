/** What every step of the wizard works with, and the one place where it changes .env. */
import { chownSync, existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Settings } from '../../config/settings.ts';
import { type Config, loadConfig, readDotEnv, settingProblem } from '../../config.ts';
import { NanoClawError } from '../../errors.ts';
import { writeFileAtomic } from '../../lib/atomic-file.ts';
import { sleep, systemClock } from '../../lib/clock.ts';
import { editDotEnv } from '../../lib/dotenv-file.ts';
import { projectRoot } from '../../lib/project-root.ts';
import type { Flags } from './flags.ts';
import type { Talk } from './talk.ts';

export type Key = keyof Settings & string;

export interface Setup {
  home: string;
  flags: Flags;
  talk: Talk;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
  /** Of this process, without what .env now decides. */
  env: NodeJS.ProcessEnv;
  /** The settings that were changed, in order. Names only. */
  changed: Key[];
  warnings: string[];
}

export const failed = (message: string, fix: string, cause?: unknown) =>
  new NanoClawError('SETUP_FAILED', message, { fix, cause });

/** Between two looks. Throws Cancelled after Ctrl-C. */
export async function pause({ signal }: Setup, ms: number): Promise<void> {
  await sleep(systemClock, ms, signal);
  signal.throwIfAborted();
}

export function warn(setup: Setup, text: string): void {
  setup.warnings.push(text);
  setup.talk.warn(text);
}

/** What .env says, else the environment. */
export function settingOf(setup: Setup, key: Key): string | null {
  return readDotEnv(setup.home)[key] || setup.env[key] || null;
}

/** As the daemon will see them. Throws CONFIG_INVALID. */
export const configOf = (setup: Setup): Config => loadConfig({ ...setup.env, NANOCLAW_HOME: setup.home });

/** Throws COMMAND_INVALID, naming the flag and never the value. */
export function requireValid(key: Key, value: string, flag: string): void {
  const problem = settingProblem(key, value);
  if (problem !== null) throw new NanoClawError('COMMAND_INVALID', `${flag}: ${problem}`);
}

/**
 * Writes what differs, atomically, for the owner only. An empty value switches a setting off. From then on .env decides
 * here, whatever the environment says: the daemon that is started at every boot will not have this one.
 */
export function save(setup: Setup, changes: Partial<Record<Key, string>>): void {
  const link = path.join(setup.home, '.env');
  const file = existsSync(link) ? realpathSync(link) : link;
  const isNew = !existsSync(file);
  const before = isNew ? '' : readFileSync(file, 'utf8');
  const had = readDotEnv(setup.home);
  const wanted = Object.entries(changes) as [Key, string][];
  const differing = wanted.filter(([key, value]) => (had[key] ?? '') !== value);
  for (const [key] of wanted) delete setup.env[key];
  const loose = !isNew && (statSync(file).mode & 0o077) !== 0;
  if (differing.length === 0 && !loose) return;

  const template = path.join(projectRoot(), '.env.example');
  const base = isNew && existsSync(template) ? readFileSync(template, 'utf8') : before;
  const text = edited(base, Object.fromEntries(differing));
  const owner = isNew ? null : statSync(file);
  writeFileAtomic(file, text, { mode: 0o600 });
  // Root must not take the file away from the user whom the daemon runs as.
  if (owner && process.getuid?.() === 0) chownSync(file, owner.uid, owner.gid);
  for (const [key] of differing) if (!setup.changed.includes(key)) setup.changed.push(key);
  if (loose) setup.talk.say(`${file} could be read by others; its mode is 0600 now.`);
}

function edited(text: string, changes: Record<string, string>): string {
  try {
    return editDotEnv(text, changes);
  } catch (error) {
    if (error instanceof RangeError) throw new NanoClawError('COMMAND_INVALID', error.message);
    throw error;
  }
}
