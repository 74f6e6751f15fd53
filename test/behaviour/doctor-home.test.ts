/**
 * Faults of settings, files, disk and database, planted one at a time: `nanoclaw doctor` names each, and doing what the
 * line says, or --fix, makes the line ok. --fix a second time does nothing.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MIGRATIONS } from '../../src/db/migrations.ts';
import { databaseFile, openDatabase } from '../../src/db/open.ts';
import type { TestHome } from '../support/daemon.ts';
import { doctor, doctorWith, patient } from '../support/doctor.ts';

const isRoot = process.getuid?.() === 0;
/** An ordinary user that every system has a number for. */
const NOBODY = 65_534;

let home: TestHome;
beforeEach(() => {
  home = patient();
});
afterEach(() => home.dispose());

const FAMILY = { chatJid: '-1', name: 'Family', folder: 'family' };
const mode = (...names: string[]) => (statSync(home.file(...names)).mode & 0o777).toString(8);

/** Mends, and finds nothing to do the second time. */
async function fixed(id: string, ...args: string[]): Promise<string[]> {
  const first = (await doctor(home, '--fix', ...args)).of(id);
  expect(first.state).toBe('ok');
  const second = await doctor(home, '--fix', ...args);
  expect(second.findings.filter(({ done }) => done !== undefined)).toEqual([]);
  expect(second.of(id).state).toBe('ok');
  return first.done ?? [];
}

describe('settings', () => {
  it('wrong ones are all named, and what needs none is looked at all the same', async () => {
    home.registerAll([FAMILY]);
    writeFileSync(home.file('.env'), 'MAX_CONCURRENT_CONTAINERS=many\nLOG_LEVEL=loud\n', { mode: 0o600 });
    const wrong = await doctor(home);
    expect(wrong.of('settings')).toMatchObject({
      state: 'fail',
      seen: expect.stringMatching(/MAX_CONCURRENT_CONTAINERS: expected .*LOG_LEVEL: expected/),
      fix: expect.stringContaining(home.file('.env')),
    });
    expect(wrong.of('database').state).toBe('ok');
    expect(wrong.findings.map(({ id }) => id)).not.toContain('engine');
    writeFileSync(home.file('.env'), 'LOG_LEVEL=debug\nMAX_CONCURRENT_CONTAINERS=2\n');
    expect((await doctor(home)).of('settings').state).toBe('ok');
  });

  it('a misspelt name in .env is told, and so is a credential that is not used', async () => {
    writeFileSync(home.file('.env'), 'TELEGRAM_BOT_TOKN=1\n', { mode: 0o600 });
    expect((await doctor(home)).of('settings')).toMatchObject({
      state: 'warn',
      seen: expect.stringContaining('TELEGRAM_BOT_TOKN'),
    });
    writeFileSync(
      home.file('.env'),
      'AGENT_PROVIDER=offline\nANTHROPIC_API_KEY=a\nCLAUDE_CODE_OAUTH_TOKEN=b\n',
    );
    expect((await doctor(home)).of('settings')).toMatchObject({
      state: 'warn',
      seen: 'Several credentials are set: ANTHROPIC_API_KEY is used, CLAUDE_CODE_OAUTH_TOKEN not.',
    });
    writeFileSync(home.file('.env'), 'AGENT_PROVIDER=offline\n');
    expect((await doctor(home)).of('settings').state).toBe('ok');
  });
});

