import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NanoClawError } from '../errors.ts';
import type { Migration } from './migrations/migration.ts';
import { MIGRATIONS } from './migrations.ts';
import { openDatabase, schemaVersion } from './open.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'nanoclaw-db-'));
  file = path.join(folder, 'data', 'nanoclaw.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const FIRST: Migration = { id: 1, name: 'first', sql: 'CREATE TABLE meta (key TEXT, value TEXT)' };
const SECOND: Migration = { id: 2, name: 'second', sql: 'CREATE TABLE two (x INTEGER) STRICT' };
const BROKEN: Migration = {
  id: 3,
  name: 'broken',
  sql: 'CREATE TABLE three (x INTEGER); INSERT INTO three VALUES (1); INSERT INTO nowhere VALUES (1)',
};
const tables = (db: Database.Database): string[] =>
  db.prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").pluck().all();
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return error instanceof NanoClawError ? error.code : String(error);
  }
  return 'nothing was thrown';
};

describe('migrations', () => {
  it('are numbered from 1 without a gap', () => {
    expect(MIGRATIONS.map((m) => m.id)).toEqual(MIGRATIONS.map((_, i) => i + 1));
  });

  it('run once each, in order, with their record, and keep what is there', () => {
    const one = openDatabase(file, [FIRST]);
    const id = one.prepare("SELECT value FROM meta WHERE key = 'instance_id'").pluck().get();
    one.close();
    const two = openDatabase(file, [FIRST, SECOND]);
    expect(two.prepare('SELECT id, name FROM migrations ORDER BY id').all()).toEqual([
      { id: 1, name: 'first' },
      { id: 2, name: 'second' },
    ]);
    expect(two.prepare("SELECT value FROM meta WHERE key = 'instance_id'").pluck().all()).toEqual([id]);
    two.close();
  });

  it('that fail leave nothing of themselves and everything of those before', () => {
    expect(() => openDatabase(file, [FIRST, SECOND, BROKEN])).toThrow('nowhere');
    const db = new Database(file);
    expect(tables(db)).toEqual(['meta', 'migrations', 'two']);
    expect(schemaVersion(db)).toBe(2);
    db.close();
    // Repaired, the same file goes on from there.
    const repaired = openDatabase(file, [
      FIRST,
      SECOND,
      { ...BROKEN, sql: 'CREATE TABLE three (x INTEGER)' },
    ]);
    expect(schemaVersion(repaired)).toBe(3);
    repaired.close();
  });

  it('of a newer program are refused, and the file is not touched', () => {
    openDatabase(file, [FIRST, SECOND]).close();
    const before = readFileSync(file);
    expect(codeOf(() => openDatabase(file, [FIRST]))).toBe('SCHEMA_NEWER');
    expect(readFileSync(file).equals(before)).toBe(true);
  });
});

describe('a file that is no database of ours', () => {
  it('of garbage is called corrupt and not touched', () => {
    openDatabase(file).close();
    const garbage = Buffer.alloc(20_000, 'not a database ');
    writeFileSync(file, garbage);
    expect(codeOf(() => openDatabase(file))).toBe('DATABASE_CORRUPT');
    expect(readFileSync(file).equals(garbage)).toBe(true);
  });

  it('that is cut off is called corrupt and not touched', () => {
    openDatabase(file).close();
    truncateSync(file, 4096);
    const before = readFileSync(file);
    expect(codeOf(() => openDatabase(file))).toBe('DATABASE_CORRUPT');
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('whose pages are overwritten is called corrupt and not touched', () => {
    openDatabase(file).close();
    const bytes = readFileSync(file);
    bytes.fill(0xa5, 4096, 8192);
    writeFileSync(file, bytes);
    expect(codeOf(() => openDatabase(file))).toBe('DATABASE_CORRUPT');
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  it('that is a folder is called unwritable', () => {
    expect(codeOf(() => openDatabase(folder))).toBe('HOME_UNWRITABLE');
  });
});

describe('the pragmas', () => {
  it('hold on a new file, on one that is opened again, and after writing', () => {
    for (const round of ['new', 'again']) {
      const db = openDatabase(file);
      db.prepare("INSERT INTO meta (key, value) VALUES (?, 'x')").run(round);
      const pragma = (name: string) => db.pragma(name, { simple: true });
      expect(pragma('synchronous'), round).toBe(2);
      expect(pragma('journal_mode')).toBe('wal');
      expect(pragma('foreign_keys')).toBe(1);
      expect(pragma('busy_timeout')).toBe(5000);
      expect(pragma('mmap_size')).toBe(0);
      expect(pragma('cache_size')).toBe(-4000);
      db.close();
    }
  });
});
