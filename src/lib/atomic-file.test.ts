import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFileAtomic } from './atomic-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'nanoclaw-file-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('an atomic write', () => {
  it('makes or replaces the file, with its mode, and leaves nothing beside it', () => {
    const file = path.join(folder, 'a.json');
    writeFileAtomic(file, 'one');
    const first = statSync(file).ino;
    writeFileAtomic(file, Buffer.from('two'), { mode: 0o600, sync: false });
    expect(readFileSync(file, 'utf8')).toBe('two');
    expect(statSync(file).ino).not.toBe(first);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['a.json']);
  });

  it('that fails leaves the old file and no other', () => {
    const target = path.join(folder, 'target');
    mkdirSync(path.join(target, 'full'), { recursive: true });
    expect(() => writeFileAtomic(target, 'x')).toThrow();
    expect(() => writeFileAtomic(path.join(folder, 'no', 'where'), 'x')).toThrow(/ENOENT/);
    expect(readdirSync(folder)).toEqual(['target']);
  });

  it('replaces a link and does not write through it', () => {
    const other = path.join(folder, 'other');
    writeFileSync(other, 'untouched');
    chmodSync(other, 0o600);
    symlinkSync(other, path.join(folder, 'link'));
    writeFileAtomic(path.join(folder, 'link'), 'new');
    expect(readFileSync(other, 'utf8')).toBe('untouched');
    expect(readFileSync(path.join(folder, 'link'), 'utf8')).toBe('new');
  });
});