describe('files', () => {
  it('a .env that others can read', async () => {
    writeFileSync(home.file('.env'), 'LOG_LEVEL=info\n', { mode: 0o600 });
    expect((await doctor(home)).of('env-file').state).toBe('ok');
    chmodSync(home.file('.env'), 0o644);
    expect((await doctor(home)).of('env-file')).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('mode 0644'),
      fix: `chmod 600 ${home.file('.env')}`,
    });
    expect(await fixed('env-file')).toEqual([`Set the mode of ${home.file('.env')} to 0600.`]);
    expect(mode('.env')).toBe('600');
  });

  it('a registered group whose folder is gone, and a mailbox that is', async () => {
    home.registerAll([FAMILY]);
    expect((await doctor(home)).of('folders').state).toBe('ok');
    renameSync(home.file('groups/family'), home.file('moved'));
    rmSync(home.file('data/ipc/family'), { recursive: true });
    expect((await doctor(home)).of('folders')).toMatchObject({
      state: 'fail',
      seen: 'Folders of registered groups are gone: groups/family.',
      fix: expect.stringContaining('put it back'),
    });
    renameSync(home.file('moved'), home.file('groups/family'));
    expect((await doctor(home)).of('folders')).toMatchObject({
      state: 'warn',
      seen: expect.stringContaining('data/ipc/family/in'),
    });
    expect(await fixed('folders')).toEqual([expect.stringContaining('data/ipc/family/in')]);
    rmSync(home.file('groups/family'), { recursive: true });
    await fixed('folders');
    expect(readFileSync(home.file('groups/family/CLAUDE.md'), 'utf8')).toContain('Family');
  });

  it('something else in the place of a folder is left as it is', async () => {
    home.registerAll([FAMILY]);
    rmSync(home.file('groups/family'), { recursive: true });
    writeFileSync(home.file('groups/family'), 'precious');
    expect((await doctor(home, '--fix')).of('folders')).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('groups/family'),
    });
    expect(readFileSync(home.file('groups/family'), 'utf8')).toBe('precious');
    rmSync(home.file('groups/family')); // as the line says
    await fixed('folders');
  });

  it('a log that is no file', async () => {
    mkdirSync(home.file('nanoclaw.log'));
    const { state, fix } = (await doctor(home)).of('log');
    expect(state).toBe('fail');
    spawnSync('sh', ['-c', fix?.replace(/^[^:]*: /, '') ?? '']);
    expect(existsSync(home.file('nanoclaw.log.aside'))).toBe(true);
    expect((await doctor(home)).of('log').state).toBe('ok');
  });

  describe.skipIf(!isRoot)('of the wrong owner (needs root)', () => {
    beforeEach(() => {
      home.registerAll([FAMILY]);
      spawnSync('chown', ['-R', `${NOBODY}:${NOBODY}`, home.dir]);
    });

    it('a group folder of root’s while the daemon runs as somebody else: its own user names the command', async () => {
      home.uid = NOBODY;
      expect((await doctor(home)).of('owners').state).toBe('ok');
      chownSync(home.file('groups/family'), 0, 0);
      const { state, seen, fix = '' } = (await doctor(home)).of('owners');
      expect([state, seen]).toEqual([
        'fail',
        expect.stringMatching(/cannot write groups\/family \(of user 0/),
      ]);
      expect((await doctor(home, '--fix')).of('owners').state).toBe('fail');
      spawnSync('sh', ['-c', fix.replace(/^sudo /, '').replace(/ \(nanoclaw .*/, '')]);
      expect((await doctor(home)).of('owners').state).toBe('ok');
    });

    it('the same by root, who sees whom the running daemon belongs to, and mends it', async () => {
      home.uid = NOBODY;
      await home.start();
      home.uid = undefined;
      expect((await doctor(home)).of('owners').state).toBe('ok');
      chownSync(home.file('groups/family'), 0, 0);
      writeFileSync(home.file('groups/family/notes.md'), 'of root', { mode: 0o600 });
      // What a container may have planted.
      writeFileSync(home.file('user/secret'), 'not the agent’s', { mode: 0o600 });
      symlinkSync(home.file('user/secret'), home.file('groups/family/link'));
      linkSync(home.file('user/secret'), home.file('groups/family/hard'));
      expect((await doctor(home)).of('owners')).toMatchObject({
        state: 'fail',
        seen: expect.stringContaining('groups/family'),
      });
      const mended = await doctor(home, '--fix');
      expect(mended.of('owners').done).toHaveLength(2);
      expect(statSync(home.file('groups/family/notes.md')).uid).toBe(NOBODY);
      expect(statSync(home.file('user/secret'))).toMatchObject({ uid: 0, mode: 0o100600 });
      // A file that also lies elsewhere is the operator's to decide about.
      expect(mended.of('owners')).toMatchObject({
        state: 'fail',
        seen: expect.stringContaining('groups/family/hard'),
      });
      rmSync(home.file('groups/family/hard'));
      expect((await doctor(home)).of('owners').state).toBe('ok');
    });

    it('a database and a folder that their own user may not write', async () => {
      home.uid = NOBODY;
      chmodSync(home.file('data/nanoclaw.db'), 0o444);
      chmodSync(home.file('data/sessions/family'), 0o500);
      expect((await doctor(home)).of('owners')).toMatchObject({
        state: 'fail',
        seen: expect.stringContaining('data/nanoclaw.db'),
        fix: expect.stringMatching(/^chmod -R u\+rwX /),
      });
      expect(await fixed('owners')).toContain(
        `Set the mode of ${home.file('data/sessions/family')} to 0700.`,
      );
      expect([mode('data/nanoclaw.db'), mode('data/sessions/family')]).toEqual(['644', '700']);
    });

    it('a log of root’s, and a .env that the daemon’s user cannot read', async () => {
      writeFileSync(home.file('nanoclaw.log'), '');
      writeFileSync(home.file('.env'), '', { mode: 0o600 });
      const asSudo = { SUDO_USER: 'nobody' };
      const found = await doctorWith(home, asSudo);
      expect(found.of('log')).toMatchObject({ state: 'fail', fix: expect.stringContaining('chown nobody:') });
      expect(found.of('env-file')).toMatchObject({ state: 'fail', seen: expect.stringContaining('nobody') });
      const mended = await doctorWith(home, asSudo, '--fix');
      expect([mended.of('log').state, mended.of('env-file').state]).toEqual(['ok', 'ok']);
      expect(statSync(home.file('nanoclaw.log')).uid).toBe(NOBODY);
    });
  });
});

