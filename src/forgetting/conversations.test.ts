import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { conversationsWith } from './conversations.ts';

it('a transcript that seems to be of any size is left and counted; the others are looked through', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'nanoclaw-conversations-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const folder = path.join(home, '.nanoclaw-openai');
  mkdirSync(folder);
  const [huge, small] = ['0', '1'].map((n) => `0b0e7a52-8d1c-4d8e-9d4f-aaaaaaaaaaa${n}`);
  writeFileSync(path.join(folder, `${huge}.jsonl`), '');
  truncateSync(path.join(folder, `${huge}.jsonl`), 2 ** 42);
  writeFileSync(path.join(folder, `${small}.jsonl`), '{"text":"<message id=\\"7\\">"}\n');
  const looking = conversationsWith(
    home,
    { ids: new Set([7]), quotes: new Set() },
    { ids: true, sinceMs: 0 },
  );
  let step = looking.next();
  for (let n = 0; !step.done && n < 1000; n += 1) step = looking.next();
  expect(step.value).toEqual({ found: new Set([small]), left: 1 });
});
