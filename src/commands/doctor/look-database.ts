/** Is the database whole, and of the schema that this program knows? Read by a thread of its own, as it may be large. */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { listBackups } from '../../backup/keep.ts';
import { databaseFile } from '../../db/open.ts';
import { readPages } from '../../db/read-pages.ts';
import type { Check } from './check.ts';
import { fail, ok, unseen, warn } from './finding.ts';

/** Beyond this what the indexes hold is not compared with the tables: that may take minutes. */
const COMPARED_BYTES = 256 * 1024 * 1024;
const READ_MS = 50_000;

/** What to do about damage, with the newest backup's name. */
export function restoreAdvice(home: string): string {
  const [newest] = listBackups(path.join(home, 'data', 'backups'));
  if (newest)
    return `Stop the daemon, then: nanoclaw restore ${newest} --replace (it keeps what is there aside).`;
  return 'Stop the daemon, keep a copy of data/, and save what can be read: sqlite3 data/nanoclaw.db .recover | sqlite3 new.db. There is no backup in data/backups.';
}

const database: Check = {
  id: 'database',
  homeOnly: true,
  async look({ home, database: opened }) {
    const file = databaseFile(home);
    if (opened.state === 'absent')
      return ok('database', 'There is no database yet; the first start makes it.');
    if (opened.state === 'unreadable')
      return fail('database', `${file} cannot be read: ${opened.why}.`, 'See the lines owners and disk.');
    if (opened.state === 'damaged')
      return fail('database', `${file} is damaged: ${opened.why}.`, restoreAdvice(home));
    const bytes = statSync(file).size;
    const pragma = bytes <= COMPARED_BYTES ? 'integrity_check' : 'quick_check';
    const found = await readPages(file, pragma, READ_MS);
    if (found === null)
      return warn(
        'database',
        `${file} could not be read through in ${READ_MS / 1000} s.`,
        `sqlite3 '${file}' 'PRAGMA quick_check'`,
      );
    if (/missing from index|entries in index/.test(found))
      return fail(
        'database',
        `An index of ${file} does not fit its table: ${found}.`,
        `Stop the daemon, then: sqlite3 '${file}' REINDEX`,
      );
    if (found !== 'ok') return fail('database', `${file} is damaged: ${found}.`, restoreAdvice(home));
    if (existsSync(path.join(home, 'data', 'check-first')))
      return warn(
        'database',
        'A daemon found damage that is not there now.',
        'Start it again: it reads all of the file first.',
      );
    return ok('database', `The database is whole (${(bytes / 1024 ** 2).toFixed(1)} MiB).`);
  },
};

const schema: Check = {
  id: 'schema',
  homeOnly: true,
  async look({ database: opened, daemon }) {
    if (opened.state === 'open')
      return ok('schema', `The database has schema ${opened.schema}, as this program.`);
    if (opened.state === 'absent') return ok('schema', 'There is no database yet.');
    if (opened.state !== 'schema') return unseen('schema', 'the database cannot be read', 'database');
    const { seen, known } = opened;
    if (seen > known)
      return fail(
        'schema',
        `The database has schema ${seen}; this program knows up to ${known}.`,
        'Start the newer version of NanoClaw again, or restore a backup made with this one.',
      );
    return warn(
      'schema',
      `The database has schema ${seen}; this program brings it to ${known}${daemon ? ', but an older one runs on it' : ''}.`,
      daemon ? 'nanoclaw service restart, or stop the daemon and start it again.' : 'Start the daemon once.',
    );
  },
};

export const DATABASE_CHECKS: readonly Check[] = [database, schema];
