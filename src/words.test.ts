/** Every sentence of every language can be said: walked through with sample words. Keys and parameters are tsc's business. */
import { describe, expect, it } from 'vitest';
import { GROUP_CHOICES } from './types.ts';
import { ENGLISH, inWords, isSaid, LANGUAGES, languageOf, REASONS, wordsOf } from './words.ts';

/** Parameters that are not just somebody's words, by where the sentence stands. */
const SAMPLES: Record<string, unknown[]> = {
  time: [1_793_606_400_000, 'Europe/Berlin'],
  minute: [1_793_606_400_000, 'Europe/Berlin'],
  timeOfDay: [1_793_606_400_000, 'Europe/Berlin'],
  duration: [7_500_000],
  age: [7_500_000],
  nextRun: [1_793_606_400_000, 'Europe/Berlin'],
  every: [7_500_000],
  andMore: [3],
  times: [3],
  pageOf: [2, 5],
  addedToMany: ['«name»', 5],
  waitsThere: [2, 3],
  setupDone: ['«name»', '«model»', true],
  tooManyByOne: [20],
  tooManyHere: [20],
  tooManyTurns: [20, '«time»'],
  amount: ['usd', 0.01],
  used: [3, 12_345, 0.0123],
  cut: [400_000],
  'conversation.since': ['«time»', 3],
  'conversation.full': [84_000, 200_000, 42],
  'conversation.room': [60_000, 9000, 15_000],
  'conversation.compacted': [160_000, 80],
  'failures.out_of_memory': [2048],
  'failures.timeout': [1800],
  taskFailedOften: ['«id»', '«prompt»', 5, '«why»'],
  attempt: [2],
  tries: [2],
  noMessage: [17],
  'refused.noMessage': [17],
  messageFrom: [17, '«name»', '«time»', '«stored»'],
  attemptOf: ['task', '«id»', 2, '«queued»', '«began»'],
  replyIs: [17, '«how»'],
  sentAs: ['«time»', 17],
  notForNina: ['«why»', true],
  gaveUpMeanwhile: [3],
  forgetHow: [true],
  confirmForget: [{ count: 3, more: true, mine: false, who: '«name»', group: '«group»', since: '«since»' }],
  forgotten: [
    {
      ...{
        messages: 3,
        entries: 4,
        answers: 5,
        files: 6,
        lines: 7,
        kept: 8,
        left: 9,
        conversations: 2,
        renewed: 1,
        busy: 1,
      },
      mains: false,
      notes: ['«note»'],
    },
    { count: 3, first: '«first»', last: '«last»', until: '«until»' },
  ],
  'team.refusedFile': ['«file»', 7, '«reason»'],
  'refused.taskIsOver': ['«id»', 'done'],
};

type Said = (...given: unknown[]) => string;

/** `problems.disk.ends` and what stands there. */
function leavesOf(value: object, trail: string[] = []): [string, string | Said][] {
  return Object.entries(value).flatMap(([key, each]): [string, string | Said][] => {
    const path = [...trail, key];
    return typeof each === 'object' && each !== null
      ? leavesOf(each, path)
      : [[path.join('.'), each as string | Said]];
  });
}

const samplesOf = (path: string, sentence: Said): unknown[] =>
  SAMPLES[path] ?? Array.from({ length: sentence.length }, (_, index) => `«${'abcdef'[index]}»`);

const english = new Map(leavesOf(ENGLISH));

describe.each(LANGUAGES)('in %s', (language) => {
  const leaves = leavesOf(wordsOf(language));

  it('there is every sentence, and no other', () => {
    expect(leaves.map(([path]) => path).sort()).toEqual([...english.keys()].sort());
  });

  it.each(leaves)('%s can be said', (path, sentence) => {
    const original = english.get(path);
    const given = typeof original === 'function' ? samplesOf(path, original) : [];
    const text = typeof sentence === 'string' ? sentence : sentence(...given);
    expect(text).not.toBe('');
    expect(text).not.toMatch(/undefined|null|NaN|\[object|[{}]|Invalid|=>/);
    // Nothing that the English sentence tells is left out: names, reasons, and the commands that help.
    const told = typeof original === 'function' ? original(...given) : (original ?? '');
    for (const name of told.match(/«[^»]+»|\/[a-z]+\b|nanoclaw [a-z]+/g) ?? []) expect(text).toContain(name);
  });

  it.each(Object.keys(ENGLISH.commands))('the menu takes what is said of /%s', (name) => {
    const { menu } = wordsOf(language).commands[name as keyof typeof ENGLISH.commands];
    expect(menu.length).toBeGreaterThan(0);
    expect(menu.length).toBeLessThanOrEqual(256);
  });

  it('a count of one is one', () => {
    const words = wordsOf(language);
    for (const say of [words.tooManyByOne, words.tooManyHere, words.tries])
      expect(say(1).replace('1', '2')).not.toBe(say(2));
  });

  it.each(['Europe/Berlin', 'America/New_York'])('a time is that of %s', (zone) => {
    const at = Date.UTC(2026, 6, 1, 12, 34);
    expect(wordsOf(language).timeOfDay(at, zone)).toMatch(zone === 'Europe/Berlin' ? /14:34/ : /08:34/);
    expect(wordsOf(language).minute(at, zone)).toContain('2026');
  });

  it('what the database keeps in English is found again', () => {
    const { reasons } = wordsOf(language);
    for (const key of Object.keys(REASONS) as (keyof typeof REASONS)[]) {
      const [stored, said] = [REASONS[key], reasons[key]];
      if (typeof stored === 'string' || typeof said === 'string')
        expect(inWords(wordsOf(language), String(stored))).toBe(said);
      else expect(inWords(wordsOf(language), stored('20'))).toBe(said('20'));
    }
    expect(inWords(wordsOf(language), 'what an older version wrote')).toBe('what an older version wrote');
  });
});

describe('the language', () => {
  it('is the person’s, English for whoever speaks none of ours, and nothing where nothing is said', () => {
    expect(['de', 'de-AT', 'DE-de', 'en-GB', 'pt-br', 'constructor'].map(languageOf)).toEqual([
      ...['de', 'de', 'de'],
      ...['en', 'en', 'en'],
    ]);
    expect(['', undefined, null, 7, {}].map(languageOf)).toEqual([null, null, null, null, null]);
  });

  it('can be set to each that there is', () => {
    expect([...GROUP_CHOICES.language].sort()).toEqual(['auto', ...LANGUAGES].sort());
  });

  it('does not matter for whether something was said', () => {
    for (const language of LANGUAGES)
      expect(isSaid(wordsOf(language).maybeLost, (w) => w.maybeLost)).toBe(true);
    expect(isSaid('hello', (w) => w.maybeLost)).toBe(false);
  });
});
