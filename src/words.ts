/**
 * Which words are said: a language by its code, or by what a person's Telegram says. The sentences themselves: one file per
 * language in words/ (en.ts tells how to add one). Pure.
 */
import { DE } from './words/de.ts';
import { EN } from './words/en.ts';

/** Every key, with its parameters: what each language has to have. */
export type Words = typeof EN;
/** Something that can be said in any language. */
export type Sentence = (words: Words) => string;
export type CommandName = keyof Words['commands'];

const ALL = { en: EN, de: DE } as const satisfies Record<string, Words>;

export type Language = keyof typeof ALL;
export const LANGUAGES = Object.keys(ALL) as Language[];
/** Where nobody has said which, and for whoever speaks none of ours. */
export const DEFAULT_LANGUAGE: Language = 'en';

export const wordsOf = (language: Language): Words => ALL[language];
/** For the log, the command line, the database and the model. */
export const ENGLISH: Words = EN;

/** What somebody's Telegram is set to ("de-AT"), as a language of ours; null where it does not say. */
export function languageOf(code: unknown): Language | null {
  if (typeof code !== 'string' || code === '') return null;
  const [main = ''] = code.toLowerCase().split('-');
  return Object.hasOwn(ALL, main) ? (main as Language) : DEFAULT_LANGUAGE;
}

/** Is this the sentence, in whichever language? */
export const isSaid = (text: string, sentence: Sentence): boolean =>
  LANGUAGES.some((language) => sentence(ALL[language]) === text);

/** Reasons as the database holds them: always in English. */
export const REASONS = EN.reasons;

/** A reason out of the database in these words; one that is none of ours (an older version's) as it stands there. */
export function inWords(words: Words, stored: string): string {
  for (const key of Object.keys(REASONS) as (keyof typeof REASONS)[]) {
    const [ours, theirs] = [REASONS[key], words.reasons[key]];
    if (typeof ours === 'string' || typeof theirs === 'string') {
      if (ours === stored) return String(theirs);
      continue;
    }
    const [before = '', behind = ''] = ours('\0').split('\0');
    const isOurs = stored.length >= before.length + behind.length;
    if (isOurs && stored.startsWith(before) && stored.endsWith(behind))
      return theirs(stored.slice(before.length, stored.length - behind.length));
  }
  return stored;
}

/** The line of /help. */
export function helpLine(words: Words, name: CommandName): string {
  const said: { menu: string; help?: string } = words.commands[name];
  return said.help === undefined ? `/${name} – ${said.menu}` : `/${name} ${said.help}`;
}
