import { expect, test } from 'vitest';
import { agentEnvironmentSchema } from '../protocol/environment.ts';
import type { Folder, ProviderName } from '../types.ts';
import { protocolEnvironment } from './agent-environment.ts';
import type { AgentLaunch } from './agent-runtime.ts';

const launch = (provider: ProviderName, more: Partial<AgentLaunch> = {}): AgentLaunch => ({
  name: 'nanoclaw-family-0a1b2c3d',
  folder: 'family' as Folder,
  isMain: false,
  provider,
  groupDir: '/g',
  globalDir: '/gl',
  mailboxDir: '/m',
  homeDir: '/h',
  projectDir: null,
  extraMounts: [],
  token: 'own-token',
  modelUrl: 'http://127.0.0.1:3128',
  timezone: 'UTC',
  ...more,
});
const environmentOf = (given: AgentLaunch) => protocolEnvironment(given, given, 60_000, 1000);
const modelPart = (given: AgentLaunch) =>
  Object.fromEntries(Object.entries(environmentOf(given)).filter(([key]) => /ANTHROPIC|OPENAI/.test(key)));

test('each provider is told its own server and token, and nothing of the other', () => {
  expect(modelPart(launch('claude'))).toEqual({
    ANTHROPIC_BASE_URL: 'http://127.0.0.1:3128',
    ANTHROPIC_AUTH_TOKEN: 'own-token',
  });
  const openai = { model: 'qwen3:8b', contextTokens: 16_384 };
  const given = launch('openai', { openai });
  expect(modelPart(given)).toEqual({
    OPENAI_BASE_URL: 'http://127.0.0.1:3128/v1',
    OPENAI_API_KEY: 'own-token',
    OPENAI_MODEL: 'qwen3:8b',
    OPENAI_CONTEXT_TOKENS: '16384',
  });
  expect(agentEnvironmentSchema.parse(environmentOf(given))).toMatchObject({ OPENAI_CONTEXT_TOKENS: 16_384 });
  expect(modelPart(launch('offline', { modelUrl: null }))).toEqual({});
});
