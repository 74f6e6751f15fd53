/** Files that an agent asks to send: only regular files of its own folder leave it, whatever the path says. */
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NanoClawError } from '../../src/errors.ts';
import { copyOut } from '../../src/mailbox/copy-out.ts';
import { tempFolder } from '../support/world.ts';

function createFolders() {
  const base = tempFolder();
  const root = path.join(base, 'groups', 'family');
  mkdirSync(path.join(root, 'sub'), { recursive: true });
  mkdirSync(path.join(base, 'groups', 'family-other'));
  writeFileSync(path.join(base, 'secret'), 'SECRET');
  writeFileSync(path.join(base, 'groups', 'family-other', 'secret'), 'SECRET');
  writeFileSync(path.join(root, 'own.txt'), 'own');
  writeFileSync(path.join(root, 'sub', 'a..b.txt'), 'deep');
  const target = path.join(base, 'target');
  const copy = (relative: string, limit?: number): string => {
    rmSync(target, { force: true });
    try {
      copyOut(root, relative, target, limit);
    } catch (error) {
      expect(existsSync(target)).toBe(false);
      if (error instanceof NanoClawError) return `${error.code}: ${error.message}`;
      throw error;
    }
    return readFileSync(target, 'utf8');
  };
  return { base, root, copy };
}

describe('copying out of a group’s folder', () => {
  it('takes a regular file, also in a folder below, also through a link that stays inside', () => {
    const { root, copy } = createFolders();
    symlinkSync('own.txt', path.join(root, 'link'));
    symlinkSync(path.join(root, 'sub'), path.join(root, 'folder-link'));
    expect(copy('own.txt')).toBe('own');
    expect(copy('./own.txt')).toBe('own');
    expect(copy('sub/a..b.txt')).toBe('deep');
    expect(copy('link')).toBe('own');
    expect(copy('folder-link/a..b.txt')).toBe('deep');
  });

  it.each([
    '../../secret',
    'sub/../../../secret',
    '..',
    '/etc/passwd',
    '/workspace/project/.env',
    'sub\\..\\..\\secret',
    'own.txt\0.png',
  ])('refuses %j as a path', (relative) => {
    expect(createFolders().copy(relative)).toMatch(/^FILE_REFUSED: .*is not a path inside/);
  });

  it.each<[string, string]>([
    ['a file outside', '../../secret'],
    ['a neighbour whose name begins the same', '../family-other/secret'],
    ['a file of the system', '/etc/passwd'],
  ])('refuses a link to %s', (_, to) => {
    const { root, copy } = createFolders();
    symlinkSync(to, path.join(root, 'link'));
    expect(copy('link')).toMatch(/leads out of the group's folder/);
  });

  it('refuses a path through a folder that is a link to outside', () => {
    const { root, copy } = createFolders();
    symlinkSync('../..', path.join(root, 'up'));
    expect(copy('up/secret')).toMatch(/leads out/);
  });

  it.each<[string, (file: string) => void, RegExp]>([
    ['a pipe', (file) => void execFileSync('mkfifo', [file]), /not a regular file/],
    ['a folder', (file) => mkdirSync(file), /not a regular file/],
    ['a link to itself', (file) => symlinkSync('thing', file), /cannot be opened/],
    ['a dangling link', (file) => symlinkSync('nowhere', file), /does not exist/],
    ['nothing', () => {}, /does not exist/],
    [
      'a second name of another file',
      (file) => linkSync(path.join(path.dirname(file), 'own.txt'), file),
      /hard link/,
    ],
    ['empty', (file) => writeFileSync(file, ''), /is empty/],
    [
      'a sparse gigabyte',
      (file) => {
        writeFileSync(file, '');
        truncateSync(file, 1024 ** 3);
      },
      /Telegram takes at most 52428800/,
    ],
  ])('refuses %s', (_, plant, reason) => {
    const { root, copy } = createFolders();
    plant(path.join(root, 'thing'));
    expect(copy('thing')).toMatch(reason);
  });

  it('refuses when the folder itself is gone, and a name that no file can have', () => {
    const { root, copy } = createFolders();
    expect(copy('x'.repeat(5000))).toMatch(/^FILE_REFUSED: .*cannot be opened/);
    rmSync(root, { recursive: true });
    expect(copy('own.txt')).toMatch(/^FILE_REFUSED: .*does not exist/);
  });

  // The kernel says 4096 bytes of it and gives a few: as if the rest had been cut off just now.
  const SHORTER = '/sys/kernel/uevent_seqnum';
  it.skipIf(!existsSync(SHORTER))('refuses a file that gives less than it had, and waits for no more', () => {
    const target = path.join(tempFolder(), 'target');
    expect(() => copyOut(path.dirname(SHORTER), path.basename(SHORTER), target)).toThrow(/changed while/);
    expect(existsSync(target)).toBe(false);
  });

  it('takes a file that is written to all the time whole or not at all', () => {
    const { root, copy } = createFolders();
    const file = path.join(root, 'own.txt');
    const sizes = [3_000_000, 5_000_000];
    const script = `const fs = require('fs'); const fd = fs.openSync(process.argv[1], 'w');
      for (;;) for (const size of ${JSON.stringify(sizes)}) fs.ftruncateSync(fd, size);`;
    const writer = spawn(process.execPath, ['-e', script, file], { stdio: 'ignore' });
    try {
      const deadline = Date.now() + 20_000;
      let refused = false;
      while (!refused && Date.now() < deadline) {
        const result = copy('own.txt');
        refused = /^FILE_REFUSED: .* changed while it was read/.test(result);
        const isBegun = result !== 'own' && !/is empty/.test(result);
        if (isBegun && !refused) expect(sizes).toContain(result.length);
      }
      expect(refused).toBe(true);
    } finally {
      writer.kill('SIGKILL');
    }
  });

  it('never gives the secret, whatever the path', () => {
    const { root, copy } = createFolders();
    symlinkSync('../..', path.join(root, 'up'));
    const part = fc.constantFrom(
      '..',
      '.',
      '',
      'sub',
      'up',
      'secret',
      'family',
      'groups',
      'own.txt',
      '/',
      '\\',
      '\0',
    );
    const separator = fc.constantFrom('/', '//', '\\', '/./');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), separator, (parts, by) => {
        const result = copy(parts.join(by));
        expect(result === 'own' || result.startsWith('FILE_REFUSED')).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
