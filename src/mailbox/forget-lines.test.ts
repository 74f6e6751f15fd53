import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { addLines, forgetLines, type Wanted } from './forget-lines.ts';

let groupDir: string;
/** What could not be looked through or changed. */
let left: number;
const file = (name: string) => path.join(groupDir, 'conversations', name);

beforeEach(() => {
  groupDir = mkdtempSync(path.join(tmpdir(), 'nanoclaw-forget-'));
  onTestFinished(() => rmSync(groupDir, { recursive: true, force: true }));
  mkdirSync(file('team'), { recursive: true });
});

function forget(...texts: string[]): number {
  const wanted: Wanted = { whole: new Set(), starts: new Set() };
  for (const text of texts) addLines(wanted, text);
  const steps = [...forgetLines(groupDir, wanted)];
  left = steps.reduce((sum, step) => sum + step.left, 0);
  return steps.reduce((sum, step) => sum + step.lines, 0);
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

it('what is no text keeps its bytes, and the last line goes without the ones before it', () => {
  writeFileSync(file('a.md'), Buffer.concat([Buffer.from([0xff, 0xfe, 10]), Buffer.from('x\nmy secret')]));
  expect(forget('my secret')).toBe(1);
  expect(readFileSync(file('a.md'))).toEqual(Buffer.from([0xff, 0xfe, 10, 0x78, 10]));
});

it('a file of very many lines is looked through in small steps', () => {
  writeFileSync(file('a.md'), `${'\n'.repeat(200_000)}my secret\n`);
  const wanted: Wanted = { whole: new Set(), starts: new Set() };
  addLines(wanted, 'my secret');
  const steps = [...forgetLines(groupDir, wanted)];
  expect(steps.length).toBeGreaterThan(50);
  expect(steps.at(-1)).toEqual({ lines: 1, left: 0 });
  expect(statSync(file('a.md')).size).toBe(200_000);
});

it('what is too large, or more than anybody can need, is left and counted, and holds up nothing', () => {
  writeFileSync(file('a.md'), 'my secret\n');
  writeFileSync(file('team/b.md'), 'my secret\n');
  truncateSync(file('a.md'), 33 * 1024 * 1024);
  expect(forget('my secret')).toBe(1);
  expect(left).toBe(1);
  rmSync(file('a.md'));
  for (let n = 0; n < 5001; n += 1) mkdirSync(file(`d${n}`));
  forget('my secret');
  expect(left).toBeGreaterThan(0);
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
