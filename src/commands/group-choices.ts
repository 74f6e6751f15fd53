/** The options of `groups set` for what is one of a few words. */
import type { Command } from 'commander';
import { NanoClawError } from '../errors.ts';
import { GROUP_CHOICES, type GroupChoices } from '../types.ts';

const HELP: Record<keyof GroupChoices, string> = {
  format: 'how replies are shown: formatted (default), plain (as they were written) or rich',
  topics: 'topics of a forum: separate conversations (default), or together',
  progress: 'while a turn runs: progress (default: a message about longer ones), typing or off',
  reactions: 'a reaction on messages that are being worked on: on or off (default)',
  language: 'of the daemon’s own sentences: auto (default: as the people), en or de',
};
const KEYS = Object.keys(GROUP_CHOICES) as (keyof GroupChoices)[];

export type ChoiceOptions = Partial<Record<keyof GroupChoices, string>>;

export function choiceOptions(command: Command): Command {
  for (const key of KEYS) command.option(`--${key} <${key}>`, HELP[key]);
  return command;
}

/** What is asked for, on what there was. Throws GROUP_INVALID. */
export function chosen(before: GroupChoices, options: ChoiceOptions): GroupChoices {
  const choices = KEYS.map((key) => {
    const asked = options[key];
    if (asked === undefined) return [key, before[key]];
    const word = GROUP_CHOICES[key].find((one) => one === asked);
    if (word) return [key, word];
    const expected = GROUP_CHOICES[key].join(', ');
    throw new NanoClawError('GROUP_INVALID', `--${key}: expected ${expected}, got "${asked}"`);
  });
  return Object.fromEntries(choices) as GroupChoices;
}