it('a home that is not there yet is all right, and is not made by looking', async () => {
  const somewhere = home.file('not/yet');
  const { code, findings } = await doctorWith(home, { NANOCLAW_HOME: somewhere });
  expect([code, findings.filter(({ state }) => state === 'fail')]).toEqual([0, []]);
  expect(existsSync(home.file('not'))).toBe(false);
});

describe('the machine', () => {
  const mount = (...args: string[]) => spawnSync('mount', args).status === 0;

  it('a disk that is nearly full', async ({ skip }) => {
    if (!mount('-t', 'tmpfs', '-o', 'size=64m,mode=755', 'tmpfs', home.dir))
      skip('file systems cannot be mounted here');
    try {
      mkdirSync(home.file('data'));
      expect((await doctor(home)).of('disk')).toMatchObject({
        state: 'fail',
        seen: expect.stringMatching(/^6\d MiB are free/),
        fix: expect.stringContaining('Make room'),
      });
      mount('-o', 'remount,size=1g', home.dir);
      expect((await doctor(home)).of('disk').state).toBe('warn');
      mount('-o', 'remount,size=3g', home.dir);
      expect((await doctor(home)).of('disk').state).toBe('ok');
    } finally {
      spawnSync('umount', ['-l', home.dir]);
    }
  });

  it('a port that another program has', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    home.settings.HTTP_PORT = String((other.address() as AddressInfo).port);
    expect((await doctor(home)).of('port')).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('Another program listens'),
    });
    await new Promise((resolve) => other.close(resolve));
    expect((await doctor(home)).of('port').state).toBe('ok');
    // Of no machine: kept for documentation (RFC 5737).
    Object.assign(home.settings, {
      HTTP_HOST: '192.0.2.1',
      STATUS_TOKEN: 'a-token-of-more-than-sixteen-letters',
    });
    expect((await doctor(home)).of('port')).toMatchObject({
      state: 'fail',
      fix: expect.stringContaining('HTTP_HOST'),
    });
  });

  it('what a killed daemon left, and one that does not answer', async () => {
    const daemon = await home.start();
    const running = await doctor(home);
    expect([running.of('lock').state, running.of('port').state]).toEqual(['ok', 'ok']);
    process.kill(daemon.pid, 'SIGSTOP');
    expect((await doctor(home)).of('daemon')).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining(`process ${daemon.pid}`),
    });
    process.kill(daemon.pid, 'SIGCONT');
    await home.until(() => daemon.log().length > 0, 'a log');
    expect((await doctor(home)).of('daemon').state).toBe('ok');
    await daemon.kill('SIGKILL');
    expect((await doctor(home)).of('lock')).toMatchObject({
      state: 'warn',
      seen: expect.stringContaining(`process ${daemon.pid}`),
    });
    expect(await fixed('lock')).toEqual(['Removed data/daemon.json.']);
  });

  it('what a killed drill left; one that has just begun is let be', async () => {
    const [old, young] = [home.file('.drill-aB3xYz'), home.file('.drill-young1')];
    mkdirSync(`${old}/h/data`, { recursive: true });
    mkdirSync(young);
    utimesSync(old, 0, 0);
    expect((await doctor(home)).of('leftovers')).toMatchObject({
      state: 'warn',
      seen: expect.stringMatching(/: \.drill-aB3xYz\.$/),
    });
    expect(await fixed('leftovers')).toEqual(['Removed .drill-aB3xYz.']);
    expect([existsSync(old), existsSync(young)]).toEqual([false, true]);
  });
});

