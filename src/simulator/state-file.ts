/**
 * The simulator's memory on disk: one JSON file, written beside and renamed, so that it is whole or not there.
 * `save` is called before every answer that tells of a change, so whoever was told finds it again after a crash.
 */
import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import type { SimFile } from './files.ts';
import type { UpdatesState } from './updates.ts';
import type { WorldState } from './world.ts';

export interface SavedState {
  version: 1;
  world: WorldState;
  updates: UpdatesState;
  files: SimFile[];
  commands: [string, unknown][];
}

/** Only the frame is checked: the file is our own, and one that does not fit is set aside, not repaired. */
const Frame = z.object({
  version: z.literal(1),
  world: z.object({
    people: z.array(z.object({ key: z.string(), user: z.object({ id: z.number() }) })),
    chats: z.array(z.object({ id: z.number(), nextMessageId: z.number(), messages: z.array(z.unknown()) })),
  }),
  updates: z.object({ nextId: z.number(), pending: z.array(z.unknown()) }),
  files: z.array(z.unknown()),
  commands: z.array(z.unknown()),
});

/** Undefined when there is none. A broken file is renamed to `.broken` and counts as none. */
export function loadState(path: string): SavedState | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    Frame.parse(value);
    return value as SavedState;
  } catch {
    renameSync(path, `${path}.broken`);
    return undefined;
  }
}

/** Survives a crash of the process; a power cut may cost the newest messages of a simulation, so it is not synced. */
export function saveState(path: string, state: SavedState): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileAtomic(path, JSON.stringify(state), { sync: false });
}
