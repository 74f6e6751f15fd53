/**
 * Settings: environment over `.env` over defaults, validated once, frozen. The only reader of process.env.
 * Every bad key is reported at once with what was expected (CONFIG_INVALID). Nothing happens on import.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import { backupEvery, DAY_MS, httpUrl, keepFor, oneOf, whole } from './config/checks.ts';
import { messageOf, NanoClawError } from './errors.ts';
import { type Failpoint, parseFailpoints } from './lib/failpoint.ts';
import { isLoopbackHost } from './lib/loopback.ts';
import type { ProviderName, RuntimeName } from './types.ts';

/** The host's model credential. Only the credential proxy reads `value`. */
export interface Credential {
  kind: 'apiKey' | 'authToken' | 'oauth';
  value: string;
}

export interface Config {
  /** NANOCLAW_HOME, absolute: where data/, groups/, .env and nanoclaw.log live. */
  home: string;
  /** ~/.config/nanoclaw, absolute: the rules that no container ever sees. */
  configDir: string;
  telegram: { token: string | null; apiRoot: string };
  assistantName: string;
  provider: ProviderName;
  /** null when the provider is offline. */
  credential: Credential | null;
  anthropicBaseUrl: string;
  runtime: RuntimeName | 'auto';
  containerImage: string;
  /** Where to look for the engine: DOCKER_HOST, else the usual sockets below these folders. */
  engine: {
    dockerHost: string | undefined;
    certPath: string | undefined;
    runtimeDir: string | undefined;
    homeDir: string | undefined;
  };
  /** Base of the agent image, for those who build it (BASE_IMAGE, the Dockerfile's build argument). */
  baseImage: string | undefined;
  maxConcurrentContainers: number;
  /** How long a warm agent may wait for its next turn. */
  idleTimeoutMs: number;
  /** How long a turn may show no sign of life. */
  containerTimeoutMs: number;
  containerMemoryMb: number;
  containerCpus: number;
  timezone: string;
  /** Bounds of what people may ask; 0: no limit. Main has none. */
  limits: { senderPerMinute: number; groupPerMinute: number; turnsPerHour: number };
  /** The shortest interval a scheduled task may have. */
  minTaskIntervalMs: number;
  /** How long event loop, poller or database may fail before the process ends itself; 0: never. */
  watchdogTimeoutMs: number;
  logLevel: (typeof LOG_LEVELS)[number];
  /** nanoclaw.log is set aside at maxBytes; that many older ones are kept. */
  logFile: { maxBytes: number; keep: number };
  keep: Keep;
  /** Backups by the daemon: none when everyMs is null. `at`: HH:MM in `timezone`, for intervals of whole days. */
  backup: { everyMs: number | null; at: string; keep: number };
  /** token: what whoever asks must bring; null only where nobody but this machine can ask. */
  http: { host: string; port: number; token: string | null };
  /** Where tests make the daemon fail; empty everywhere else. */
  failpoints: readonly Failpoint[];
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
/** How long what is settled is kept, in milliseconds; null: for ever. What is not settled is always kept. */
export interface Keep {
  /** Telegram updates as they came. */
  updatesMs: number | null;
  /** Turns, task runs, replies, command notes, containers, tasks that are over, chats that are not registered. */
  historyMs: number | null;
  /** data/logs/<folder>/, and files that were set aside. */
  turnLogsMs: number | null;
  auditMs: number | null;
  messagesMs: number | null;
}

export function isTimezone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** Every setting, as text. Each key is described in .env.example; a test holds the two together. */
export const settingsSchema = z.object({
  TELEGRAM_BOT_TOKEN: z
    .string()
    .regex(/^\d+:[\w-]{10,}$/, 'expected the token from BotFather, like 123456789:AAE…')
    .optional(),
  TELEGRAM_API_ROOT: httpUrl('the root of a Bot API server').optional(),
  ASSISTANT_NAME: z
    .string()
    .regex(
      /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_-]{0,31}$/u,
      'expected one word of up to 32 letters, digits, - or _',
    )
    .default('Nina'),
  ANTHROPIC_API_KEY: z.string().optional(),
  CLAUDE_CODE_OAUTH_TOKEN: z.string().optional(),
  ANTHROPIC_AUTH_TOKEN: z.string().optional(),
  ANTHROPIC_BASE_URL: httpUrl('the root of a Messages API').default('https://api.anthropic.com'),
  AGENT_PROVIDER: oneOf(['auto', 'claude', 'offline']).default('auto'),
  CONTAINER_RUNTIME: oneOf(['auto', 'docker', 'process']).default('auto'),
  CONTAINER_IMAGE: z
    .string()
    .regex(/^[a-z0-9][\w./:@-]*$/, 'expected an image name like nanoclaw-agent:latest')
    .default('nanoclaw-agent:latest'),
  DOCKER_HOST: z
    .string()
    .regex(/^(unix|tcp|http|https|ssh):\/\/.+/, 'expected unix:///path/to.sock or tcp://host:port')
    .optional(),
  MAX_CONCURRENT_CONTAINERS: whole(1, 100, 'how many agents may run at once').default(5),
  IDLE_TIMEOUT: whole(1000, 86_400_000, 'milliseconds an idle agent is kept').default(1_800_000),
  CONTAINER_TIMEOUT: whole(5000, 86_400_000, 'milliseconds without a sign of life').default(1_800_000),
  CONTAINER_MEMORY_MB: whole(256, 1_048_576, 'mebibytes of memory for an agent').default(2048),
  CONTAINER_CPUS: z
    .string()
    .refine((v) => Number(v) >= 0.1 && Number(v) <= 256, 'expected a number of processors from 0.1 to 256')
    .transform(Number)
    .default(2),
  SENDER_REQUESTS_PER_MINUTE: whole(0, 100_000, 'requests of one person a minute, 0 for no limit').optional(),
  GROUP_REQUESTS_PER_MINUTE: whole(0, 100_000, 'requests in one group a minute, 0 for no limit').optional(),
  GROUP_TURNS_PER_HOUR: whole(0, 100_000, 'turns of one group an hour, 0 for no limit').optional(),
  TASK_MIN_INTERVAL: whole(1000, 86_400_000, 'milliseconds, the shortest interval of a task').default(60_000),
  TZ: z
    .string()
    .refine((zone) => isTimezone(zone.replace(/^:/, '')), 'expected an IANA time zone like Europe/Berlin')
    .transform((zone) => zone.replace(/^:/, ''))
    .optional(),
  WATCHDOG_TIMEOUT: whole(0, 3_600_000, 'milliseconds, or 0 for no watchdogs').default(60_000),
  LOG_LEVEL: oneOf(LOG_LEVELS).default('info'),
  LOG_MAX_MB: whole(1, 10_240, 'mebibytes of one log file').default(50),
  LOG_KEEP: whole(0, 100, 'how many older log files are kept').default(5),
  KEEP_UPDATES: keepFor.default(7 * DAY_MS),
  KEEP_HISTORY: keepFor.default(365 * DAY_MS),
  KEEP_TURN_LOGS: keepFor.default(30 * DAY_MS),
  KEEP_AUDIT: keepFor.default(730 * DAY_MS),
  KEEP_MESSAGES: keepFor.default(null),
  BACKUP_EVERY: backupEvery.default(null),
  BACKUP_AT: z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'expected a time of day like 03:30')
    .default('03:30'),
  BACKUP_KEEP: whole(0, 9999, 'how many backups are kept, 0 for all').default(7),
  NANOCLAW_HOME: z.string().optional(),
  HTTP_HOST: z
    .string()
    .regex(/^[\w.:-]+$/, 'expected an address to listen on, like 127.0.0.1')
    .default('127.0.0.1'),
  HTTP_PORT: whole(0, 65_535, 'a port').default(7420),
  STATUS_TOKEN: z
    .string()
    .regex(
      /^[\x21-\x7e]{16,256}$/,
      'expected 16 to 256 letters, digits or signs without spaces, like the output of: openssl rand -hex 24',
    )
    .optional(),
  FAILPOINTS: z
    .string()
    .transform((text, context) => {
      const parsed = parseFailpoints(text);
      if (typeof parsed !== 'string') return parsed;
      context.addIssue({ code: 'custom', message: parsed });
      return z.NEVER;
    })
    .optional(),
});
export type Settings = z.infer<typeof settingsSchema>;

