/**
 * What a group's agent thinks with: its own choices over the settings, what they may be, and whether it can think like that here.
 * Pure; holds no credential. What was chosen is the host's word: an agent can change none of it.
 */
import { NanoClawError } from '../errors.ts';
import { EFFORTS, type Effort, PROVIDERS, type ProviderName, type Thinking } from '../types.ts';
import type { Sentence } from '../words.ts';

export const MODEL_PATTERN = /^[\x21-\x7e]{1,200}$/;
export const MOST_TURNS = 1000;
export const MOST_THINKING = 128_000;
/** The least that the Messages API takes, but for none at all. */
export const LEAST_THINKING = 1024;

/** For groups that chose nothing. */
export interface ThinkingDefaults {
  provider: ProviderName;
  /** Null: the provider's own choice. */
  models: { claude: string | null; openai: string | null };
  effort: Effort | null;
  maxTurns: number | null;
  maxThinking: number | null;
}

/** What there is to think with. */
export interface ThinkingMeans {
  /** A credential for it. */
  claude: boolean;
  /** A server, or a key for OpenAI's own. */
  openai: boolean;
}

/** As the settings have it. */
export const meansOf = ({ credential, openai }: { credential: unknown; openai: unknown }): ThinkingMeans => ({
  claude: credential !== null,
  openai: openai !== null,
});

/** What choices are judged by. */
export interface ThinkingGround {
  defaults: ThinkingDefaults;
  means: ThinkingMeans;
}

/** Where there is nothing but the offline agent. */
export const OFFLINE_GROUND: ThinkingGround = {
  defaults: {
    provider: 'offline',
    models: { claude: null, openai: null },
    effort: null,
    maxTurns: null,
    maxThinking: null,
  },
  means: { claude: false, openai: false },
};

/** As a turn is run. */
export interface Thinks {
  provider: ProviderName;
  model: string | null;
  effort: Effort | null;
  maxTurns: number | null;
  maxThinking: number | null;
}

export const NOTHING_CHOSEN: Thinking = {
  provider: null,
  model: null,
  effort: null,
  maxTurns: null,
  maxThinking: null,
};

/** The group thinks with something of its own. */
export const isChosen = (group: Thinking): boolean =>
  (Object.keys(NOTHING_CHOSEN) as (keyof Thinking)[]).some((key) => group[key] !== null);

export function thinksWith(group: Thinking, defaults: ThinkingDefaults): Thinks {
  const provider = group.provider ?? defaults.provider;
  const model = provider === 'offline' ? null : (group.model ?? defaults.models[provider]);
  return {
    provider,
    model,
    effort: group.effort ?? defaults.effort,
    maxTurns: group.maxTurns ?? defaults.maxTurns,
    maxThinking: group.maxThinking ?? defaults.maxThinking,
  };
}

/** What is missing for it to think like that: a key of `words.lacks`; null: nothing. */
export type Lack = 'claude' | 'openai' | 'openaiModel' | 'isolation';

/** `isolated`: agents run in containers here. */
export function lackOf(
  { provider, model }: Pick<Thinks, 'provider' | 'model'>,
  means: ThinkingMeans,
  isolated: boolean,
): Lack | null {
  if (provider === 'offline') return null;
  if (!means[provider]) return provider;
  if (provider === 'openai' && model === null) return 'openaiModel';
  return isolated ? null : 'isolation';
}

/** The choices by the names that the command line has for them; the chat's are in words. */
export const THINKING_KEYS = {
  provider: 'provider',
  model: 'model',
  effort: 'effort',
  'max-turns': 'maxTurns',
  'max-thinking': 'maxThinking',
} as const satisfies Record<string, keyof Thinking>;
export type ThinkingKey = keyof typeof THINKING_KEYS;
export type ThinkingAsked = Partial<Record<ThinkingKey, string>>;

/**
 * What is asked for, on what there was; `default` takes a choice back. Another provider brings its own model, unless one is named.
 * Throws GROUP_INVALID with what was expected; a provider that cannot be asked here is refused.
 */
export function chooseThinking(
  before: Thinking,
  asked: ThinkingAsked,
  { defaults, means }: ThinkingGround,
): Thinking {
  // Not all of a group, which may hold other changes than these.
  const { provider, model, effort, maxTurns, maxThinking } = before;
  const chosen: Thinking = { provider, model, effort, maxTurns, maxThinking };
  if (asked.provider !== undefined) {
    chosen.provider = read(asked.provider, providerOf);
    if ((chosen.provider ?? defaults.provider) !== (before.provider ?? defaults.provider))
      chosen.model = null;
  }
  if (asked.model !== undefined) chosen.model = read(asked.model, modelOf);
  if (asked.effort !== undefined) chosen.effort = read(asked.effort, effortOf);
  if (asked['max-turns'] !== undefined)
    chosen.maxTurns = read(asked['max-turns'], (text) =>
      wholeIn(text, 1, MOST_TURNS, (w) => w.refused.maxTurns(MOST_TURNS, text.slice(0, 40))),
    );
  if (asked['max-thinking'] !== undefined) chosen.maxThinking = read(asked['max-thinking'], thinkingOf);
  const lack = lackOf(thinksWith(chosen, defaults), means, true);
  const isAboutIt = asked.provider !== undefined || asked.model !== undefined;
  if (lack !== null && isAboutIt) throw invalid((w) => w.refused.lacks[lack]);
  return chosen;
}

const read = <T>(text: string, as: (text: string) => T): T | null =>
  text.toLowerCase() === 'default' ? null : as(text);

function providerOf(text: string): ProviderName {
  const name = text.toLowerCase() === 'anthropic' ? 'claude' : text.toLowerCase();
  const known = PROVIDERS.find((one) => one === name);
  if (known) return known;
  throw invalid((w) => w.refused.provider(PROVIDERS.join(', '), text.slice(0, 40)));
}

function modelOf(text: string): string {
  if (MODEL_PATTERN.test(text)) return text;
  throw invalid((w) => w.refused.model(text.slice(0, 40)));
}

function effortOf(text: string): Effort {
  const known = EFFORTS.find((one) => one === text.toLowerCase());
  if (known) return known;
  throw invalid((w) => w.refused.effort(EFFORTS.join(', '), text.slice(0, 40)));
}

function thinkingOf(text: string): number {
  const refused: Sentence = (w) => w.refused.maxThinking(LEAST_THINKING, MOST_THINKING, text.slice(0, 40));
  return text === '0' ? 0 : wholeIn(text, LEAST_THINKING, MOST_THINKING, refused);
}

function wholeIn(text: string, least: number, most: number, refused: Sentence): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw invalid(refused);
}

const invalid = (why: Sentence) => new NanoClawError('GROUP_INVALID', why);

/** e.g. "openai, qwen3:8b, effort high"; for lists, English like them. */
export function describeThinks({ provider, model, effort, maxTurns, maxThinking }: Thinks): string {
  return [
    provider,
    ...(model === null ? [] : [model]),
    ...(provider === 'offline' || effort === null ? [] : [`effort ${effort}`]),
    ...(provider === 'offline' || maxTurns === null ? [] : [`at most ${maxTurns} turns`]),
    ...(provider !== 'claude' || maxThinking === null
      ? []
      : [maxThinking === 0 ? 'no thinking' : `at most ${maxThinking} tokens of thinking`]),
  ].join(', ');
}
