/**
 * Where a group's bad files are set aside for the operator, out of the agent's reach: the beginning of each, and
 * beside it why. Copied, not moved: an agent that still holds the file could go on writing.
 * Bounded: MAX_KEPT files of at most SAMPLE_BYTES; the oldest make place for new ones.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { MailboxDirectory } from './read.ts';
import type { Trash } from './trash.ts';

export const MAX_KEPT = 50;
export const SAMPLE_BYTES = 64 * 1024;
/** The reason lies beside the file. */
export const REASON = '.reason.txt';

export interface Quarantine {
  /** Takes the entry out of the mailbox. Never throws. False: it can be neither kept nor removed, and stays. */
  take(from: MailboxDirectory, name: string | Buffer, stamp: string, reason: string): boolean;
  /** Keeps the reason alone, for what had to go as a whole. Never throws. */
  note(name: string, stamp: string, reason: string): void;
}

export function createQuarantine(directory: string, trash: Trash): Quarantine {
  /** Stems, oldest first; read once, ours alone from then on. */
  let kept: string[] | undefined;
  let number = 0;

  function keep(name: string, stamp: string, reason: string, content: Buffer | null): void {
    mkdirSync(directory, { recursive: true });
    kept ??= stemsIn(directory);
    while (kept.length >= MAX_KEPT) forget(kept.shift() ?? '');
    number += 1;
    const safe = name.replace(/[^\w.-]/g, '_').slice(0, 100);
    const stem = `${stamp}-${String(number).padStart(6, '0')}-${safe}`;
    kept.push(stem);
    const file = path.join(directory, stem);
    if (content !== null) writeFileSync(file, content, { flag: 'wx' });
    writeFileSync(file + REASON, `${reason}\n`, { flag: 'wx' });
  }

  function forget(stem: string): void {
    for (const file of [stem, stem + REASON]) rmSync(path.join(directory, file), { force: true });
  }

  function note(name: string, stamp: string, reason: string, content: Buffer | null = null): void {
    try {
      keep(name, stamp, reason, content);
    } catch {
      // A full disk: then the log alone tells.
    }
  }

  return {
    take(from, name, stamp, reason) {
      let content: Buffer | null = null;
      try {
        content = from.sample(name, SAMPLE_BYTES);
      } catch {
        // A link, a pipe, a directory: there is nothing that could be kept.
      }
      try {
        if (from.stat(name).isDirectory()) trash.take((target) => from.move(name, target));
        else from.unlink(name);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return false; // the agent harms its own mailbox
      }
      note(name.toString(), stamp, reason, content);
      return true;
    },
    note,
  };
}

function stemsIn(directory: string): string[] {
  const stems = readdirSync(directory).map((name) =>
    name.endsWith(REASON) ? name.slice(0, -REASON.length) : name,
  );
  return [...new Set(stems)].sort();
}
