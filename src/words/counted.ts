/** Counts in sentences, by a language's own rules. Pure. */

/** "1 turn", "3 turns", "1,000 turns". */
export function countedIn(language: string): (count: number, one: string, other: string) => string {
  const rules = new Intl.PluralRules(language);
  const numbers = new Intl.NumberFormat(language);
  return (count, one, other) => `${numbers.format(count)} ${rules.select(count) === 'one' ? one : other}`;
}
