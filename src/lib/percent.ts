/** In whole ones: never 0 of something, never 100 before it is all. */
export const percent = (part: number, whole: number): number =>
  part === 0 ? 0 : Math.min(part >= whole ? 100 : 99, Math.max(1, Math.round((100 * part) / whole)));
