/** What the benchmark leaves behind is nothing: each thing it makes is undone, last in, first out, however it ends. */

type Undo = () => void | Promise<void>;

export interface Cleanups {
  /** Returns the undoing itself, for whoever is done with the thing earlier. It happens once. */
  add(undo: Undo): () => Promise<void>;
  /** Every one runs, also when another throws; what was thrown is told to `failed`. */
  runAll(failed: (error: unknown) => void): Promise<void>;
}

export function createCleanups(): Cleanups {
  const open = new Set<Undo>();
  const run = async (undo: Undo): Promise<void> => {
    if (open.delete(undo)) await undo();
  };
  return {
    add(undo) {
      const once: Undo = () => undo();
      open.add(once);
      return () => run(once);
    },
    async runAll(failed) {
      for (const undo of [...open].reverse()) await run(undo).catch(failed);
    },
  };
}
