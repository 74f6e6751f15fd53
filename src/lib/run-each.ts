/**
 * Runs them all in order, for what follows a commit: what is stored is stored, and one that throws must neither keep
 * back the others nor look as if nothing had been stored. `failed` is told of each error.
 */
export function runEach(works: readonly (() => void)[], failed: (error: unknown) => void): void {
  for (const work of works) {
    try {
      work();
    } catch (error) {
      failed(error);
    }
  }
}
