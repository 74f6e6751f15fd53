import { expect, it, onTestFinished } from 'vitest';
import { createDb } from '../db.ts';

function memory() {
  const db = createDb(':memory:');
  onTestFinished(() => db.close());
  const done: string[] = [];
  const note = (what: string) => db.afterCommit(() => void done.push(`${what} ${db.sqlite.inTransaction}`));
  return { db, done, note };
}

it('waits for the outermost commit, keeps the order, and is done at once without one', () => {
  const { db, done, note } = memory();
  db.transaction(() => {
    note('one');
    db.transaction(() => note('two'));
    expect(done).toEqual([]);
  });
  note('three');
  expect(done).toEqual(['one false', 'two false', 'three false']);
});

it('is never done for what was rolled back', () => {
  const { db, done, note } = memory();
  const failing = () =>
    db.transaction(() => {
      note('lost');
      throw new Error('no');
    });
  expect(failing).toThrow('no');
  db.transaction(() => note('next'));
  expect(done).toEqual(['next false']);
});

it('one that throws keeps none back, and what was committed stays', () => {
  const { db, done, note } = memory();
  const work = () =>
    db.transaction(() => {
      db.inbox.setMeta('stored', 'yes');
      db.afterCommit(() => {
        throw new Error('behind the commit');
      });
      note('other');
      db.afterCommit(() => db.transaction(() => note('inner')));
    });
  expect(work).toThrow('behind the commit');
  expect(db.inbox.meta('stored')).toBe('yes');
  expect(done).toEqual(['other false', 'inner false']);
});
