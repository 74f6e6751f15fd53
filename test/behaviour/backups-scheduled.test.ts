/**
 * Backups by the daemon: made when they are due, over restarts and sleep neither skipped nor doubled; in a process of their
 * own, so that the event loop goes on; what fails is told to main once, and so is its end.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { backupInChild } from '../../src/backup/in-child.ts';
import { listBackups } from '../../src/backup/keep.ts';
import { readBackup } from '../../src/backup/read.ts';
import type { Group } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let inner: InnerDaemon;
let main: Group;
const folder = () => path.join(inner.home, 'data', 'backups');
const made = () => inner.testLog.events('backup_made').length;

// The stepped clock begins at 2026-11-02T08:00:00Z.
beforeEach(async () => {
  inner = new InnerDaemon();
  inner.settings = { BACKUP_EVERY: '1d', BACKUP_AT: '03:30', BACKUP_KEEP: '2' };
  main = inner.register('main', { isMain: true });
});

/** Steps the clock to where it may be due, and lets the process that makes it end. */
async function advance(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 10 * MINUTE) {
    const begun = inner.testLog.events('backup_begins').length;
    await inner.clock.advance(Math.min(left, 10 * MINUTE));
    if (inner.testLog.events('backup_begins').length > begun) await ended();
  }
}
const ended = () =>
  vi.waitUntil(
    async () => {
      await inner.clock.advance(0);
      const { events } = inner.testLog;
      return events('backup_begins').length === made() + events('backup_failed').length;
    },
    { timeout: 50_000, interval: 5 },
  );

it('one a day at its time; restarts and sleep neither skip nor double; the newest are kept', async () => {
  await inner.start();
  await advance(19 * HOUR); // 03:00
  expect(made()).toBe(0);
  await advance(HOUR);
  expect(made()).toBe(1);
  const [first] = listBackups(folder());
  expect(first).toContain('nanoclaw-20261103T033');
  expect((await readBackup(first ?? '', null)).tables.registered_groups).toBe(1);

  for (let restart = 0; restart < 3; restart += 1) {
    await inner.stop();
    await inner.start();
    await advance(HOUR);
  }
  expect(made()).toBe(1);

  // Off over the next one and the one after: made up for once, soon after the start.
  await inner.stop();
  inner.clock.jump(40 * HOUR); // 2026-11-04T23:00
  await inner.start();
  await advance(30 * MINUTE);
  expect(made()).toBe(2);
  // Asleep over it: the timers stood still, the clock did not.
  inner.clock.jump(36 * HOUR);
  await advance(30 * MINUTE);
  expect(made()).toBe(3);
  expect(listBackups(folder())).toHaveLength(2);
  expect(readdirSync(folder()).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

it('a clock that was ahead is not waited for', async () => {
  await inner.start();
  await advance(20 * HOUR);
  expect(made()).toBe(1);
  inner.clock.jump(-365 * 24 * HOUR);
  await advance(26 * HOUR);
  expect(made()).toBe(2);
});

it('what fails is tried again after an hour, told to main once, and so is its end', async () => {
  mkdirSync(path.join(inner.home, 'data'), { recursive: true });
  writeFileSync(folder(), 'a file where the folder should be');
  await inner.start();
  await advance(24 * HOUR);
  const failures = inner.testLog.events('backup_failed').length;
  expect(failures).toBeGreaterThan(2);
  expect(failures).toBeLessThan(7);
  const told = () => inner.told(main).filter((text) => text.includes('backup'));
  await inner.until(() => told().length > 0);
  expect(told()).toEqual([expect.stringContaining('The scheduled backup did not work:')]);
  expect(told()[0]).toContain('There is none yet.');
  rmSync(folder());
  await advance(2 * HOUR);
  expect(made()).toBe(1);
  await inner.until(() => told().length > 1);
  expect(told()[1]).toBe('The scheduled backup works again.');
});

it('a stop does not wait for it, and it leaves nothing', async () => {
  fill(inner, 12_000);
  await inner.start();
  for (let steps = 0; inner.testLog.events('backup_begins').length === 0 && steps < 200; steps += 1)
    await inner.clock.advance(10 * MINUTE);
  await inner.until(() => existsSync(folder()) && readdirSync(folder()).length > 0);
  await inner.stop();
  await inner.until(() => readdirSync(folder()).length === 0);
  expect(made()).toBe(0);
});

describe('the event loop', () => {
  it('goes on while one is made', async () => {
    fill(inner, 12_000);
    const target = path.join(folder(), 'nanoclaw-20261102T080000000Z.tar.gz');
    let longest = 0;
    let last = performance.now();
    const watch = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 5);
    const begun = performance.now();
    await backupInChild(inner.home, target, new AbortController().signal);
    const took = performance.now() - begun;
    clearInterval(watch);
    // Whatever the machine is busy with: most of it was no block of ours.
    expect(longest).toBeLessThan(took / 2);
    console.info(`a backup of ${Math.round(took)} ms; the loop's longest block ${Math.round(longest)} ms`);
  });
});

/** Messages of a kilobyte. */
function fill({ db }: InnerDaemon, count: number): void {
  const insert = db.sqlite.prepare(
    `INSERT INTO messages (chat_jid, message_id, sender, sender_name, content, timestamp, received_at, disposition)
     VALUES ('-1001', ?, '1', 'Anna', hex(randomblob(500)), '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', 'not_for_nina')`,
  );
  db.transaction(() => {
    for (let id = 1; id <= count; id += 1) insert.run(id);
  });
}
