import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { oomKills } from './oom-kills.ts';

test('are read from whichever version of control groups is there', () => {
  const dir = mkdtempSync(join(tmpdir(), 'nanoclaw-oom-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const [v2, v1, missing] = [join(dir, 'v2'), join(dir, 'v1'), join(dir, 'missing')];
  writeFileSync(v2, 'low 0\nhigh 3\nmax 12\noom 4\noom_kill 2\noom_group_kill 0\n');
  writeFileSync(v1, 'oom_kill_disable 0\nunder_oom 0\noom_kill 5\n');
  expect([oomKills([v2, v1]), oomKills([missing, v1]), oomKills([missing])]).toEqual([2, 5, 0]);
});
