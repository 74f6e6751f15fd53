/** nanoclaw.log of real daemons: set aside by the one that holds the home, and no reason to end when it cannot be written. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { TestHome } from '../support/daemon.ts';

const MIB = 1024 * 1024;

function createHome(): TestHome {
  const home = new TestHome({
    AGENT_PROVIDER: 'offline',
    CONTAINER_RUNTIME: 'process',
    LOG_MAX_MB: '1',
    LOG_KEEP: '1',
  });
  onTestFinished(() => home.dispose());
  return home;
}

it('is set aside once the daemon holds its home; a second daemon, which is refused, only adds its lines', async () => {
  const home = createHome();
  const log = home.file('nanoclaw.log');
  const first = await home.start();
  // Too large by now, whoever made it so: the daemon itself counts what it wrote.
  writeFileSync(log, `${JSON.stringify({ event: 'padding', msg: 'x'.repeat(2 * MIB) })}\n`, { flag: 'a' });
  const second = home.spawn();
  expect((await second.exited).code).toBe(1);
  expect(second.log().map(({ event }) => event)).toContain('start_failed');
  expect(existsSync(`${log}.1`)).toBe(false);
  await first.kill('SIGTERM');

  const third = home.spawn();
  await home.until(() => existsSync(`${log}.1`) && existsSync(log), 'the log to be set aside');
  expect(statSync(`${log}.1`).size).toBeGreaterThan(2 * MIB);
  await home.until(() => readFileSync(log, 'utf8').includes('"event":"ready"'), 'the new log to go on');
  expect(statSync(log).size).toBeLessThan(MIB);
  expect((await third.kill('SIGTERM')).code).toBe(0);
});

it('that cannot be written does not end the daemon, which still works', async () => {
  const home = createHome();
  symlinkSync('/dev/full', home.file('nanoclaw.log'));
  const daemon = spawn(process.execPath, [path.resolve(import.meta.dirname, '../../dist/index.js')], {
    cwd: home.dir,
    env: home.environment({}),
    stdio: 'ignore',
  });
  onTestFinished(() => void daemon.kill('SIGKILL'));
  const ended = once(daemon, 'exit');
  const info = home.file('data/daemon.json');
  for (let looks = 0; !existsSync(info) && daemon.exitCode === null && looks < 600; looks += 1)
    await new Promise((resolve) => setTimeout(resolve, 100));
  const answer = await home.nanoclaw('chat', '@Nina ping');
  expect(answer.stdout).toContain('pong');
  daemon.kill('SIGTERM');
  expect((await ended)[0]).toBe(0);
});
