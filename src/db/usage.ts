/** What each group has asked of the model, by UTC day. */
import type { Sqlite } from './open.ts';

export interface ModelUsage {
  requests: number;
  /** Of the requests: not answered, or with a status of 400 and above. */
  failures: number;
  inputTokens: number;
  outputTokens: number;
}

export function usageRepository(db: Sqlite) {
  const add = db.prepare(
    `INSERT INTO model_usage (group_folder, day, requests, failures, input_tokens, output_tokens) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (group_folder, day) DO UPDATE SET requests = requests + excluded.requests,
       failures = failures + excluded.failures, input_tokens = input_tokens + excluded.input_tokens,
       output_tokens = output_tokens + excluded.output_tokens`,
  );
  return {
    /** `day` as 2026-11-02. */
    add(folder: string, day: string, use: ModelUsage): void {
      add.run(folder, day, use.requests, use.failures, use.inputTokens, use.outputTokens);
    },
  };
}
