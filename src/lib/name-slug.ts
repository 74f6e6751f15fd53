/** A name that people gave, as one word that is the same however it is written, and safe as the name of a folder. Pure. */

const MOST_CHARACTERS = 64;

/** Lower case letters and digits of any script, joined by `-`; '' where there are none. */
export function nameSlug(name: string): string {
  const plain = name
    .toWellFormed()
    .normalize('NFKC')
    .toLowerCase()
    .replace(/['’]/g, '')
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, '-')
    .replace(/^[\p{M}-]+/u, '');
  return [...plain].slice(0, MOST_CHARACTERS).join('').replace(/-+$/, '');
}

/** How many letters have to be put in, left out or exchanged to make one of the other; both short. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
