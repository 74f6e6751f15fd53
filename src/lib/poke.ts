/**
 * How the command line tells a running daemon that it has changed the database: it writes data/poke/poke, whose
 * directory the daemon watches. A missed poke costs little: the daemon looks again within half a minute.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from './atomic-file.ts';
import type { FileEvents } from './file-events.ts';

const directory = (home: string) => path.join(home, 'data', 'poke');

export function poke(home: string): void {
  mkdirSync(directory(home), { recursive: true });
  writeFileAtomic(path.join(directory(home), 'poke'), '', { sync: false });
}

export function onPoke(home: string, events: FileEvents, callback: () => void): { close(): void } {
  mkdirSync(directory(home), { recursive: true });
  return events.watch(directory(home), callback);
}
