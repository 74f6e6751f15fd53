/** The files of a page: found beside the source or in dist, served under a strict content security policy. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sendJson } from './send-json.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** What a page may load and whom it may ask: itself alone. `more` adds directives or replaces those of the same name. */
export function policyOf(more: Readonly<Record<string, string>> = {}): string {
  const directives = {
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'img-src': "'self'",
    'connect-src': "'self'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
    ...more,
  };
  return Object.entries(directives)
    .map(([name, value]) => `${name} ${value}`)
    .join('; ');
}

/**
 * The folder of the page: `./page/` beside the source file whose import.meta.url is `from`, or `shipped` in dist/. Undefined
 * when it was not shipped.
 */
export function findPageDirectory(from: string, shipped: string): string | undefined {
  return ['./page/', `./${shipped}/`, `../${shipped}/`]
    .map((place) => fileURLToPath(new URL(place, from)))
    .find((dir) => existsSync(join(dir, 'index.html')));
}

/** Answers with the file of that name, or 404. Names are plain: nothing leads out of the folder. */
export async function sendPageFile(
  res: ServerResponse,
  directory: string | undefined,
  name: string,
  policy: string,
): Promise<void> {
  const type = TYPES[extname(name)];
  const isPlain = /^[a-z-]+\.[a-z]+$/.test(name);
  const bytes =
    directory && type && isPlain ? await readFile(join(directory, name)).catch(() => undefined) : undefined;
  if (!bytes) {
    sendJson(res, 404, { error: 'there is nothing here' });
    return;
  }
  res.writeHead(200, {
    'content-type': type,
    'content-length': bytes.length,
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache',
  });
  res.end(bytes);
}
