/** A turn is not given up while what its agent has left in the mailbox cannot be stored. */
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { createLastWords } from '../../src/container-runner/last-words.ts';
import type { Folder } from '../../src/types.ts';
import { createTestLog, createWorld } from '../support/world.ts';

const FOLDER = 'family' as Folder;
const diskFull = () => new Database.SqliteError('database or disk is full', 'SQLITE_FULL');

function lastWordsWith(drain: () => Promise<void>) {
  const world = createWorld();
  const { log } = createTestLog();
  const done: string[] = [];
  const lastWords = createLastWords({ ...world, log, drain, isStopping: () => false });
  return { ...world, done, lastWords };
}

it('waits for a disk that is full, then reads, then settles', async () => {
  let isFull = true;
  const { clock, done, lastWords } = lastWordsWith(async () => {
    if (isFull) throw diskFull();
    done.push('read');
  });
  void lastWords(FOLDER, () => done.push('settled'));
  await clock.advance(60_000);
  expect(done).toEqual([]);
  isFull = false;
  await clock.advance(60_000);
  expect(done).toEqual(['read', 'settled']);
});

it('settles again when that could not be stored', async () => {
  let tries = 0;
  const { clock, lastWords } = lastWordsWith(async () => {});
  void lastWords(FOLDER, () => {
    tries += 1;
    if (tries < 3) throw diskFull();
  });
  await clock.advance(60_000);
  expect(tries).toBe(3);
});

it('does not wait for a mailbox that cannot be read', async () => {
  const { clock, done, lastWords } = lastWordsWith(() => Promise.reject(new Error('no such directory')));
  void lastWords(FOLDER, () => done.push('settled'));
  await clock.settle();
  expect(done).toEqual(['settled']);
});
