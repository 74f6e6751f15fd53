/**
 * A daemon whose disk is full for a while, whose home cannot be written, or whose database is damaged. Full: nothing that
 * was said meanwhile is lost. Unwritable or damaged: it says what is wrong and what to do, changes nothing, and ends with 1.
 * A small file system of its own stands for the disk.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { databaseFile } from '../../src/db/open.ts';
import { Load } from '../support/load.ts';

const mount = (...args: string[]) => spawnSync('mount', args).status === 0;
/** Only root may mount, and not in every container. */
const whyNot = (() => {
  const probe = '/tmp/nanoclaw-mount-probe';
  mkdirSync(probe, { recursive: true });
  const works = mount('-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe);
  if (works) spawnSync('umount', [probe]);
  rmSync(probe, { recursive: true, force: true });
  return works ? null : 'file systems cannot be mounted here';
})();

let load: Load;
let mounted = false;
afterEach(async () => {
  await load.home.killAll();
  if (mounted) spawnSync('umount', ['-l', load.home.dir]);
  mounted = false;
  await load.dispose();
});

describe.skipIf(whyNot)(`a small disk${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  async function onSmallDisk(): Promise<void> {
    load = await Load.create({ groups: 4, registered: false });
    mounted = mount('-t', 'tmpfs', '-o', 'size=12m,mode=755', 'tmpfs', load.home.dir);
    mkdirSync(load.home.file('data'));
    load.register();
  }

  /** To the last byte. */
  function fill(): void {
    const handle = openSync(load.home.file('filler'), 'a');
    try {
      for (let size = 65_536; size >= 1; ) {
        try {
          if (writeSync(handle, Buffer.alloc(size)) < size) size = Math.floor(size / 2);
        } catch {
          size = Math.floor(size / 2);
        }
      }
    } finally {
      closeSync(handle);
    }
  }

  it('that is full while messages come and a turn ends: nothing is lost once there is room', async () => {
    await onSmallDisk();
    const [first, ...others] = load.groups;
    let daemon = await load.home.start();
    for (const group of load.groups) load.say('echo', group);
    await load.settled();

    load.api.sim.say({ chat: first?.chat ?? 0, from: 'you', text: '@Nina slow 1' });
    await load.home.until(() => load.home.row("SELECT 1 FROM turns WHERE state = 'running'"), 'the turn');
    fill();
    let polls = 0;
    const polled = new Promise<void>((enough) => {
      load.api.sim.on('call', ({ method }) => {
        if (method === 'getUpdates') polls += 1;
        if (polls >= 4) enough();
      });
    });
    for (const group of others)
      for (const kind of ['echo', 'say', 'remember', 'edit'] as const) load.say(kind, group);
    await Promise.race([polled, daemon.exited]);
    expect(load.home.rows('SELECT 1 FROM messages WHERE disposition IS NULL').length).toBeLessThanOrEqual(13);

    rmSync(load.home.file('filler'));
    const end = await Promise.race([daemon.exited, load.settled(90_000).then(() => null)]);
    if (end !== null) {
      // It may give up; the service manager starts it again.
      expect(end.code).not.toBe(0);
      daemon = await load.home.start();
      await load.settled(90_000);
    }
    expect(load.account().problems).toEqual([]);
    expect(load.api.answers(first?.chat ?? 0).filter((text) => text.includes('That took 1'))).toHaveLength(1);
  }, 240_000);

  it('that is full at the start: it says so and ends with 1; with room it starts', async () => {
    await onSmallDisk();
    fill();
    const daemon = load.home.spawn();
    expect((await daemon.exited).code).toBe(1);
    expect(daemon.output).toMatch(/→ .*disk has room/);
    rmSync(load.home.file('filler'));
    await load.home.start();
    load.say('echo');
    await load.settled();
    expect(load.account().problems).toEqual([]);
  }, 60_000);

  it('that is read-only: it says so and ends with 1', async () => {
    await onSmallDisk();
    expect(mount('-o', 'remount,ro', load.home.dir)).toBe(true);
    const daemon = load.home.spawn();
    expect((await daemon.exited).code).toBe(1);
    expect(daemon.output).toMatch(/read-only|EROFS|cannot be (written|opened)/i);
    expect(daemon.output).toMatch(/→ /);
    expect(mount('-o', 'remount,rw', load.home.dir)).toBe(true);
    await load.home.start();
  });
});

describe('a damaged database', () => {
  const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

  async function withDamage(damage: (handle: number, size: number) => void): Promise<void> {
    load = await Load.create({ groups: 3 });
    const before = await load.home.start();
    for (let n = 0; n < 12; n += 1) load.say('echo');
    await load.settled();
    await before.kill('SIGTERM');
    const file = databaseFile(load.home.dir);
    const handle = openSync(file, 'r+');
    damage(handle, statSync(file).size);
    closeSync(handle);
    const was = digest(file);

    const daemon = load.home.spawn();
    expect(await daemon.exited).toEqual({ code: 1, signal: null });
    expect(daemon.output).toMatch(/damaged or not a database/);
    expect(daemon.output).toMatch(/→ .*restore/);
    expect(digest(file)).toBe(was);
    // Whoever only asks must not change it either.
    await load.home.nanoclaw('turns');
    expect(digest(file)).toBe(was);
  }

  it('in its first bytes is left as it is', () =>
    withDamage((handle) => void writeSync(handle, Buffer.alloc(100, 7), 0, 100, 0)));

  it('in the middle is left as it is', () =>
    withDamage((handle, size) => {
      for (let at = 4096 * 4; at < size; at += 4096 * 3)
        writeSync(handle, Buffer.alloc(4096, 0xa5), 0, 4096, at);
    }));

  it('in one page that nobody reads at the start is left as it is', () =>
    withDamage((handle, size) => void writeSync(handle, Buffer.alloc(4096, 0xa5), 0, 4096, size - 4096)));

  it('that was cut off is left as it is', async () => {
    load = await Load.create({ groups: 3 });
    const before = await load.home.start();
    for (let n = 0; n < 12; n += 1) load.say('echo');
    await load.settled();
    await before.kill('SIGTERM');
    const file = databaseFile(load.home.dir);
    const whole = readFileSync(file);
    writeFileSync(file, whole.subarray(0, Math.floor(whole.length / 4096 / 2) * 4096));
    const was = digest(file);
    const daemon = load.home.spawn();
    expect(await daemon.exited).toEqual({ code: 1, signal: null });
    expect(daemon.output).toMatch(/→ .*restore/);
    expect(digest(file)).toBe(was);
  });
});
