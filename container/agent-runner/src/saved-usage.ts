/**
 * What a conversation had used when its last Claude process ended in order: its transcript says so (`cost-state`), and a
 * process that resumes it counts on from there. Without this the first turn of the new process would be charged for all
 * the earlier ones once more.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Usage } from '../../../src/protocol.ts';
import { transcriptOf } from './transcripts.ts';

const count = z.number().min(0);
const costStateSchema = z.object({
  totalCostUSD: count,
  modelUsage: z.record(
    z.string(),
    z.object({
      inputTokens: count,
      outputTokens: count,
      cacheReadInputTokens: count,
      cacheCreationInputTokens: count,
    }),
  ),
});
const START = '{"type":"cost-state"';

export const NO_USAGE: Usage = { input_tokens: 0, output_tokens: 0, cost_usd: 0 };

/** `configDir` as CLAUDE_CONFIG_DIR. Nothing where nothing is saved, as after a kill. Never throws. */
export function savedUsage(configDir: string, sessionId: string): Usage {
  try {
    const file = transcriptOf(configDir, sessionId);
    if (file === null) return NO_USAGE;
    const transcript = readFileSync(file);
    const start = transcript.lastIndexOf(START);
    if (start < 0) return NO_USAGE;
    const end = transcript.indexOf(10, start);
    const line = transcript.toString('utf8', start, end < 0 ? undefined : end);
    return usageOf(costStateSchema.parse(JSON.parse(line)));
  } catch {
    return NO_USAGE;
  }
}

/** The sum over all models, cache included. */
export function usageOf(total: z.infer<typeof costStateSchema>): Usage {
  const sum = { ...NO_USAGE, cost_usd: total.totalCostUSD };
  for (const model of Object.values(total.modelUsage)) {
    sum.input_tokens += model.inputTokens + model.cacheReadInputTokens + model.cacheCreationInputTokens;
    sum.output_tokens += model.outputTokens;
  }
  return sum;
}
