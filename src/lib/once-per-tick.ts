/**
 * Reads once for all that happens without a pause: a hundred messages of one batch look at a file once. Whoever comes after any
 * pause, however short, has it read anew.
 */
export function oncePerTick<T>(read: () => T): () => T {
  let kept: { value: T } | undefined;
  return () => {
    if (!kept) {
      kept = { value: read() };
      queueMicrotask(() => {
        kept = undefined;
      });
    }
    return kept.value;
  };
}
