/**
 * Settings: environment over `.env` over defaults, validated once, frozen. The only reader of process.env.
 * Every bad key is reported at once with what was expected (CONFIG_INVALID). Nothing happens on import.
 */
import { readFileSync } from 'node:fs';
import { homedir, totalmem } from 'node:os';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { contradictions } from './config/contradictions.ts';
import { type OpenAiServer, openAiServer, providerOf } from './config/openai.ts';
import { type LOG_LEVELS, type Settings, settingsSchema } from './config/settings.ts';
import { messageOf, NanoClawError } from './errors.ts';
import type { Failpoint } from './lib/failpoint.ts';
import type { ThinkingDefaults } from './policy/thinking.ts';
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
  /** Of groups that chose none. */
  provider: ProviderName;
  /** For Claude; null: none is set. */
  credential: Credential | null;
  anthropicBaseUrl: string;
  /** Null: neither a server nor a key is named. */
  openai: OpenAiServer | null;
  /** What groups think with that chose nothing. */
  thinking: ThinkingDefaults;
  runtime: RuntimeName | 'auto';
  containerImage: string;
  /** What the image is built with. */
  imageVariant: { browser: boolean };
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
  /** Memory for agents that wait for their group's next turn, beyond maxConcurrentContainers of them. */
  warmBytes: number;
  /** How long a warm agent may wait for its next turn. */
  idleTimeoutMs: number;
  /** How long a turn may show no sign of life. */
  containerTimeoutMs: number;
  containerMemoryMb: number;
  containerCpus: number;
  timezone: string;
  /** Bounds of what people may ask; 0: no limit. Main has none. */
  limits: { senderPerMinute: number; groupPerMinute: number; turnsPerHour: number };
  /** How long a turn runs before the chat sees more of it than "typing…". */
  progressAfterMs: number;
  /** The shortest interval a scheduled task may have. */
  minTaskIntervalMs: number;
  /** How long event loop, poller or database may fail before the process ends itself; 0: never. */
  watchdogTimeoutMs: number;
  logLevel: (typeof LOG_LEVELS)[number];
  /** nanoclaw.log is set aside at maxBytes; that many older ones are kept. */
  logFile: { maxBytes: number; keep: number };
  keep: Keep;
  /** Conversations: when one that was not used is left, how long and how much of those that are left is kept (null: for ever, everything). */
  sessions: { maxIdleMs: number | null; keepMs: number | null; groupMaxBytes: number | null };
  /** Backups by the daemon: none when everyMs is null. `at`: HH:MM in `timezone`, for intervals of whole days. */
  backup: { everyMs: number | null; at: string; keep: number };
  /** Files that people send: the largest that is fetched, and what one group may keep (null: everything). */
  attachments: { maxBytes: number; groupMaxBytes: number | null };
  /** Writes down what is spoken: a program and its first arguments. Null: nobody does. */
  transcribeCommand: readonly string[] | null;
  /** token: what whoever asks must bring; null only where nobody but this machine can ask. */
  http: { host: string; port: number; token: string | null };
  /** Where tests make the daemon fail; empty everywhere else. */
  failpoints: readonly Failpoint[];
}

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
  /** Files that people sent. */
  attachmentsMs: number | null;
}

/** The settings whose values never leave the host's files and memory. */
export const SECRET_SETTINGS = [
  'TELEGRAM_BOT_TOKEN',
  'ANTHROPIC_API_KEY',
  'CLAUDE_CODE_OAUTH_TOKEN',
  'ANTHROPIC_AUTH_TOKEN',
  'OPENAI_API_KEY',
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
  const provider = providerOf(s, credential !== null);
  return Object.freeze({
    home,
    configDir: path.resolve(env.HOME || homedir(), '.config', 'nanoclaw'),
    telegram: {
      token: s.TELEGRAM_BOT_TOKEN ?? null,
      apiRoot: (s.TELEGRAM_API_ROOT ?? 'https://api.telegram.org').replace(/\/+$/, ''),
    },
    assistantName: s.ASSISTANT_NAME,
    provider,
    credential,
    anthropicBaseUrl: s.ANTHROPIC_BASE_URL.replace(/\/+$/, ''),
    openai: openAiServer(s),
    thinking: {
      provider,
      models: { claude: s.ANTHROPIC_MODEL ?? null, openai: s.OPENAI_MODEL ?? null },
      effort: s.AGENT_EFFORT ?? null,
      maxTurns: s.AGENT_MAX_TURNS ?? null,
      maxThinking: s.AGENT_MAX_THINKING ?? null,
    },
    runtime: s.CONTAINER_RUNTIME,
    containerImage: s.CONTAINER_IMAGE,
    imageVariant: { browser: s.CONTAINER_BROWSER === 'yes' },
    engine: {
      dockerHost: s.DOCKER_HOST,
      certPath: env.DOCKER_CERT_PATH,
      runtimeDir: env.XDG_RUNTIME_DIR,
      homeDir: env.HOME,
    },
    baseImage: env.BASE_IMAGE || undefined,
    maxConcurrentContainers: s.MAX_CONCURRENT_CONTAINERS,
    warmBytes: s.WARM_MEMORY_MB === undefined ? totalmem() / 4 : s.WARM_MEMORY_MB * 1_048_576,
    idleTimeoutMs: s.IDLE_TIMEOUT,
    containerTimeoutMs: s.CONTAINER_TIMEOUT,
    containerMemoryMb: s.CONTAINER_MEMORY_MB,
    containerCpus: s.CONTAINER_CPUS,
    timezone: s.TZ ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    // The offline agent costs nothing.
    limits: {
      senderPerMinute: s.SENDER_REQUESTS_PER_MINUTE ?? (provider === 'offline' ? 0 : 30),
      groupPerMinute: s.GROUP_REQUESTS_PER_MINUTE ?? (provider === 'offline' ? 0 : 90),
      turnsPerHour: s.GROUP_TURNS_PER_HOUR ?? (provider === 'offline' ? 0 : 200),
    },
    progressAfterMs: s.PROGRESS_AFTER,
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
      attachmentsMs: s.KEEP_ATTACHMENTS,
    },
    sessions: {
      maxIdleMs: s.SESSION_MAX_IDLE,
      keepMs: s.KEEP_SESSIONS,
      groupMaxBytes: s.SESSIONS_GROUP_MB === 0 ? null : s.SESSIONS_GROUP_MB * 1_048_576,
    },
    backup: { everyMs: s.BACKUP_EVERY, at: s.BACKUP_AT, keep: s.BACKUP_KEEP },
    attachments: {
      maxBytes: s.ATTACHMENT_MAX_MB * 1_048_576,
      groupMaxBytes: s.ATTACHMENTS_GROUP_MB === 0 ? null : s.ATTACHMENTS_GROUP_MB * 1_048_576,
    },
    transcribeCommand: s.TRANSCRIBE_COMMAND ?? null,
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
