/** Where the page's files lie: beside this file in the source, or beside the bundle in dist. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PLACES = ['./page/', './simulator-page/', '../simulator-page/'];

/** Undefined when the page was not shipped; the Bot API works without it. */
export function findPageDirectory(from: string = import.meta.url): string | undefined {
  return PLACES.map((place) => fileURLToPath(new URL(place, from))).find((dir) =>
    existsSync(join(dir, 'index.html')),
  );
}
