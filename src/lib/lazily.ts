/** What is made when it is first asked for, and once: for what costs time or memory that many processes never need. */
export function lazily<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** Adds properties that are each made when they are first looked at, and once. */
export function withLazy<T extends object, M extends Record<string, () => unknown>>(
  target: T,
  makers: M,
): T & { [K in keyof M]: ReturnType<M[K]> } {
  for (const [key, make] of Object.entries(makers)) {
    Object.defineProperty(target, key, {
      enumerable: true,
      configurable: true,
      get() {
        const value = make();
        Object.defineProperty(target, key, { enumerable: true, configurable: true, writable: true, value });
        return value;
      },
    });
  }
  return target as T & { [K in keyof M]: ReturnType<M[K]> };
}
