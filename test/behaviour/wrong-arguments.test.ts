/** What is misunderstood is answered with what was expected, and starts nothing. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { databaseFile } from '../../src/db/open.ts';
import { createDb } from '../../src/db.ts';
import { registerGroup } from '../../src/registry.ts';
import { iso } from '../../src/types.ts';
import { runCli } from '../support/cli.ts';
import { tempFolder } from '../support/world.ts';

const DAEMON = path.resolve(import.meta.dirname, '../../dist/index.js');

describe('the daemon', () => {
  it.each([
    ['--help', 0],
    ['-h', 0],
    ['start', 2],
  ])('given %s says what it is and does not start', (argument, code) => {
    const home = tempFolder();
    const env = { PATH: process.env.PATH, NANOCLAW_HOME: home, HTTP_PORT: '0' };
    const ended = spawnSync(process.execPath, [DAEMON, argument], { env, encoding: 'utf8', timeout: 20_000 });
    expect(ended.status).toBe(code);
    expect(code === 0 ? ended.stdout : ended.stderr).toContain('takes no arguments');
    expect(existsSync(path.join(home, 'nanoclaw.log'))).toBe(false);
  });
});

it('"nanoclaw start" is an argument of the command line, and starts it', async () => {
  const home = tempFolder();
  const environment = () => ({ PATH: process.env.PATH ?? '', NANOCLAW_HOME: home, HTTP_PORT: 'none' });
  // A wrong setting ends it before it does anything, and shows that it got that far.
  const { code, stderr } = await runCli({ environment }, {}, 'start');
  expect(code).toBe(2);
  expect(stderr).toContain('HTTP_PORT');
  expect(stderr).not.toContain('takes no arguments');
});

it('restoring what is not there says so', async () => {
  const home = tempFolder();
  const environment = () => ({ PATH: process.env.PATH ?? '', NANOCLAW_HOME: home });
  const { code, stderr } = await runCli({ environment }, {}, 'restore', '/nope.tar.gz');
  expect(code).toBe(1);
  expect(stderr).toContain('There is no /nope.tar.gz.');
  expect(stderr).not.toContain('ENOENT');
});

it('a folder that cannot be is wrong usage, and nothing is made', async () => {
  const home = tempFolder();
  const environment = () => ({ PATH: process.env.PATH ?? '', NANOCLAW_HOME: home });
  const args = ['groups', 'add', '--chat', '-1001', '--name', 'Kin', '--folder'];
  const { code, stderr } = await runCli({ environment }, {}, ...args, '../kin');
  expect(code).toBe(2);
  expect(stderr).toContain('folder: expected');
  expect(existsSync(path.join(home, 'kin')) || existsSync(path.join(home, '..', 'kin'))).toBe(false);
  const json = await runCli({ environment }, {}, ...args, '../kin', '--json');
  expect([json.code, JSON.parse(json.stdout)]).toMatchObject([2, { error: { code: 'GROUP_INVALID' } }]);
  expect((await runCli({ environment }, {}, ...args, 'kin')).code).toBe(0);
});

it('an allowance that cannot be is wrong usage, one that is not there is named, and nothing is set', async () => {
  const home = tempFolder();
  const environment = () => ({ PATH: process.env.PATH ?? '', NANOCLAW_HOME: home });
  const allowance = (...args: string[]) => runCli({ environment }, {}, 'allowance', ...args);
  for (const args of [
    ['set', 'all', 'lots'],
    ['set', 'all', '0usd/day'],
    ['set', 'family', '1usd/day'],
    ['set', 'person:anna', '1usd/day'],
  ]) {
    const { code, stderr } = await allowance(...args);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('expected') });
  }
  expect((await allowance('set', 'all', '1usd/day')).code).toBe(0);
  for (const amount of ['lots', '0', '-1', 'Infinity']) {
    const topped = await allowance('topup', '1', '--', amount);
    expect([topped.code, topped.stderr]).toEqual([2, expect.stringContaining('no amount to top up by')]);
  }
  const unknown = await allowance('topup', '7', '--json');
  expect([unknown.code, JSON.parse(unknown.stdout)]).toMatchObject([
    1,
    { error: { code: 'ALLOWANCE_UNKNOWN' } },
  ]);
  const [only] = JSON.parse((await allowance('list', '--json')).stdout) as unknown[];
  expect(only).toMatchObject({
    for: 'all',
    unit: 'usd',
    period: 'day',
    amount: 1,
    topped_up: 0,
    spent: 0,
    left: 1,
  });
});

it('"nanoclaw logs --group" shows the lines of a group; of one that there is not, it says so', async () => {
  const home = tempFolder();
  const logs = (group: string) => {
    const environment = () => ({ PATH: process.env.PATH ?? '', NANOCLAW_HOME: home });
    return runCli({ environment }, {}, 'logs', '--group', group);
  };
  const line = (group: string) => JSON.stringify({ level: 'info', event: 'said', group, msg: `of ${group}` });
  writeFileSync(path.join(home, 'nanoclaw.log'), `${line('family')}\n${line('gone')}\n`);
  // While there is no database to ask, the log can be read.
  expect(await logs('family')).toMatchObject({ code: 0, stdout: expect.stringContaining('of family') });
  const db = createDb(databaseFile(home));
  const now = () => iso(Date.now());
  const group = { chatJid: '-1001', name: 'Family', folder: 'family' };
  registerGroup({ db, home, assistantName: 'Nina', now }, group, 'test');
  db.close();
  for (const which of ['family', '-1001']) {
    const { code, stdout } = await logs(which);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^(?!.*of gone).*of family/s)]);
  }
  const typo = await logs('famly');
  expect([typo.code, typo.stdout]).toEqual([1, '']);
  expect(typo.stderr).toContain('No registered group has the chat id or folder "famly"');
  expect((await logs('../family')).code).toBe(1);
  // Registered no more, it has left its folder.
  expect((await logs('gone')).code).toBe(1);
  mkdirSync(path.join(home, 'groups', 'gone'));
  expect(await logs('gone')).toMatchObject({ code: 0, stdout: expect.stringContaining('of gone') });
});
