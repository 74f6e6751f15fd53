/** docs/telegram.md has every method that the daemon asks for and every kind of update that there is, each with a test that is there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { expect, it } from 'vitest';
import { ALLOWED_UPDATES } from '../src/telegram/update.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');
const rows = [
  ...(read('docs/telegram.md').split('## Methods and updates')[1] ?? '').matchAll(
    /^\| (.+) \| (.+) \| (.+) \|$/gm,
  ),
].map(([, what = '', , tests = '']) => ({ what, tests }));
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const quoted = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
const named = new Set(rows.flatMap(({ what }) => quoted(what)));

const TYPES = path.dirname(
  createRequire(import.meta.resolve('grammy')).resolve('@grammyjs/types/package.json'),
);
const update = /export interface Update \{([\s\S]*?)\n\}/.exec(
  readFileSync(path.join(TYPES, 'update.d.ts'), 'utf8'),
);
const kinds = [...(update?.[1] ?? '').matchAll(/^ +([a-z_]+)\?:/gm)].map(([, kind = '']) => kind);

it('has every method that is used, and no other', () => {
  const used = readdirSync(path.join(ROOT, 'src/telegram'))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .flatMap((name) => [...read(`src/telegram/${name}`).matchAll(/\b(?:sender|api)\.([a-z]+[A-Z]\w+)\(/g)])
    .map(([, method]) => method);
  expect(used.length).toBeGreaterThan(15);
  const methods = [...named].filter((name) => /^[a-z]+[A-Z]\w+$/.test(name));
  expect(methods.sort()).toEqual([...new Set(used)].sort());
});

it('has every kind of update, and those that are asked for among them', () => {
  expect(kinds.length).toBeGreaterThan(25);
  expect(kinds.filter((kind) => !named.has(kind))).toEqual([]);
  expect(ALLOWED_UPDATES.filter((kind) => !kinds.includes(kind))).toEqual([]);
});

it('names a test in each row, and each is there', () => {
  const files = new Set(
    readdirSync(path.join(ROOT, 'test'), { recursive: true, encoding: 'utf8' }).map((name) =>
      path.basename(name),
    ),
  );
  for (const { what, tests } of rows.filter(({ what }) => what.includes('`'))) {
    const all = quoted(tests);
    expect(all, what).not.toEqual([]);
    for (const name of all) {
      const script = /^npm run (\S+)/.exec(name)?.[1];
      const isThere =
        (script !== undefined && Object.hasOwn(scripts, script)) ||
        existsSync(path.join(ROOT, name)) ||
        [`${name}.test.ts`, `${name}.docker.test.ts`].some((file) => files.has(path.basename(file)));
      expect(isThere, `${name}, which shows ${what}`).toBe(true);
    }
  }
});
