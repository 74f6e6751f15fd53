/**
 * An agent's reply as messages that Telegram takes, which is done inside of a transaction: the worst of many hostile
 * documents, beside a plain one of the same size. In this process, warm.
 */

import { stripInternal } from '../../src/format/reply-text.ts';
import { formatReply } from '../../src/format.ts';
import { hostileDocuments, PLAIN_PIECE, repeated } from '../../test/support/hostile-markdown.ts';
import type { BenchContext, Row } from '../figure.ts';
import { type Stats, statsOf } from '../support/stats.ts';

const SAMPLES = 20;
const SIZES = [
  { name: 'of 100 kB', length: 100_000, lines: 100_000 },
  // What is larger is a file, and its beginning is shown.
  { name: 'as large as is still shown', length: 40_000, lines: 3000 },
] as const;

export async function formatting(bench: BenchContext): Promise<Row[]> {
  const samples = bench.samples(SAMPLES);
  return SIZES.map(({ name, length, lines }) => {
    const plain = timesOf(repeated(PLAIN_PIECE, length, lines), samples);
    const measured = [...hostileDocuments(length, lines)].map(([document, text]) => ({
      document,
      stats: timesOf(text, samples),
    }));
    const [worst, next] = measured.sort((a, b) => b.stats.median - a.stats.median);
    if (!worst || !next) throw new Error('no document was measured');
    return {
      name: `hostile ${name}`,
      unit: 'ms',
      measured: worst.stats,
      limit: { name: 'plain words, as many', stats: plain },
      aim: { kind: 'most', value: 50 },
      note: `the worst of ${measured.length} is “${worst.document}”, then “${next.document}” (${next.stats.median.toFixed(1)} ms)`,
    };
  });
}

function timesOf(document: string, samples: number): Stats {
  const times: number[] = [];
  for (let run = -2; run < samples; run += 1) {
    const from = performance.now();
    formatReply(stripInternal(document), 'markdown');
    if (run >= 0) times.push(performance.now() - from); // the first ones warm it up
  }
  return statsOf(times);
}
