/** The lock on a home, between real processes: held by one, named to the other, gone with its holder. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NanoClawError } from '../../src/errors.ts';
import { findDaemon, lockHome } from '../../src/lib/home-lock.ts';
import { tempFolder } from '../support/world.ts';

const MODULE = path.resolve(import.meta.dirname, '../../src/lib/home-lock.ts');
const info = (pid: number) => ({
  pid,
  started_at: '2026-11-02T08:00:00.000Z',
  url: 'http://127.0.0.1:7420',
  simulator: false,
});

/** A process that holds the lock of this home when the promise resolves. */
async function holdElsewhere(home: string): Promise<ChildProcess> {
  const code = `
    const { lockHome } = await import(${JSON.stringify(MODULE)});
    lockHome(${JSON.stringify(home)}).publish({ ...${JSON.stringify(info(0))}, pid: process.pid });
    console.log('locked');
    setInterval(() => {}, 60_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}
const refusal = (home: string): NanoClawError => {
  try {
    lockHome(home).release();
  } catch (error) {
    if (error instanceof NanoClawError) return error;
  }
  throw new Error('it was not refused');
};

describe('a home', () => {
  it('is held by one process; a second is told which, and may have it when that was killed', async () => {
    const home = tempFolder();
    const child = await holdElsewhere(home);
    const error = refusal(home);
    expect(error.code).toBe('HOME_LOCKED');
    expect(error.message).toContain(
      `process ${child.pid}, since 2026-11-02T08:00:00.000Z, at http://127.0.0.1:7420`,
    );
    expect(findDaemon(home)).toMatchObject({ pid: child.pid });

    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(findDaemon(home)).toBeNull();
    const lock = lockHome(home);
    expect(findDaemon(home)).not.toBeNull(); // we ourselves, though the file still names the other
    lock.publish(info(process.pid));
    expect(findDaemon(home)).toMatchObject({ pid: process.pid });
    lock.release();
    expect(findDaemon(home)).toBeNull();
  });

  it('is refused also before the first has said who it is', () => {
    const home = tempFolder();
    const lock = lockHome(home);
    expect(refusal(home).message).toContain('another process');
    lock.release();
    lockHome(home).release();
  });

  it('can be held beside another home', () => {
    const one = lockHome(tempFolder());
    const two = lockHome(tempFolder());
    one.release();
    two.release();
  });

  it('that cannot be written is called so', () => {
    const home = tempFolder();
    writeFileSync(path.join(home, 'data'), 'a file');
    expect(refusal(home).code).toBe('HOME_UNWRITABLE');
  });

  it('says nothing of a daemon from a file that is broken', () => {
    const home = tempFolder();
    mkdirSync(path.join(home, 'data'));
    writeFileSync(path.join(home, 'data', 'daemon.json'), '{"pid": "x"}');
    expect(findDaemon(home)).toBeNull();
    expect(readFileSync(path.join(home, 'data', 'daemon.json'), 'utf8')).toBe('{"pid": "x"}');
  });
});
