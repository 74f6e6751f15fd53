/** What was started, to be stopped in reverse. Every step runs; the first error is thrown. After graphile/worker. */
export interface Releasers {
  /** Remembers how to undo what was just started. */
  add(release: () => void | Promise<void>): void;
  /** Last in, first out. Idempotent. */
  releaseAll(): Promise<void>;
}

export function createReleasers(): Releasers {
  const releases: (() => void | Promise<void>)[] = [];
  return {
    add: (release) => void releases.push(release),
    async releaseAll() {
      let first: unknown;
      for (let release = releases.pop(); release; release = releases.pop()) {
        try {
          await release();
        } catch (error) {
          first ??= error;
        }
      }
      if (first !== undefined) throw first;
    },
  };
}
