/** The options of `groups set` for what is one of a few words. */
import type { Command } from 'commander';
import { NanoClawError } from '../errors.ts';
import {
  chooseThinking,
  OFFLINE_GROUND,
  THINKING_KEYS,
  type ThinkingAsked,
  type ThinkingGround,
  type ThinkingKey,
} from '../policy/thinking.ts';
import { EFFORTS, GROUP_CHOICES, type GroupChoices, PROVIDERS, type Thinking } from '../types.ts';

const HELP: Record<keyof GroupChoices, string> = {
  format: 'how replies are shown: formatted (default), plain (as they were written) or rich',
  topics: 'topics of a forum: separate conversations (default), or together',
  progress: 'while a turn runs: progress (default: a message about longer ones), typing or off',
  reactions: 'a reaction on messages that are being worked on: on or off (default)',
  language: 'of the daemon’s own sentences: auto (default: as the people), en or de',
};
const KEYS = Object.keys(GROUP_CHOICES) as (keyof GroupChoices)[];

const THINKING_HELP: Record<ThinkingKey, string> = {
  provider: `what its agent thinks with: ${PROVIDERS.join(', ')} or default`,
  model: 'which model, as its provider calls it, or default',
  effort: `how much work goes into an answer: ${EFFORTS.join(', ')} or default`,
  'max-turns': 'requests to the model within one turn, or default',
  'max-thinking': 'tokens of thinking before an answer, 0 for none, or default',
};
const THINKING = Object.keys(THINKING_KEYS) as ThinkingKey[];

export type ChoiceOptions = Partial<Record<keyof GroupChoices | keyof Thinking, string>>;

export function choiceOptions(command: Command): Command {
  for (const key of KEYS) command.option(`--${key} <${key}>`, HELP[key]);
  for (const key of THINKING) command.option(`--${key} <${key}>`, THINKING_HELP[key]);
  return command;
}

/** The same for what its agent thinks with. Throws GROUP_INVALID. */
export function chosenThinking(
  before: Thinking,
  options: ChoiceOptions,
  ground: ThinkingGround = OFFLINE_GROUND,
): Thinking {
  const asked: ThinkingAsked = {};
  for (const key of THINKING) {
    const value = options[THINKING_KEYS[key]];
    if (value !== undefined) asked[key] = value;
  }
  return chooseThinking(before, asked, ground);
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
