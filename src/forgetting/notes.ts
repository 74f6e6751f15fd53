/** Lines of the agent's notes that still quote what was forgotten: named, since what stands around it is the agent's, or a person's. */
import { oneLine } from '../lib/front-matter.ts';
import { namesBelow, readBelow } from '../lib/read-below.ts';
import { quotes, type Sought } from './sought.ts';

const FILES = ['CLAUDE.md', 'MEMORY.md'];
const FOLDER = 'memory';
const MOST_BYTES = 256 * 1024;
const MOST_FILES = 400;
/** So much is read before others have their turn. */
const SLICE = 64 * 1024;
const MOST_PLACES = 10;

/** `MEMORY.md:3`, each behind `prefix`; at most so many. Yields between slices. Never throws. */
export function* placesIn(root: string, prefix: string, sought: Sought): Generator<void, string[]> {
  const listed = namesBelow(root, [FOLDER]);
  const days =
    'names' in listed ? listed.names.filter((name) => name.endsWith('.md')).slice(-MOST_FILES) : [];
  const places: string[] = [];
  let slice = 0;
  for (const components of [...FILES.map((name) => [name]), ...days.map((name) => [FOLDER, name])]) {
    const text = readBelow(root, components, MOST_BYTES);
    if (typeof text !== 'string') continue;
    yield;
    for (const [index, line] of text.split('\n').entries()) {
      slice += line.length + 32;
      if (slice > SLICE) {
        slice = 0;
        yield;
      }
      if (!quotes(sought, line, true)) continue;
      // What an agent calls its files is no sentence of ours.
      places.push(`${prefix}${oneLine(components.join('/'), 60)}:${index + 1}`);
      if (places.length === MOST_PLACES) return places;
    }
  }
  return places;
}
