/** The server that speaks OpenAI's chat completions: which settings it takes, and when it is the provider. Pure. */
import type { ProviderName } from '../types.ts';
import type { Settings } from './settings.ts';

export const OPENAI_PUBLIC_API = 'https://api.openai.com/v1';

export interface OpenAiServer {
  /** With its /v1, without a slash at the end. */
  baseUrl: string;
  /** The host's key; null for a server that asks for none. Only the credential proxy reads it. */
  key: string | null;
  model: string;
  /** How many tokens prompt and answer may take together. */
  contextTokens: number;
  /** US dollars for a million tokens in and out, as "0.5/1.5"; null: not known. */
  price: string | null;
}

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

export function openAiServer(s: Settings): OpenAiServer {
  return {
    baseUrl: (s.OPENAI_BASE_URL ?? OPENAI_PUBLIC_API).replace(/\/+$/, ''),
    key: s.OPENAI_API_KEY ?? null,
    model: s.OPENAI_MODEL ?? '',
    contextTokens: s.OPENAI_CONTEXT_TOKENS,
    price: s.OPENAI_PRICE ?? null,
  };
}
