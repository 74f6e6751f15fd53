/** What is misunderstood is answered with what was expected, and starts nothing. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
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
