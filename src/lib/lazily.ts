/** What is made when it is first asked for, and once: for what costs time or memory that many processes never need. */
export function lazily<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
