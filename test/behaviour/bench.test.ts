/** The benchmark measures, says what of, and writes it down. Never how fast anything is: that is no test's business. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

const BENCH = path.resolve(import.meta.dirname, '../../dist/bench.js');
const run = promisify(execFile);

const stats = z.strictObject({
  n: z.int().positive(),
  median: z.number().nonnegative(),
  p95: z.number().nonnegative(),
  p99: z.number().nonnegative(),
});
const row = z.strictObject({
  name: z.string().min(1),
  unit: z.string().min(1),
  measured: stats,
  limit: z.strictObject({ name: z.string().min(1), stats }).nullable(),
  aim: z.strictObject({ kind: z.string(), value: z.number() }).nullable(),
  note: z.string().optional(),
  ratio: z.number().nonnegative().nullable(),
  met: z.boolean().nullable(),
});
const results = z.strictObject({
  at: z.iso.datetime(),
  quick: z.literal(true),
  machine: z.strictObject({
    node: z.literal(process.version),
    kernel: z.string(),
    cpu: z.string(),
    cores: z.int().positive(),
    memoryMiB: z.int().positive(),
    loadBefore: z.number().nonnegative(),
  }),
  figures: z.array(z.strictObject({ name: z.string(), seconds: z.number(), rows: z.array(row).min(1) })),
  skipped: z.array(z.unknown()),
});

describe.runIf(process.platform === 'linux')('npm run bench', () => {
  let dir = '';
  beforeAll(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'nanoclaw-bench-test-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('measures the named figures beside their limits, prints them and writes them to a file', async () => {
    const file = path.join(dir, 'results.json');
    const { stdout } = await run(process.execPath, [BENCH, 'proxy', 'ingest', '--quick', `--out=${file}`]);
    const text = readFileSync(file, 'utf8');
    const { figures, skipped } = results.parse(JSON.parse(text));
    expect(figures.map(({ name }) => name)).toEqual(['proxy', 'ingest']);
    expect(skipped).toEqual([]);
    const rows = figures.flatMap((figure) => figure.rows);
    for (const { name, measured, limit, ratio, aim, met } of rows) {
      expect(stdout).toContain(name);
      expect(limit, name).not.toBeNull();
      expect(ratio).toBeCloseTo(measured.median / (limit?.stats.median ?? 0), 6);
      expect(met === null).toBe(aim === null);
    }
    expect(text).not.toContain(tmpdir());
  });

  it('refuses what it does not know, and says what it does', async () => {
    const failed = await run(process.execPath, [BENCH, 'speed']).catch((error: unknown) => error);
    expect(failed).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/speed; expected: warm, outbound/),
    });
    const wrong = await run(process.execPath, [BENCH, '--fast']).catch((error: unknown) => error);
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('--fast is no option') });
  });
});
