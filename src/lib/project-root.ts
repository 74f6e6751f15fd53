/** The folder of this program: the one with its package.json, container/ and dist/. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Works from the sources and from the bundle, wherever in dist/ this code ends up. */
export function projectRoot(): string {
  let dir = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(dir, 'container', 'Dockerfile')) && path.dirname(dir) !== dir)
    dir = path.dirname(dir);
  return dir;
}

/** As in package.json, e.g. 0.1.0. */
export function programVersion(): string {
  const file = path.join(projectRoot(), 'package.json');
  return String((JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version);
}
