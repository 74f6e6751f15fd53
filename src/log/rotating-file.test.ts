import { execFileSync, spawn } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openRotatingFile } from './rotating-file.ts';

function createHarness(options: { maxBytes?: number; keep?: number; file?: string } = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'nanoclaw-log-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'nanoclaw.log');
  const open = () => openRotatingFile({ file, maxBytes: 100, keep: 2, now: () => 0, ...options });
  const read = (suffix = '') => readFileSync(`${file}${suffix}`, 'utf8');
  return { folder, file, open, read, names: () => readdirSync(folder).sort() };
}
const line = (n: number): string => `${String(n).padStart(9, '0')}\n`;

describe('the log’s file', () => {
  it('is set aside before it grows too large; so many older ones stay', () => {
    const { open, read, names } = createHarness();
    const log = open();
    log.allowRotation();
    for (let n = 0; n < 35; n += 1) log.write(line(n));
    expect(names()).toEqual(['nanoclaw.log', 'nanoclaw.log.1', 'nanoclaw.log.2']);
    expect(read()).toBe([30, 31, 32, 33, 34].map(line).join(''));
    expect(read('.1')).toBe(Array.from({ length: 10 }, (_, i) => line(20 + i)).join(''));
    expect(read('.2')).toBe(Array.from({ length: 10 }, (_, i) => line(10 + i)).join(''));
  });

  it('is followed by tail -F over every change, without a line missing or doubled', async () => {
    const { open, file, names } = createHarness({ maxBytes: 40 });
    const log = open();
    log.allowRotation();
    const tail = spawn('tail', ['-n', '+1', '-F', file]);
    onTestFinished(() => void tail.kill('SIGKILL'));
    let seen = '';
    let look = () => {};
    tail.stdout.setEncoding('utf8').on('data', (text: string) => {
      seen += text;
      look();
    });
    const written: string[] = [];
    for (let n = 0; n < 14; n += 1) {
      written.push(line(n));
      log.write(line(n));
      await new Promise<void>((resolve) => {
        look = () => {
          if (seen.length >= written.join('').length) resolve();
        };
        look();
      });
    }
    expect(seen).toBe(written.join(''));
    expect(names()).toEqual(['nanoclaw.log', 'nanoclaw.log.1', 'nanoclaw.log.2']);
  });

  it('may be the only one', () => {
    const { open, read, names } = createHarness({ keep: 0 });
    const log = open();
    log.allowRotation();
    for (let n = 0; n < 25; n += 1) log.write(line(n));
    expect(names()).toEqual(['nanoclaw.log']);
    expect(read()).toBe([20, 21, 22, 23, 24].map(line).join(''));
  });

  it('that was too large already is set aside with the first line', () => {
    const { file, open, read } = createHarness();
    writeFileSync(file, 'x'.repeat(5000));
    const log = open();
    log.allowRotation();
    log.write(line(1));
    expect(read()).toBe(line(1));
    expect(read('.1')).toHaveLength(5000);
  });

  it('takes a line that is longer than a whole file', () => {
    const { open, read } = createHarness();
    const log = open();
    log.allowRotation();
    log.write(`${'y'.repeat(500)}\n`);
    log.write(line(1));
    expect(read('.1')).toHaveLength(501);
    expect(read()).toBe(line(1));
  });

  it('is rotated by the one process that may: another one only appends', () => {
    const { open, read, names } = createHarness();
    const daemon = open();
    const second = open();
    for (let n = 0; n < 20; n += 1) second.write(line(n));
    expect(names()).toEqual(['nanoclaw.log']);
    daemon.allowRotation();
    for (let n = 20; n < 31; n += 1) daemon.write(line(n));
    second.write(line(99));
    expect(names()).toEqual(['nanoclaw.log', 'nanoclaw.log.1']);
    expect(read()).toBe(line(30));
    expect(read('.1')).toBe([...Array.from({ length: 30 }, (_, n) => n), 99].map(line).join(''));
  });

  it('goes on where a crash in the middle of a rotation left it', () => {
    const { file, open, read, names } = createHarness();
    writeFileSync(`${file}.2`, 'older\n'); // .1 was moved, nanoclaw.log was not yet
    writeFileSync(file, `${'z'.repeat(99)}\n`);
    const log = open();
    log.allowRotation();
    log.write(line(1));
    expect(names()).toEqual(['nanoclaw.log', 'nanoclaw.log.1']);
    expect(read('.1')).toBe(`${'z'.repeat(99)}\n`);
    expect(read()).toBe(line(1));
  });

  it('goes on in the old file when it cannot be set aside', () => {
    const { file, open, read } = createHarness({ keep: 1 });
    const log = open();
    log.allowRotation();
    for (let n = 0; n < 10; n += 1) log.write(line(n));
    // A folder that is not empty stands where the file would go, and one that cannot be renamed over.
    rmSync(file);
    mkdirSync(path.join(file, 'in the way'), { recursive: true });
    for (let n = 10; n < 40; n += 1) log.write(line(n));
    rmSync(file, { recursive: true, force: true });
    for (let n = 40; n < 70; n += 1) log.write(line(n));
    expect(read()).toContain(line(69));
  });

  it('on a full disk loses lines, says how many, and never throws', () => {
    const { file, open } = createHarness();
    symlinkSync('/dev/full', file);
    const log = open();
    expect(() => {
      for (let n = 0; n < 5; n += 1) log.write(line(n));
    }).not.toThrow();
  });

  it('says how many lines were lost once there is room again, and begins a line of its own', () => {
    // A file system of 64 KiB would need mount; a limit on the file's size ends a write in the middle just the same.
    const { folder, file } = createHarness();
    const script = path.join(folder, 'writer.mjs');
    const module = path.resolve(import.meta.dirname, 'rotating-file.ts');
    writeFileSync(
      script,
      `import { openRotatingFile } from ${JSON.stringify(module)};
       import { truncateSync } from 'node:fs';
       process.on('SIGXFSZ', () => {});
       const log = openRotatingFile({ file: ${JSON.stringify(file)}, maxBytes: 1e9, keep: 1, now: () => 0 });
       for (let n = 0; n < 12; n += 1) log.write('x'.repeat(99) + '\\n');
       truncateSync(${JSON.stringify(file)}, 250);
       log.write('after\\n');`,
    );
    execFileSync('bash', ['-c', `ulimit -f 1; exec "$0" "$1"`, process.execPath, script]);
    const lines = readFileSync(file, 'utf8').split('\n');
    expect(lines.slice(0, 3)).toEqual(['x'.repeat(99), 'x'.repeat(99), 'x'.repeat(50)]);
    expect(JSON.parse(lines[3] ?? '')).toMatchObject({ event: 'lines_lost', lines: 2 });
    expect(lines.slice(4)).toEqual(['after', '']);
  });

  it('appends to what is there', () => {
    const { file, open, read } = createHarness();
    appendFileSync(file, 'before\n');
    open().write(line(1));
    expect(read()).toBe(`before\n${line(1)}`);
  });
});
