import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { addLines, forgetLines, type Wanted } from './forget-lines.ts';

let groupDir: string;
const file = (name: string) => path.join(groupDir, 'conversations', name);

beforeEach(() => {
  groupDir = mkdtempSync(path.join(tmpdir(), 'nanoclaw-forget-'));
  onTestFinished(() => rmSync(groupDir, { recursive: true, force: true }));
  mkdirSync(file('team'), { recursive: true });
});

function forget(...texts: string[]): number {
  const wanted: Wanted = { whole: new Set(), starts: new Set() };
  for (const text of texts) addLines(wanted, text);
  return [...forgetLines(groupDir, wanted)].reduce((sum, lines) => sum + lines, 0);
}

it('whole lines, lines behind a name, and quotations go; the rest stays, byte for byte', () => {
  const kept = ['# Monday', '', '**Ben**: okay, I am coming', '**Ben**: ok ok', '## 2026-03-01 20:00', ''];
  const gone = [
    '**Anna**: OK',
    'ok',
    '**Anna**: we meet at the old lighthouse at nine',
    '(to Anna: “We meet at the old”) fine',
  ];
  writeFileSync(file('a.md'), [...kept.slice(0, 3), ...gone, ...kept.slice(3)].join('\n'));
  writeFileSync(file('team/b.md'), '> we meet at the old lighthouse\nother\n');
  writeFileSync(file('c.txt'), 'ok\n');
  chmodSync(file('a.md'), 0o640);
  expect(forget('ok', 'We meet at the OLD lighthouse at nine\nbring cake')).toBe(5);
  expect(readFileSync(file('a.md'), 'utf8')).toBe(kept.join('\n'));
  expect(statSync(file('a.md')).mode & 0o777).toBe(0o640);
  expect(readFileSync(file('team/b.md'), 'utf8')).toBe('other\n');
  expect(readFileSync(file('c.txt'), 'utf8')).toBe('ok\n');
});

it('in any script, and without what stands for a file', () => {
  writeFileSync(file('a.md'), '**Anna**: 我们明天去北京\n**Anna**: look at this fine picture\n');
  expect(forget('我们明天去北京', '[photo] look at this fine picture')).toBe(2);
});

it('follows no link', () => {
  const outside = mkdtempSync(path.join(tmpdir(), 'nanoclaw-outside-'));
  onTestFinished(() => rmSync(outside, { recursive: true, force: true }));
  writeFileSync(path.join(outside, 'a.md'), 'secret\n');
  symlinkSync(outside, file('link'));
  symlinkSync(path.join(outside, 'a.md'), file('a.md'));
  expect(forget('secret')).toBe(0);
  rmSync(path.join(groupDir, 'conversations'), { recursive: true });
  symlinkSync(outside, path.join(groupDir, 'conversations'));
  expect(forget('secret')).toBe(0);
  expect(readFileSync(path.join(outside, 'a.md'), 'utf8')).toBe('secret\n');
});

it('asked for nothing, or where there is nothing, does nothing', () => {
  writeFileSync(file('a.md'), '…\n');
  expect(forget('…', '')).toBe(0);
  rmSync(path.join(groupDir, 'conversations'), { recursive: true });
  expect(forget('secret')).toBe(0);
});
