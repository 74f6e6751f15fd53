import {
  existsSync,
  lstatSync,
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
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copyIn, takeFrom } from './copy-in.ts';

let root: string;
let group: string;
let source: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'nanoclaw-copy-in-'));
  group = path.join(root, 'group');
  source = path.join(root, 'source');
  mkdirSync(group);
  writeFileSync(source, 'the bytes');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const at = (...names: string[]) => path.join(group, 'attachments', ...names);
const outside = (...names: string[]) => path.join(root, 'outside', ...names);

describe('copyIn', () => {
  it('makes the folder, puts the file there, and finds it there when it is asked again', () => {
    expect(copyIn(group, source, 'a.txt')).toBe('a.txt');
    expect(copyIn(group, source, 'a.txt')).toBe('a.txt');
    expect(readFileSync(at('a.txt'), 'utf8')).toBe('the bytes');
    expect(readdirSync(at())).toEqual(['a.txt']);
  });

  it('finds one that has the same bytes and is another file: it was copied between file systems', () => {
    mkdirSync(at());
    writeFileSync(at('a.txt'), 'the bytes');
    expect(copyIn(group, source, 'a.txt')).toBe('a.txt');
  });

  it('takes another name where something else is: a file, a folder, a link, a pipe’s name', () => {
    mkdirSync(at('a-2.txt'), { recursive: true });
    writeFileSync(at('a.txt'), 'other');
    symlinkSync(source, at('a-3.txt'));
    expect(copyIn(group, source, 'a.txt')).toBe('a-4.txt');
    expect(readFileSync(at('a.txt'), 'utf8')).toBe('other');
    expect(lstatSync(at('a-3.txt')).isSymbolicLink()).toBe(true);
  });

  it('goes through no link, and no file, in the place of the folder', () => {
    mkdirSync(outside());
    symlinkSync(outside(), at());
    expect(() => copyIn(group, source, 'a.txt')).toThrow('not a plain folder');
    rmSync(at());
    writeFileSync(at(), 'a file');
    expect(() => copyIn(group, source, 'a.txt')).toThrow('not a plain folder');
    expect(readdirSync(outside())).toEqual([]);
  });

  it('gives up where a hundred others have the name', () => {
    mkdirSync(at());
    writeFileSync(at('a.txt'), '1');
    for (let n = 2; n <= 100; n += 1) writeFileSync(at(`a-${n}.txt`), String(n));
    expect(() => copyIn(group, source, 'a.txt')).toThrow('too many');
  });

  it.runIf(process.getuid?.() === 0)('gives file and folder to whom the group’s folder belongs', async () => {
    const { chownSync } = await import('node:fs');
    chownSync(group, 4242, 4243);
    copyIn(group, source, 'a.txt');
    for (const made of [at(), at('a.txt')]) expect(lstatSync(made)).toMatchObject({ uid: 4242, gid: 4243 });
  });
});

describe('takeFrom', () => {
  it('takes the file, or the link that has replaced it and not what it leads to; folders stay', () => {
    copyIn(group, source, 'a.txt');
    takeFrom(group, 'a.txt');
    takeFrom(group, 'a.txt');
    expect(existsSync(at('a.txt'))).toBe(false);
    symlinkSync(source, at('b.txt'));
    takeFrom(group, 'b.txt');
    expect(readdirSync(at())).toEqual([]);
    expect(readFileSync(source, 'utf8')).toBe('the bytes');
    mkdirSync(at('c.txt'));
    takeFrom(group, 'c.txt');
    expect(readdirSync(at())).toEqual(['c.txt']);
  });

  it('finds nothing where the group’s folder was removed', () => {
    rmSync(group, { recursive: true });
    takeFrom(group, 'a.txt');
    expect(existsSync(group)).toBe(false);
  });

  it('goes through no link in the place of the folder', () => {
    mkdirSync(outside());
    writeFileSync(outside('a.txt'), 'not ours');
    symlinkSync(outside(), at());
    takeFrom(group, 'a.txt');
    expect(readFileSync(outside('a.txt'), 'utf8')).toBe('not ours');
  });
});