describe('the database', () => {
  /** Overwrites the page in which a table's rows begin. */
  function spoil(): void {
    const file = databaseFile(home.dir);
    const page = home.row<{ rootpage: number }>(
      "SELECT rootpage FROM sqlite_schema WHERE name = 'messages'",
    )?.rootpage;
    const handle = openSync(file, 'r+');
    writeSync(handle, Buffer.alloc(4096, 0xa5), 0, 4096, ((page ?? 0) - 1) * 4096);
    closeSync(handle);
  }

  async function backedUp(): Promise<string> {
    home.registerAll([FAMILY]);
    const { stdout } = await home.nanoclaw('backup', '--json');
    return (JSON.parse(stdout) as { file: string }).file;
  }

  it('a page that is damaged: the line names the backup that brings it back', async () => {
    const file = await backedUp();
    expect((await doctor(home)).of('database').state).toBe('ok');
    spoil();
    const { state, seen, fix = '' } = (await doctor(home)).of('database');
    expect([state, seen]).toEqual(['fail', expect.stringContaining('is damaged')]);
    const [command] = /nanoclaw restore \S+ --replace/.exec(fix) ?? [];
    expect(command).toBe(`nanoclaw restore ${file} --replace`);
    expect((await home.nanoclaw(...(command?.split(' ').slice(1) ?? []))).code).toBe(0);
    const after = await doctor(home);
    // The mailbox is not in a backup, and made when the agent starts.
    expect([after.of('database').state, after.of('folders').state]).toEqual(['ok', 'warn']);
    expect(home.rows('SELECT folder FROM registered_groups')).toEqual([{ folder: 'family' }]);
  });

  it('an index that does not hold what its table does', async () => {
    home.registerAll([FAMILY]);
    const index = home.row<{ rootpage: number; sql: string }>(
      "SELECT rootpage, sql FROM sqlite_schema WHERE name = 'messages_by_time'",
    );
    const edit = (sql: string) => {
      const db = new Database(databaseFile(home.dir)).unsafeMode();
      db.pragma('writable_schema = ON');
      db.exec(sql);
      db.close();
    };
    edit("DELETE FROM sqlite_schema WHERE name = 'messages_by_time'");
    home.write(
      `INSERT INTO messages (chat_jid, message_id, sender, sender_name, content, timestamp, received_at, disposition)
       VALUES ('-1', 1, '1', 'Anna', 'x', '2026-11-01T08:00:00.000Z', '2026-11-01T08:00:00.000Z', 'not_for_nina')`,
    );
    edit(
      `INSERT INTO sqlite_schema VALUES ('index', 'messages_by_time', 'messages', ${index?.rootpage}, '${index?.sql}')`,
    );
    expect((await doctor(home)).of('database')).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('messages_by_time'),
      fix: expect.stringMatching(/REINDEX$/),
    });
    home.write('REINDEX');
    expect((await doctor(home)).of('database').state).toBe('ok');
  });

  it('a file that is no database, without any backup', async () => {
    writeFileSync(databaseFile(home.dir), 'x'.repeat(8192));
    const { of } = await doctor(home);
    expect(of('database')).toMatchObject({
      state: 'fail',
      fix: expect.stringContaining('There is no backup'),
    });
    expect(of('schema')).toMatchObject({ state: 'warn', fix: 'See the line database.' });
    renameSync(databaseFile(home.dir), home.file('aside'));
    expect((await doctor(home)).of('database').state).toBe('ok');
  });

  it('a newer schema than the program’s', async () => {
    const file = await backedUp();
    home.write("INSERT INTO migrations VALUES (99, 'of next year', '2027-01-01T00:00:00.000Z')");
    expect((await doctor(home)).of('schema')).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('schema 99'),
      fix: expect.stringContaining('restore a backup'),
    });
    await home.nanoclaw('restore', file, '--replace');
    expect((await doctor(home)).of('schema').state).toBe('ok');
  });

  it('an older one is brought up to date by the start, not by looking', async () => {
    openDatabase(databaseFile(home.dir), MIGRATIONS.slice(0, 1)).close();
    const older = await doctor(home);
    expect(older.of('schema')).toMatchObject({ state: 'warn', fix: 'Start the daemon once.' });
    expect((await doctor(home)).of('schema').state).toBe('warn');
    const daemon = await home.start();
    await daemon.kill('SIGTERM');
    expect((await doctor(home)).of('schema').state).toBe('ok');
  });
});
