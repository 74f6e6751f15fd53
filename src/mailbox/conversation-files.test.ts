import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { conversationFiles } from './conversation-files.ts';

const ID = '0b0e7a52-8d1c-4d8e-9d4f-aaaaaaaaaaaa';

it('a home of very many folders is looked through in small steps, and what is there is found', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'nanoclaw-conversations-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const projects = path.join(home, '.claude/projects');
  for (let n = 0; n < 500; n += 1) mkdirSync(path.join(projects, `p${n}`), { recursive: true });
  for (let n = 0; n < 300; n += 1) mkdirSync(path.join(projects, 'p7', ID, `d${n}`), { recursive: true });
  writeFileSync(path.join(projects, 'p7', `${ID}.jsonl`), 'x');
  const steps = [...conversationFiles(home)];
  expect(steps.filter((step) => step !== null)).toEqual([
    {
      id: ID,
      components: ['.claude', 'projects', 'p7', `${ID}.jsonl`],
      bytes: 1,
      changedMs: expect.any(Number),
    },
  ]);
  expect(steps.filter((step) => step === null).length).toBeGreaterThan(800);
});
