import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NO_USAGE, savedUsage } from './saved-usage.ts';

let dir: string;
const S = '3d5a0c1e-52a4-4c39-9a07-0b8f1c6e2d11';
const T = '8e0f7b62-4d6b-4f0d-b6b1-5f3f2a9c7e44';
const state = (cost: number, input: number) =>
  JSON.stringify({
    type: 'cost-state',
    sessionId: 's',
    totalCostUSD: cost,
    modelUsage: {
      big: { inputTokens: input, outputTokens: 5, cacheReadInputTokens: 20, cacheCreationInputTokens: 3 },
      small: { inputTokens: 1, outputTokens: 1, cacheReadInputTokens: 0, cacheCreationInputTokens: 0 },
    },
  });
const transcript = (name: string, ...lines: string[]) =>
  writeFileSync(join(dir, 'projects', '-workspace-group', `${name}.jsonl`), `${lines.join('\n')}\n`);

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'saved-usage-'));
  mkdirSync(join(dir, 'projects', '-workspace-group'), { recursive: true });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('the last one that was saved counts, over all models, whatever came after it', () => {
  transcript(S, '{"type":"user"}', state(0.5, 100), '{"type":"user"}', state(0.75, 200), '{"type":"user"}');
  expect(savedUsage(dir, S)).toEqual({ input_tokens: 224, output_tokens: 6, cost_usd: 0.75 });
});

test.each([
  ['no transcript', () => {}],
  ['none saved', () => transcript(T, '{"type":"user"}')],
  ['half a line', () => transcript(T, '{"type":"cost-state","totalCostUSD":0.')],
  ['nonsense', () => transcript(T, '{"type":"cost-state","totalCostUSD":"much"}')],
])('%s: nothing', (_, write) => {
  write();
  expect(savedUsage(dir, T)).toEqual(NO_USAGE);
});
