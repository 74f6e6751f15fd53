import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createDb } from '../db.ts';
import { checkDatabasePages } from './pages.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'nanoclaw-pages-'));
  file = path.join(dir, 'nanoclaw.db');
});
afterEach(() => rmSync(dir, { recursive: true }));

/** A database of so many mebibytes; with `damaged`, its last page is spoilt. */
function database(mebibytes: number, damaged: boolean): void {
  const db = createDb(file);
  db.sqlite.exec('CREATE TABLE filler (bytes BLOB)');
  const add = db.sqlite.prepare('INSERT INTO filler VALUES (zeroblob(1048576))');
  db.transaction(() => {
    for (let n = 0; n < mebibytes; n += 1) add.run();
    // The last page of the file is then one of a tree, whose damage quick_check sees.
    db.sqlite.exec("CREATE TABLE last (text TEXT); INSERT INTO last VALUES ('x')");
  });
  db.close();
  if (!damaged) return;
  const handle = openSync(file, 'r+');
  writeSync(handle, Buffer.alloc(4096, 0xa5), 0, 4096, statSync(file).size - 4096);
  closeSync(handle);
}

it('a small damaged file is refused at once, a small sound one is not', () => {
  const clock = createFakeClock();
  const onDamage = () => expect.unreachable();
  database(1, false);
  const sound = createDb(file);
  checkDatabasePages({ db: sound, file, clock, onDamage })();
  sound.close();
  rmSync(file);
  database(1, true);
  const db = createDb(file);
  expect(() => checkDatabasePages({ db, file, clock, onDamage })).toThrow(/damaged/);
  db.sqlite.close();
});

it('a large one is read behind the start; what was found is looked at first by the next start', async () => {
  database(20, true);
  const clock = createFakeClock();
  const db = createDb(file);
  const { promise, resolve } = Promise.withResolvers<string>();
  const check = () => expect.unreachable('read before the start');
  const stop = checkDatabasePages({ db: { check }, file, clock, onDamage: resolve });
  await clock.advance(10_000);
  expect(await promise).toMatch(/^the database is damaged: /);
  stop();
  expect(() => checkDatabasePages({ db, file, clock, onDamage: () => {} })).toThrow(
    expect.objectContaining({ code: 'DATABASE_CORRUPT' }),
  );
  db.sqlite.close();
});