/** The settings whose values never leave the host's files and memory. */
export const SECRET_SETTINGS = [
  'TELEGRAM_BOT_TOKEN',
  'ANTHROPIC_API_KEY',
  'CLAUDE_CODE_OAUTH_TOKEN',
  'ANTHROPIC_AUTH_TOKEN',
  'STATUS_TOKEN',
] as const satisfies readonly (keyof Settings)[];

/** Which setting holds which kind of credential; the first that is set wins. */
export const CREDENTIALS = {
  apiKey: 'ANTHROPIC_API_KEY',
  authToken: 'ANTHROPIC_AUTH_TOKEN',
  oauth: 'CLAUDE_CODE_OAUTH_TOKEN',
} as const satisfies Record<Credential['kind'], keyof Settings>;

/**
 * Reads and checks the settings. Throws CONFIG_INVALID with one line per bad key; no value of a secret is ever
 * in the message.
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env, cwd: string = process.cwd()): Config {
  const home = homeOf(env, cwd);
  const merged: Record<string, string> = {};
  for (const [key, value] of [...Object.entries(readDotEnv(home)), ...Object.entries(env)]) {
    // An empty value means "not set": that is how people switch a setting off in a file.
    if (value !== undefined && value !== '' && key in settingsSchema.shape) merged[key] = value;
  }
  const parsed = settingsSchema.safeParse(merged);
  const problems: string[] = [];
  if (!parsed.success) {
    for (const issue of parsed.error.issues) problems.push(`${issue.path.join('.')}: ${issue.message}`);
  }
  const settings: Partial<Settings> = parsed.success ? parsed.data : {};
  problems.push(...contradictions(parsed.success ? settings : merged));
  if (merged.FAILPOINTS && !env.FAILPOINTS)
    problems.push('FAILPOINTS: it makes the daemon fail, for tests; expected it in the environment only');
  if (problems.length > 0 || !parsed.success) {
    throw new NanoClawError(
      'CONFIG_INVALID',
      `Wrong settings:\n${problems.map((p) => `  ${p}`).join('\n')}`,
      {
        fix: `Change them in the environment or in ${path.join(home, '.env')}; .env.example describes each.`,
      },
    );
  }
  return toConfig(parsed.data, home, env);
}

/** The names in `.env`, whether settings or not; none where it cannot be read. */
export function dotEnvKeys(home: string): string[] {
  try {
    return Object.keys(readDotEnv(home));
  } catch {
    return [];
  }
}

