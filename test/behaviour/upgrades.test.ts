/**
 * A daemon that finds the database of an older version: copied, upgraded, and then it goes on with what was there. Killed
 * in the middle, on a full disk, beside an older daemon, or with a database of a newer version.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MIGRATIONS } from '../../src/db/migrations.ts';
import { databaseFile, openDatabase } from '../../src/db/open.ts';
import { lockHome } from '../../src/lib/home-lock.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';

const NEWEST = MIGRATIONS.length;
/** What the versions before this one may have left. */
const OLDER = MIGRATIONS.slice(0, -1).map(({ id }) => id);

let api: BotApi;
let home: TestHome;
beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process', AGENT_PROVIDER: 'offline' });
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

/** With a registered group in which something was said, as a program with that schema left it. */
function leftBy(schema: number, chat: number): void {
  const db = openDatabase(databaseFile(home.dir), MIGRATIONS.slice(0, schema));
  db.prepare(
    `INSERT INTO registered_groups (chat_jid, name, folder, "trigger", requires_trigger, is_main, added_at)
     VALUES (?, 'Family', 'family', '@Nina', 1, 0, '2026-01-02T03:04:05.000Z')`,
  ).run(String(chat));
  db.prepare(
    `INSERT INTO messages (chat_jid, message_id, sender, sender_name, content, timestamp, disposition, received_at)
     VALUES (?, 990001, '7', 'Anna', 'the tea is in the blue tin', '2026-01-02T03:04:05.000Z', 'not_for_nina', '2026-01-02T03:04:05.000Z')`,
  ).run(String(chat));
  db.close();
}
const schemaNow = (): number => home.row<{ id: number }>('SELECT max(id) AS id FROM migrations')?.id ?? 0;
const copies = (): string[] => {
  try {
    return readdirSync(home.file('data/backups'));
  } catch {
    return [];
  }
};

describe.each(OLDER)('a database with schema %i', (schema) => {
  it('is copied and upgraded at the start, the log says so, and what was there is there', async () => {
    const chat = api.group('Family');
    leftBy(schema, chat);
    const daemon = await home.start();
    expect(schemaNow()).toBe(NEWEST);
    const copy = `before-upgrade-${schema}-${NEWEST}-`;
    expect(copies()).toEqual([expect.stringContaining(copy)]);
    expect(await daemon.logged('schema_upgraded')).toMatchObject({
      from: schema,
      to: NEWEST,
      backup: expect.stringContaining(copy),
    });
    expect(await api.ask(chat, '@Nina ping')).toBe('pong');
    expect(home.row("SELECT sender_name FROM messages WHERE content LIKE '%blue tin%'")).toEqual({
      sender_name: 'Anna',
    });
    await daemon.kill('SIGTERM');
    // Once is enough.
    await home.start();
    expect(copies()).toHaveLength(1);
  });

  it('is as it was when the daemon is killed in the middle, and the next start upgrades it', async () => {
    const chat = api.group('Family');
    leftBy(schema, chat);
    const dying = home.spawn({ FAILPOINTS: 'migration.applied=kill' });
    expect(await dying.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(schemaNow()).toBe(schema);
    expect(copies()).toHaveLength(1);
    await home.start();
    expect(schemaNow()).toBe(NEWEST);
    expect(copies()).toHaveLength(1);
    expect(await api.ask(chat, '@Nina ping')).toBe('pong');
  });
});

it('a command that changes something upgrades, too; one that reads does not; and none under a daemon that still works with the older schema', async () => {
  leftBy(NEWEST - 1, -42);
  const older = lockHome(home.dir);
  older.publish({ pid: process.pid, started_at: '2026-01-02T03:04:05.000Z', url: null, simulator: false });
  const refused = await home.nanoclaw('pair');
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain(`this program needs ${NEWEST}`);
  expect(refused.stderr).toMatch(/\n→ Restart the daemon/);
  expect(schemaNow()).toBe(NEWEST - 1);
  older.release();
  expect(await home.nanoclaw('groups', 'list')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('schema'),
  });
  expect(schemaNow()).toBe(NEWEST - 1);

  const made = await home.nanoclaw('pair', '--json');
  expect([made.code, JSON.parse(made.stdout)]).toEqual([
    0,
    expect.objectContaining({ code: expect.any(String) }),
  ]);
  expect(made.stderr).toContain('before-upgrade-');
  expect(schemaNow()).toBe(NEWEST);
});

it('a database of a newer version is refused with one sentence and a fix, and is not touched', async () => {
  leftBy(NEWEST, -42);
  home.write(`INSERT INTO migrations VALUES (${NEWEST + 1}, 'of tomorrow', '2027-01-01T00:00:00.000Z')`);
  const daemon = home.spawn();
  expect(await daemon.exited).toEqual({ code: 1, signal: null });
  expect(daemon.output).toContain(
    `The database has schema ${NEWEST + 1}; this program knows up to ${NEWEST}.\n→ Start the newer version`,
  );
  expect(daemon.output).not.toMatch(/\n {4}at /);
  expect([schemaNow(), copies()]).toEqual([NEWEST + 1, []]);
});

const mount = (...args: string[]) => spawnSync('mount', args).status === 0;
const whyNot = (() => {
  const probe = '/tmp/nanoclaw-upgrade-mount-probe';
  mkdirSync(probe, { recursive: true });
  const works = mount('-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe);
  if (works) spawnSync('umount', [probe]);
  rmSync(probe, { recursive: true, force: true });
  return works ? null : 'file systems cannot be mounted here';
})();

it.skipIf(whyNot)(
  `a disk without room for the copy is said before anything is changed${whyNot ?? ''}`,
  async () => {
    expect(mount('-t', 'tmpfs', '-o', 'size=16m,mode=755', 'tmpfs', home.dir)).toBe(true);
    try {
      const chat = api.group('Family');
      leftBy(NEWEST - 1, chat);
      home.write('CREATE TABLE ballast (x BLOB); INSERT INTO ballast VALUES (zeroblob(5000000))');
      home.write('PRAGMA wal_checkpoint(TRUNCATE)');
      const daemon = home.spawn();
      expect(await daemon.exited).toEqual({ code: 1, signal: null });
      expect(daemon.output).toMatch(
        /takes \d+ MiB of disk, and [\d.]+ MiB are free .* Nothing was changed\.\n→ Make room/,
      );
      expect([schemaNow(), copies()]).toEqual([NEWEST - 1, []]);

      home.write('DROP TABLE ballast; VACUUM');
      await home.start();
      expect([schemaNow(), copies().length]).toEqual([NEWEST, 1]);
      expect(await api.ask(chat, '@Nina ping')).toBe('pong');
      await home.killAll();
    } finally {
      spawnSync('umount', ['-l', home.dir]);
    }
  },
);
