import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockHome } from '../lib/home-lock.ts';
import type { Migration } from './migrations/migration.ts';
import { openDatabase, schemaVersion } from './open.ts';
import type { Upgrade } from './upgrade.ts';

const FIRST: Migration = { id: 1, name: 'first', sql: 'CREATE TABLE meta (key TEXT, value TEXT)' };
const SECOND: Migration = { id: 2, name: 'second', sql: 'CREATE TABLE two (x INTEGER) STRICT' };
const THIRD: Migration = { id: 3, name: 'third', sql: 'ALTER TABLE two ADD COLUMN y TEXT; DELETE FROM two' };
const BROKEN: Migration = { ...THIRD, sql: 'DELETE FROM two; INSERT INTO nowhere VALUES (1)' };

let home: string;
let file: string;
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'nanoclaw-upgrade-'));
  file = path.join(home, 'data', 'nanoclaw.db');
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const backups = (): string[] =>
  existsSync(path.join(home, 'data/backups')) ? readdirSync(path.join(home, 'data/backups')).sort() : [];

/** As the older program left it, with rows that are in the write-ahead log only. */
function older(): Database.Database {
  const db = openDatabase(file, [FIRST, SECOND]);
  for (let x = 0; x < 100; x += 1) db.prepare('INSERT INTO two VALUES (?)').run(x);
  return db;
}

it('a new database is not copied', () => {
  openDatabase(file, [FIRST, SECOND, THIRD]).close();
  expect(backups()).toEqual([]);
});

it('a database in use is copied whole before the first step, for its owner only, and what was done is told', () => {
  const open = older();
  const told: Upgrade[] = [];
  const db = openDatabase(file, [FIRST, SECOND, THIRD], { onUpgrade: (upgrade) => told.push(upgrade) });
  expect([schemaVersion(db), db.prepare('SELECT count(*) FROM two').pluck().get()]).toEqual([3, 0]);
  db.close();
  open.close();

  const [name, ...others] = backups();
  expect(others).toEqual([]);
  expect(name).toMatch(/^before-upgrade-2-3-\d{8}T\d{9}Z\.db$/);
  const copy = path.join(home, 'data/backups', name ?? '');
  expect(told).toEqual([{ from: 2, to: 3, backup: copy }]);
  expect(statSync(copy).mode & 0o777).toBe(0o600);
  // The older program goes on with it.
  const back = openDatabase(copy, [FIRST, SECOND]);
  expect(back.prepare('SELECT count(*) FROM two').pluck().get()).toBe(100);
  back.close();
});

it('a step that fails changes nothing; trying again and again leaves one copy, not many', () => {
  older().close();
  for (let tries = 0; tries < 4; tries += 1)
    expect(() => openDatabase(file, [FIRST, SECOND, BROKEN])).toThrow('nowhere');
  const db = new Database(file);
  expect([schemaVersion(db), db.prepare('SELECT count(*) FROM two').pluck().get()]).toEqual([2, 100]);
  db.close();
  expect(backups()).toHaveLength(1);
});

it('the copies of three upgrades are kept; other files in the folder are let alone', () => {
  mkdirSync(path.join(home, 'data/backups'), { recursive: true });
  const put = (name: string) => writeFileSync(path.join(home, 'data/backups', name), '');
  const old = [1, 2, 3, 4].map((n) => `before-upgrade-${n - 1}-${n}-2026010${n}T000000000Z.db`);
  for (const name of [...old, 'nanoclaw-20260101T000000000Z.tar.gz', 'notes']) put(name);
  put('.before-upgrade-0-1.tmp');
  older().close();
  openDatabase(file, [FIRST, SECOND, THIRD]).close();
  const [newest] = backups().filter((name) => name.startsWith('before-upgrade-2-3-') && !old.includes(name));
  expect(backups()).toEqual([old[1], old[3], newest, 'nanoclaw-20260101T000000000Z.tar.gz', 'notes'].sort());
});

it('while another process holds the home nothing is changed, and the sentence says who has to be restarted', () => {
  older().close();
  const lock = lockHome(home);
  try {
    expect(() => openDatabase(file, [FIRST, SECOND, THIRD])).toThrow(
      /has schema 2, this program needs 3, and an older NanoClaw still works with it/,
    );
    expect(backups()).toEqual([]);
    // What needs no upgrade works beside it.
    openDatabase(file, [FIRST, SECOND]).close();
    // Its own daemon is the one that upgrades.
    openDatabase(file, [FIRST, SECOND, THIRD], { holdsLock: true }).close();
  } finally {
    lock.release();
  }
  expect(backups()).toHaveLength(1);
});

it('a folder that cannot be written is said before anything is changed', () => {
  older().close();
  writeFileSync(path.join(home, 'data/backups'), 'a file in its place');
  expect(() => openDatabase(file, [FIRST, SECOND, THIRD])).toThrow(/Nothing was changed/);
  const db = new Database(file);
  expect(schemaVersion(db)).toBe(2);
  db.close();
});
