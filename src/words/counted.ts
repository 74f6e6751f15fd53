/** Counts in sentences, by a language's own rules. Pure. */
import { lazily } from '../lib/lazily.ts';

/** "1 turn", "3 turns", "1,000 turns". */
export function countedIn(language: string): (count: number, one: string, other: string) => string {
  const rules = lazily(() => new Intl.PluralRules(language));
  const numbers = lazily(() => new Intl.NumberFormat(language));
  return (count, one, other) => `${numbers().format(count)} ${rules().select(count) === 'one' ? one : other}`;
}

/** "1,000". */
export function countIn(language: string): (count: number) => string {
  const numbers = lazily(() => new Intl.NumberFormat(language));
  return (count) => numbers().format(count);
}
