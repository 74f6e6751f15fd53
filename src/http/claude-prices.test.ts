import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { CLAUDE_PRICES, claudeCost } from './claude-prices.ts';

const NONE = { input: 0, output: 0, write5m: 0, write1h: 0, read: 0 };
const MILLION = 1_000_000;

it('a request costs what its tokens cost, each by its kind', () => {
  expect(claudeCost('claude-sonnet-4-5', { ...NONE, input: MILLION })).toBe(3);
  expect(claudeCost('claude-sonnet-4-5-20250929', { ...NONE, output: MILLION })).toBe(15);
  expect(claudeCost('claude-opus-4-6[1m]', { ...NONE, write5m: MILLION, write1h: MILLION })).toBe(16.25);
  expect(claudeCost('claude-sonnet-4-20250514', { ...NONE, read: MILLION })).toBeCloseTo(0.3, 9);
  expect(claudeCost('claude-haiku-5-5', { ...NONE, input: 100_000 })).toBeCloseTo(0.01, 9);
  expect(claudeCost('claude-haiku-5-5', { ...NONE, input: 100_000, output: MILLION, read: 1 })).toBeCloseTo(
    2.55,
    6,
  );
});

it('of a model that is not listed nothing is known', () => {
  for (const model of ['glm-4', 'claude-next', '', 'constructor', 'claude-sonnet-4-5-preview'])
    expect(claudeCost(model, { ...NONE, input: 1 })).toBeNull();
});

const SDK = path.resolve(
  import.meta.dirname,
  `../../container/agent-runner/node_modules/@anthropic-ai/claude-agent-sdk-linux-${process.arch}/claude`,
);
const BEGINS = 'pricing_tiers:{';
const ENDS = 'alias_migration:{';

it.skipIf(!existsSync(SDK))('the prices are those of the SDK that goes into the image', () => {
  const text = between(SDK, BEGINS, ENDS);
  const tiers = new Map<string, Record<string, number>>();
  for (const [, name = '', fields = ''] of text.matchAll(
    /([a-z0-9_]+):\{(input:[^{}]*)(?:,long_prompt:\{[^}]*\})?\}/g,
  ))
    if (name !== 'long_prompt')
      tiers.set(
        name,
        Object.fromEntries([...fields.matchAll(/(\w+):([\d.e]+)/g)].map(([, k, v]) => [k, Number(v)])),
      );
  const found = [...text.matchAll(/\{id:"(claude-[^"]+)"(?:(?!\{id:"claude).)*?pricing:"([a-z0-9_]+)"/gs)];
  const told = found.map(([, id = '', tier = '']) => {
    const { input, output, cache_write_5m, cache_write_1h, cache_read } = tiers.get(tier) ?? {};
    return [id, [input, output, cache_write_5m, cache_write_1h, cache_read]];
  });
  expect(told.length).toBeGreaterThan(20);
  const ours = Object.entries(CLAUDE_PRICES).map(([id, { input, output, write5m, write1h, read }]) => [
    id,
    [input, output, write5m, write1h, read].map((usd) => Number(usd.toFixed(6))),
  ]);
  expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(told));
});

/** What stands in a large file from one mark to the next, read piece by piece. */
function between(file: string, begins: string, ends: string): string {
  const PIECE = 8 * 1024 * 1024;
  const fd = openSync(file, 'r');
  const piece = Buffer.alloc(PIECE);
  let before = '';
  try {
    for (let read = readSync(fd, piece); read > 0; read = readSync(fd, piece)) {
      const text = before + piece.toString('latin1', 0, read);
      const from = text.indexOf(begins);
      const to = from < 0 ? -1 : text.indexOf(ends, from);
      if (to >= 0) return text.slice(from, to);
      before = from < 0 ? text.slice(-begins.length) : text.slice(from);
    }
  } finally {
    closeSync(fd);
  }
  throw new Error(`${file} has no catalogue of models`);
}
