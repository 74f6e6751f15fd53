/**
 * POSIX locks belong to the process: if the daemon ever opened and closed its own database file besides SQLite, its
 * locks would be gone, and whoever closes the database next would delete the WAL under it. So a container's link to
 * the database must be refused without being opened.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { databaseFile } from '../../src/db/open.ts';
import { createDb, type Db } from '../../src/db.ts';
import { copyOut } from '../../src/mailbox/copy-out.ts';

const home = mkdtempSync(path.join(tmpdir(), 'nanoclaw-locks-'));
let db: Db | undefined;
afterEach(() => {
  db?.close();
  rmSync(home, { recursive: true, force: true });
});

/** The kernel's list of our locks on a file. Its leading number counts every lock of the machine, so it is left out. */
function locksOn(file: string): string[] {
  const { ino } = statSync(file);
  return readFileSync('/proc/locks', 'utf8')
    .split('\n')
    .filter((line) => line.includes(` ${process.pid} `) && line.includes(`:${ino} `))
    .map((line) => line.replace(/^\d+: /, ''));
}

it.skipIf(process.platform !== 'linux').each([
  ['a link to the database', 'db'],
  ['a folder that is a link to its folder', 'data/nanoclaw.db'],
])('%s in a group’s folder cannot take the daemon’s locks away', (_, asked) => {
  const file = databaseFile(home);
  db = createDb(file);
  db.inbox.setMeta('a', 'b');
  const before = locksOn(file);
  expect(before).toHaveLength(1);
  const group = path.join(home, 'groups', 'family');
  mkdirSync(group, { recursive: true });
  if (asked === 'db') symlinkSync('../../data/nanoclaw.db', path.join(group, 'db'));
  else symlinkSync('../../data', path.join(group, 'data'));

  expect(() => copyOut(group, asked, path.join(home, 'copy'))).toThrow(/leads out of the group's folder/);
  expect(locksOn(file)).toEqual(before);
});
