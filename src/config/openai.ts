/** The server that speaks OpenAI's chat completions: which settings it takes, and when it is the provider. Pure. */
import type { ProviderName } from '../types.ts';
import type { Settings } from './settings.ts';

export const OPENAI_PUBLIC_API = 'https://api.openai.com/v1';

export interface OpenAiServer {
  /** With its /v1, without a slash at the end. */
  baseUrl: string;
  /** The host's key; null for a server that asks for none. Only the credential proxy reads it. */
  key: string | null;
  /** For groups that name none; null: those cannot think with it. */
  model: string | null;
  /** How many tokens prompt and answer may take together. */
  contextTokens: number;
  prices: Prices;
}

/** US dollars for a million tokens in and out, as "0.5/1.5": of the models named, and of all others (null: not known). */
export interface Prices {
  models: Readonly<Record<string, string>>;
  others: string | null;
}

const PRICE = /^\d{1,6}(\.\d{1,6})?\/\d{1,6}(\.\d{1,6})?$/;

/** `0.25/2`, or a list such as `0.25/2, gpt-5=1.25/10`. Null: it is none. */
export function parsePrices(text: string): Prices | null {
  const models: Record<string, string> = {};
  let others: string | null = null;
  for (const entry of text.split(',').map((part) => part.trim())) {
    const at = entry.lastIndexOf('=');
    const [name, price] = [entry.slice(0, Math.max(0, at)).trim(), entry.slice(at + 1).trim()];
    if (!PRICE.test(price) || (at >= 0 && name === '')) return null;
    if (at < 0 && others !== null) return null;
    if (at < 0) others = price;
    else models[name] = price;
  }
  return { models, others };
}

/** What this model costs; null: not known. */
export const priceOf = ({ models, others }: Prices, model: string | null): string | null =>
  (model !== null && Object.hasOwn(models, model) ? models[model] : undefined) ?? others;

/** The provider that the settings name, or that `auto` finds: Claude with a credential, else such a server with a model. */
export function providerOf(
  s: Pick<Settings, 'AGENT_PROVIDER' | 'OPENAI_MODEL'>,
  hasClaude: boolean,
): ProviderName {
  if (s.AGENT_PROVIDER !== 'auto') return s.AGENT_PROVIDER;
  if (hasClaude) return 'claude';
  return s.OPENAI_MODEL ? 'openai' : 'offline';
}

/** What is missing, in one line per setting. */
export function openAiProblems(s: Record<string, unknown>): string[] {
  const problems: string[] = [];
  if (!s.OPENAI_MODEL)
    problems.push(
      'OPENAI_MODEL: AGENT_PROVIDER=openai needs the name of the model, as the server calls it, like gpt-5-mini or qwen3:8b',
    );
  if (!s.OPENAI_BASE_URL && !s.OPENAI_API_KEY)
    problems.push(
      `OPENAI_API_KEY: ${OPENAI_PUBLIC_API} asks for one; set it, or OPENAI_BASE_URL for a server of your own, like http://127.0.0.1:11434/v1`,
    );
  return problems;
}

/** Null: the settings name none. */
export function openAiServer(s: Settings): OpenAiServer | null {
  if (!s.OPENAI_BASE_URL && !s.OPENAI_API_KEY) return null;
  return {
    baseUrl: (s.OPENAI_BASE_URL ?? OPENAI_PUBLIC_API).replace(/\/+$/, ''),
    key: s.OPENAI_API_KEY ?? null,
    model: s.OPENAI_MODEL ?? null,
    contextTokens: s.OPENAI_CONTEXT_TOKENS,
    prices: s.OPENAI_PRICE ?? { models: {}, others: null },
  };
}
