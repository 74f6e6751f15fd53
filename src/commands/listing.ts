/** What the listing commands share: limits, instants, groups, and following. */
import { watch } from 'node:fs';
import path from 'node:path';
import type { Db } from '../db.ts';
import { NanoClawError } from '../errors.ts';
import { parseDuration } from '../lib/duration.ts';
import { type Iso, iso } from '../types.ts';
import { findGroup } from './context.ts';

/** At once, while following; what is beyond comes with the next change. */
export const PAGE = 10_000;

/** A whole number from 1 to 10000. */
export function limitOf(text: string, option = '--limit'): number {
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= 10_000) return limit;
  throw new NanoClawError('COMMAND_INVALID', `${option} is "${text}"; expected a number from 1 to 10000.`);
}

export const SINCE_HELP = 'an instant (2026-11-02T08:00:00Z) or how long ago (2h, 3d)';

/** A size for people. */
export function bytesText(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** The instant that --since names. */
export function sinceOf(text: string | undefined): Iso | undefined {
  if (text === undefined) return undefined;
  const ago = parseDuration(text);
  const at = ago === null ? Date.parse(text) : Date.now() - ago;
  if (Math.abs(at) <= 8.64e15) return iso(at);
  throw new NanoClawError(
    'COMMAND_INVALID',
    `--since: expected an instant like 2026-11-02T08:00:00Z or a length like 2h, got "${text}"`,
  );
}

/** One of them, or the usage error that names all. */
export function oneOf<const T extends string>(option: string, text: string, values: readonly T[]): T {
  const found = values.find((each) => each === text);
  if (found !== undefined) return found;
  throw new NanoClawError(
    'COMMAND_INVALID',
    `${option} is "${text}"; expected one of: ${values.join(', ')}.`,
  );
}

/**
 * The folder that --group means: of a group, or of one that is gone and has left turns or notes. Throws GROUP_UNKNOWN, so
 * that a slip of the pen does not look like silence.
 */
export function folderOf(db: Db, group: string | undefined): string | undefined {
  if (group === undefined) return undefined;
  const isKnown =
    db.reports.turns(group, null, { afterSeq: 0, limit: 1 }).length > 0 ||
    db.audit.list({ group, limit: 1 }).length > 0;
  return isKnown ? group : findGroup(db, group).folder;
}

/** Calls `show` now and after each change of the database, until the process is ended. Rejects when `show` throws. */
export function follow(home: string, show: () => void): Promise<never> {
  return new Promise((_, reject) => {
    let planned = false;
    const look = () => {
      planned = false;
      try {
        show();
      } catch (error) {
        watcher.close();
        reject(error);
      }
    };
    // Before the first look, so that nothing falls between the two.
    const watcher = watch(path.join(home, 'data'), () => {
      if (planned) return;
      planned = true;
      setTimeout(look, 100);
    });
    watcher.on('error', reject);
    look();
  });
}
