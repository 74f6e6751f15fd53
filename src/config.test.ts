import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { homeOf, loadConfig } from './config.ts';
import { NanoClawError } from './errors.ts';

const TOKEN = '123456789:AAEtokenTokenTokenToken';

/** The settings of a home with this .env, under this environment. */
function load(env: Record<string, string>, dotEnv?: string) {
  const home = mkdtempSync(path.join(tmpdir(), 'nanoclaw-config-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  if (dotEnv !== undefined) writeFileSync(path.join(home, '.env'), dotEnv);
  return loadConfig({ ...env, NANOCLAW_HOME: home });
}
function problemsOf(env: Record<string, string>, dotEnv?: string): string[] {
  try {
    load(env, dotEnv);
  } catch (error) {
    if (error instanceof NanoClawError && error.code === 'CONFIG_INVALID')
      return error.message
        .split('\n')
        .slice(1)
        .map((line) => line.trim());
    throw error;
  }
  return [];
}

describe('the settings', () => {
  it('have defaults that start on any machine', () => {
    expect(load({})).toMatchObject({
      telegram: { token: null, apiRoot: 'https://api.telegram.org' },
      assistantName: 'Nina',
      provider: 'offline',
      credential: null,
      runtime: 'auto',
      maxConcurrentContainers: 5,
      idleTimeoutMs: 1_800_000,
      containerTimeoutMs: 1_800_000,
      http: { host: '127.0.0.1', port: 7420, token: null },
    });
    expect(Object.isFrozen(load({}))).toBe(true);
  });

  it('come from the environment before .env before the defaults', () => {
    const dotEnv = 'ASSISTANT_NAME=FromFile\nMAX_CONCURRENT_CONTAINERS=3\n# LOG_LEVEL=debug\nHTTP_PORT="0"\n';
    expect(load({ ASSISTANT_NAME: 'FromEnvironment' }, dotEnv)).toMatchObject({
      assistantName: 'FromEnvironment',
      maxConcurrentContainers: 3,
      logLevel: 'info',
      http: { port: 0 },
    });
  });

  it('count as not set when they are empty', () => {
    const config = load(
      { ANTHROPIC_API_KEY: '', HTTP_PORT: '' },
      'TELEGRAM_BOT_TOKEN=\nTZ=\nASSISTANT_NAME=Zoe',
    );
    expect(config).toMatchObject({
      telegram: { token: null },
      credential: null,
      provider: 'offline',
      assistantName: 'Zoe',
      http: { port: 7420 },
    });
  });

  it('are all reported at once, each with what was expected', () => {
    const bad = {
      TELEGRAM_BOT_TOKEN: 'token',
      TELEGRAM_API_ROOT: 'ftp://x',
      ASSISTANT_NAME: 'two words',
      ANTHROPIC_BASE_URL: 'nowhere',
      AGENT_PROVIDER: 'gpt',
      CONTAINER_RUNTIME: 'podman',
      CONTAINER_IMAGE: '-x',
      DOCKER_HOST: '/var/run/docker.sock',
      MAX_CONCURRENT_CONTAINERS: '0',
      IDLE_TIMEOUT: '30m',
      CONTAINER_TIMEOUT: '-1',
      CONTAINER_MEMORY_MB: '1e9',
      CONTAINER_CPUS: 'many',
      TZ: 'Mars/Olympus',
      LOG_LEVEL: 'loud',
      HTTP_HOST: 'a b',
      HTTP_PORT: '70000',
      STATUS_TOKEN: 'short',
    };
    const problems = problemsOf(bad);
    for (const key of Object.keys(bad))
      expect(
        problems.filter((line) => line.startsWith(`${key}: `) && /expected/.test(line)),
        key,
      ).not.toEqual([]);
    expect(problems).toContain('AGENT_PROVIDER: expected one of: auto, claude, openai, offline');
    expect(problems).toContain('HTTP_PORT: expected a port: a whole number from 0 to 65535');
  });

  it('report wrong values and contradictions together', () => {
    expect(problemsOf({ AGENT_PROVIDER: 'claude', HTTP_PORT: 'x' })).toEqual([
      expect.stringMatching(/^HTTP_PORT/),
      expect.stringMatching(/^AGENT_PROVIDER: claude needs/),
    ]);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['Claude without a credential', { AGENT_PROVIDER: 'claude' }, /AGENT_PROVIDER: claude needs/],
    ['Claude without isolation', { ANTHROPIC_API_KEY: 'key', CONTAINER_RUNTIME: 'process' }, /no isolation/],
    ['a server without a model', { AGENT_PROVIDER: 'openai', OPENAI_API_KEY: 'k' }, /^OPENAI_MODEL: .*needs/],
    ['the public server without a key', { OPENAI_MODEL: 'gpt-5-mini' }, /^OPENAI_API_KEY: .*asks for one/],
    [
      'such a server without isolation',
      {
        OPENAI_MODEL: 'qwen3:8b',
        OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1',
        CONTAINER_RUNTIME: 'process',
      },
      /no isolation/,
    ],
    ['an open address without a token', { HTTP_HOST: '0.0.0.0' }, /HTTP_HOST: .* STATUS_TOKEN/],
    ['an open name without a token', { HTTP_HOST: 'box.lan' }, /HTTP_HOST: .* STATUS_TOKEN/],
    ['a server without a token', { TELEGRAM_API_ROOT: 'http://127.0.0.1:1' }, /TELEGRAM_BOT_TOKEN: expected/],
  ])('do not contradict each other: %s', (_, env, problem) => {
    expect(problemsOf(env)).toEqual([expect.stringMatching(problem)]);
  });

  it('never show a secret in what they report', () => {
    const secrets = {
      TELEGRAM_BOT_TOKEN: 'SECRET-telegram',
      ANTHROPIC_API_KEY: 'SECRET-key',
      CLAUDE_CODE_OAUTH_TOKEN: 'SECRET-oauth',
      ANTHROPIC_AUTH_TOKEN: 'SECRET-auth',
      ANTHROPIC_BASE_URL: 'SECRET-url',
      OPENAI_API_KEY: 'SECRET-openai',
      STATUS_TOKEN: 'SECRET',
    };
    const shown = problemsOf({ ...secrets, CONTAINER_RUNTIME: 'process' }).join('\n');
    expect(shown).toMatch(/TELEGRAM_BOT_TOKEN.*\n/);
    expect(shown).not.toContain('SECRET');
  });

  it('choose the provider and the credential', () => {
    expect(load({ ANTHROPIC_API_KEY: 'k', CLAUDE_CODE_OAUTH_TOKEN: 'o' })).toMatchObject({
      provider: 'claude',
      credential: { kind: 'apiKey', value: 'k' },
    });
    expect(load({ CLAUDE_CODE_OAUTH_TOKEN: 'o' }).credential).toEqual({ kind: 'oauth', value: 'o' });
    expect(load({ ANTHROPIC_API_KEY: 'k', AGENT_PROVIDER: 'offline' })).toMatchObject({
      provider: 'offline',
      credential: { kind: 'apiKey', value: 'k' },
    });
    expect(load({ TELEGRAM_BOT_TOKEN: TOKEN, TELEGRAM_API_ROOT: 'http://127.0.0.1:1//' }).telegram).toEqual({
      token: TOKEN,
      apiRoot: 'http://127.0.0.1:1',
    });
  });

  it('take a server of chat completions where it is named, and Claude first where nothing else is said', () => {
    const OPENAI = { OPENAI_MODEL: 'qwen3:8b', OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1/' };
    expect(load(OPENAI)).toMatchObject({
      provider: 'openai',
      credential: null,
      openai: {
        baseUrl: 'http://127.0.0.1:11434/v1',
        key: null,
        model: 'qwen3:8b',
        contextTokens: 32_768,
        prices: { models: {}, others: null },
      },
      limits: { senderPerMinute: 30, groupPerMinute: 90, turnsPerHour: 200 },
    });
    expect(
      load({ OPENAI_MODEL: 'gpt-5-mini', OPENAI_API_KEY: 'k', OPENAI_PRICE: '0.25/2' }).openai,
    ).toMatchObject({
      baseUrl: 'https://api.openai.com/v1',
      key: 'k',
      prices: { models: {}, others: '0.25/2' },
    });
    // A key alone is often there for other programs; a group may still choose it.
    expect(load({ OPENAI_API_KEY: 'k' })).toMatchObject({ provider: 'offline', openai: { model: null } });
    expect(load({ OPENAI_MODEL: 'x', ANTHROPIC_API_KEY: 'k' }).openai).toBeNull();
    const both = { ...OPENAI, ANTHROPIC_API_KEY: 'a' };
    expect(load(both)).toMatchObject({ provider: 'claude', openai: { model: 'qwen3:8b' } });
    expect(load({ ...both, AGENT_PROVIDER: 'openai' })).toMatchObject({
      provider: 'openai',
      credential: { kind: 'apiKey', value: 'a' },
    });
    expect(load({ ...OPENAI, AGENT_PROVIDER: 'offline' })).toMatchObject({
      provider: 'offline',
      openai: { model: 'qwen3:8b' },
    });
    expect(load({ ...OPENAI, OPENAI_PRICE: '0.25/2, gpt-5=1.25/10 ,a=b=0/1' }).openai?.prices).toEqual({
      models: { 'gpt-5': '1.25/10', 'a=b': '0/1' },
      others: '0.25/2',
    });
    for (const OPENAI_PRICE of ['cheap', '1', '1/', '-1/2', '1/2/3', '=1/2', '1/2,', '1/2,3/4', 'gpt-5=dear'])
      expect(problemsOf({ OPENAI_PRICE })).toEqual([
        expect.stringMatching(/^OPENAI_PRICE: expected US dollars/),
      ]);
  });

  it('say what groups think with that chose nothing', () => {
    expect(load({}).thinking).toEqual({
      provider: 'offline',
      models: { claude: null, openai: null },
      effort: null,
      maxTurns: null,
      maxThinking: null,
    });
    const asked = {
      ANTHROPIC_API_KEY: 'k',
      ANTHROPIC_MODEL: 'opus',
      OPENAI_MODEL: 'gpt-5',
      AGENT_EFFORT: 'high',
      AGENT_MAX_TURNS: '40',
      AGENT_MAX_THINKING: '0',
    };
    expect(load(asked).thinking).toEqual({
      provider: 'claude',
      models: { claude: 'opus', openai: 'gpt-5' },
      effort: 'high',
      maxTurns: 40,
      maxThinking: 0,
    });
    expect(
      problemsOf({
        AGENT_EFFORT: 'much',
        AGENT_MAX_TURNS: '0',
        AGENT_MAX_THINKING: '1000',
        ANTHROPIC_MODEL: 'the best',
      }),
    ).toEqual([
      expect.stringMatching(/^ANTHROPIC_MODEL: expected the name of a model without spaces/),
      'AGENT_EFFORT: expected one of: low, medium, high, xhigh, max',
      expect.stringMatching(/^AGENT_MAX_TURNS: expected .* from 1 to 1000$/),
      'AGENT_MAX_THINKING: expected 0, or 1024 to 128000 tokens of thinking before an answer',
    ]);
  });

  it('let the daemon fail on purpose only with a simulator on loopback, and from the environment only', () => {
    const FAILPOINTS = 'turn.running=kill@3, event.taken=error';
    expect(load({ FAILPOINTS }).failpoints).toEqual([
      { step: 'turn.running', action: 'kill', nth: 3 },
      { step: 'event.taken', action: 'error', nth: 1 },
    ]);
    for (const root of ['http://127.0.0.1:8081', 'http://[::1]:8081', 'http://localhost:8081']) {
      const settings = { FAILPOINTS, TELEGRAM_BOT_TOKEN: TOKEN, TELEGRAM_API_ROOT: root };
      expect(load(settings).failpoints).toHaveLength(2);
    }
    const refused = [
      expect.stringMatching(/FAILPOINTS: .*expected TELEGRAM_API_ROOT on the loopback address/),
    ];
    expect(problemsOf({ FAILPOINTS, TELEGRAM_BOT_TOKEN: TOKEN })).toEqual(refused);
    for (const root of ['https://api.telegram.org', 'http://127.0.0.1.example.org', 'http://10.0.0.1:8081']) {
      const settings = { FAILPOINTS, TELEGRAM_BOT_TOKEN: TOKEN, TELEGRAM_API_ROOT: root };
      expect(problemsOf(settings)).toEqual(refused);
    }
    for (const wrong of ['turn.running', 'turn.running=kill@0', 'nowhere=kill', 'turn.running=explode'])
      expect(problemsOf({ FAILPOINTS: wrong })).toEqual([
        expect.stringMatching(/FAILPOINTS: expected step=kill, .*turn\.running/),
      ]);

    expect(problemsOf({}, `FAILPOINTS=${FAILPOINTS}\n`)).toEqual([
      expect.stringContaining('expected it in the environment only'),
    ]);
  });

  it('say what to do when .env cannot be read', () => {
    const home = mkdtempSync(path.join(tmpdir(), 'nanoclaw-config-'));
    onTestFinished(() => rmSync(home, { recursive: true, force: true }));
    mkdirSync(path.join(home, '.env'));
    expect(() => loadConfig({ NANOCLAW_HOME: home })).toThrow(/\.env cannot be read/);
  });

  it('find the home from the working directory', () => {
    expect(homeOf({}, '/srv/nina')).toBe('/srv/nina');
    expect(homeOf({ NANOCLAW_HOME: 'data' }, '/srv/nina')).toBe('/srv/nina/data');
    expect(homeOf({ NANOCLAW_HOME: '/other' }, '/srv/nina')).toBe('/other');
  });
});