/** The settings that hold a credential of the model, in the order in which they win. */
export function credentialSettings(
  env: NodeJS.ProcessEnv = process.env,
  cwd: string = process.cwd(),
): (keyof Settings)[] {
  const file = readDotEnv(homeOf(env, cwd));
  return Object.values(CREDENTIALS).filter((key) => env[key] || file[key]);
}

/** NANOCLAW_HOME as an absolute path, without reading any other setting. */
export function homeOf(env: NodeJS.ProcessEnv = process.env, cwd: string = process.cwd()): string {
  return path.resolve(cwd, env.NANOCLAW_HOME || '.');
}

/** STATUS_TOKEN of a home, without looking at any other setting: what a command must bring to its daemon. */
export const statusTokenOf = (home: string, env: NodeJS.ProcessEnv = process.env): string | null =>
  env.STATUS_TOKEN || readDotEnv(home).STATUS_TOKEN || null;

/** A copy of the environment: what `nanoclaw setup` starts a daemon with. */
export const environment = (env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv => ({ ...env });

/** Why a setting cannot have this value, or null. */
export function settingProblem(key: keyof Settings, value: string): string | null {
  const parsed = settingsSchema.shape[key].safeParse(value);
  return parsed.success ? null : parsed.error.issues.map(({ message }) => message).join('; ');
}

/** The PATH of whoever calls us. */
export const searchPath = (env: NodeJS.ProcessEnv = process.env): string =>
  env.PATH || '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Who called sudo, if somebody did. */
export const callerName = (env: NodeJS.ProcessEnv = process.env): string | undefined =>
  env.SUDO_USER || undefined;

/** What systemd told a service it started: where to report to, and how often (sd_notify(3)). Null without it. */
export function serviceManagerOf(env: NodeJS.ProcessEnv = process.env): { watchdogMs: number | null } | null {
  if (!env.NOTIFY_SOCKET) return null;
  const microseconds = Number(env.WATCHDOG_USEC);
  return { watchdogMs: microseconds > 0 ? microseconds / 1000 : null };
}

function contradictions(s: Record<string, unknown>): string[] {
  const problems: string[] = [];
  const hasCredential = Boolean(s.ANTHROPIC_API_KEY || s.ANTHROPIC_AUTH_TOKEN || s.CLAUDE_CODE_OAUTH_TOKEN);
  const claude = s.AGENT_PROVIDER === 'claude' || (s.AGENT_PROVIDER !== 'offline' && hasCredential);
  if (s.AGENT_PROVIDER === 'claude' && !hasCredential) {
    problems.push(
      'AGENT_PROVIDER: claude needs ANTHROPIC_API_KEY, CLAUDE_CODE_OAUTH_TOKEN or ANTHROPIC_AUTH_TOKEN; set one, or AGENT_PROVIDER=offline',
    );
  }
  if (claude && s.CONTAINER_RUNTIME === 'process') {
    problems.push(
      'CONTAINER_RUNTIME: process has no isolation and runs the offline agent only; expected docker or auto for Claude, or AGENT_PROVIDER=offline',
    );
  }
  if (s.TELEGRAM_API_ROOT && !s.TELEGRAM_BOT_TOKEN) {
    problems.push(
      'TELEGRAM_BOT_TOKEN: expected the token for the Bot API server that TELEGRAM_API_ROOT names',
    );
  }
  if (typeof s.HTTP_HOST === 'string' && !isLoopbackHost(s.HTTP_HOST) && !s.STATUS_TOKEN) {
    problems.push(
      `HTTP_HOST: ${s.HTTP_HOST} can be reached from other machines, and the pages there show what is said in the groups; expected a STATUS_TOKEN with it, or 127.0.0.1`,
    );
  }
  if (s.FAILPOINTS && (s.TELEGRAM_BOT_TOKEN || s.TELEGRAM_API_ROOT) && !isLoopback(s.TELEGRAM_API_ROOT)) {
    problems.push(
      'FAILPOINTS: it makes the daemon fail, for tests; expected TELEGRAM_API_ROOT on the loopback address, where only a simulator can be hurt, or no FAILPOINTS',
    );
  }
  return problems;
}

function isLoopback(url: unknown): boolean {
  if (typeof url !== 'string' || !URL.canParse(url)) return false;
  return isLoopbackHost(new URL(url).hostname.replace(/^\[(.*)\]$/, '$1'));
}

/** What the home's .env says, unchecked. Throws CONFIG_INVALID when it cannot be read. */
export function readDotEnv(home: string): Record<string, string | undefined> {
  const file = path.join(home, '.env');
  try {
    return parseEnv(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new NanoClawError('CONFIG_INVALID', `${file} cannot be read: ${messageOf(error)}`, {
      fix: 'Make it a readable file of KEY=value lines, or remove it.',
    });
  }
}

function toConfig(s: Settings, home: string, env: NodeJS.ProcessEnv): Config {
  const credential = credentialOf(s);
  const provider: ProviderName =
    s.AGENT_PROVIDER === 'auto' ? (credential ? 'claude' : 'offline') : s.AGENT_PROVIDER;
  return Object.freeze({
    home,
    configDir: path.resolve(env.HOME || homedir(), '.config', 'nanoclaw'),
    telegram: {
      token: s.TELEGRAM_BOT_TOKEN ?? null,
      apiRoot: (s.TELEGRAM_API_ROOT ?? 'https://api.telegram.org').replace(/\/+$/, ''),
    },
    assistantName: s.ASSISTANT_NAME,
    provider,
    credential: provider === 'claude' ? credential : null,
    anthropicBaseUrl: s.ANTHROPIC_BASE_URL.replace(/\/+$/, ''),
    runtime: s.CONTAINER_RUNTIME,
    containerImage: s.CONTAINER_IMAGE,
    engine: {
      dockerHost: s.DOCKER_HOST,
      certPath: env.DOCKER_CERT_PATH,
      runtimeDir: env.XDG_RUNTIME_DIR,
      homeDir: env.HOME,
    },
    baseImage: env.BASE_IMAGE || undefined,
    maxConcurrentContainers: s.MAX_CONCURRENT_CONTAINERS,
    idleTimeoutMs: s.IDLE_TIMEOUT,
    containerTimeoutMs: s.CONTAINER_TIMEOUT,
    containerMemoryMb: s.CONTAINER_MEMORY_MB,
    containerCpus: s.CONTAINER_CPUS,
    timezone: s.TZ ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    // The offline agent costs nothing.
    limits: {
      senderPerMinute: s.SENDER_REQUESTS_PER_MINUTE ?? (provider === 'claude' ? 30 : 0),
      groupPerMinute: s.GROUP_REQUESTS_PER_MINUTE ?? (provider === 'claude' ? 90 : 0),
      turnsPerHour: s.GROUP_TURNS_PER_HOUR ?? (provider === 'claude' ? 200 : 0),
    },
    minTaskIntervalMs: s.TASK_MIN_INTERVAL,
    watchdogTimeoutMs: s.WATCHDOG_TIMEOUT,
    logLevel: s.LOG_LEVEL,
    logFile: { maxBytes: s.LOG_MAX_MB * 1_048_576, keep: s.LOG_KEEP },
    keep: {
      updatesMs: s.KEEP_UPDATES,
      historyMs: s.KEEP_HISTORY,
      turnLogsMs: s.KEEP_TURN_LOGS,
      auditMs: s.KEEP_AUDIT,
      messagesMs: s.KEEP_MESSAGES,
    },
    backup: { everyMs: s.BACKUP_EVERY, at: s.BACKUP_AT, keep: s.BACKUP_KEEP },
    http: { host: s.HTTP_HOST, port: s.HTTP_PORT, token: s.STATUS_TOKEN ?? null },
    failpoints: s.FAILPOINTS ?? [],
  });
}

/** An API key wins over an OAuth token as in Claude Code; an auth token is for gateways and comes second. */
function credentialOf(s: Settings): Credential | null {
  if (s.ANTHROPIC_API_KEY) return { kind: 'apiKey', value: s.ANTHROPIC_API_KEY };
  if (s.ANTHROPIC_AUTH_TOKEN) return { kind: 'authToken', value: s.ANTHROPIC_AUTH_TOKEN };
  if (s.CLAUDE_CODE_OAUTH_TOKEN) return { kind: 'oauth', value: s.CLAUDE_CODE_OAUTH_TOKEN };
  return null;
}
