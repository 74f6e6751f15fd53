/** Every setting as text, and what it must be like. Who reads them is config.ts. */
import { z } from 'zod';
import { parseFailpoints } from '../lib/failpoint.ts';
import { LEAST_THINKING, MODEL_PATTERN, MOST_THINKING, MOST_TURNS } from '../policy/thinking.ts';
import { EFFORTS } from '../types.ts';
import { backupEvery, DAY_MS, httpUrl, keepFor, oneOf, programWithArguments, whole } from './checks.ts';
import { parsePrices } from './openai.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

export function isTimezone(zone: string): boolean {
  if (zone === 'UTC') return true; // the tables of all zones need not be loaded for it
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

const modelName = (like: string) =>
  z.string().regex(MODEL_PATTERN, `expected the name of a model without spaces, like ${like}`);
const THINKING_EXPECTED = `expected 0, or ${LEAST_THINKING} to ${MOST_THINKING} tokens of thinking before an answer`;

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
  ANTHROPIC_MODEL: modelName('opus or claude-sonnet-4-5').optional(),
  OPENAI_BASE_URL: httpUrl('the root of a chat completions API, with its /v1').optional(),
  OPENAI_API_KEY: z.string().optional(),
  OPENAI_MODEL: modelName('gpt-5-mini or qwen3:8b').optional(),
  OPENAI_CONTEXT_TOKENS: whole(8192, 10_000_000, 'tokens of prompt and answer together').default(32_768),
  OPENAI_PRICE: z
    .string()
    .transform((text, context) => {
      const prices = parsePrices(text);
      if (prices !== null) return prices;
      const message =
        'expected US dollars for a million tokens in and out, like 0.25/2, or a list with models: 0.25/2, gpt-5=1.25/10';
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    })
    .optional(),
  AGENT_PROVIDER: oneOf(['auto', 'claude', 'openai', 'offline']).default('auto'),
  AGENT_EFFORT: oneOf(EFFORTS).optional(),
  AGENT_MAX_TURNS: whole(1, MOST_TURNS, 'requests to the model within one turn').optional(),
  AGENT_MAX_THINKING: z
    .string()
    .regex(/^\d{1,6}$/, THINKING_EXPECTED)
    .transform(Number)
    .refine((n) => n === 0 || (n >= LEAST_THINKING && n <= MOST_THINKING), THINKING_EXPECTED)
    .optional(),
  CONTAINER_RUNTIME: oneOf(['auto', 'docker', 'process']).default('auto'),
  CONTAINER_IMAGE: z
    .string()
    .regex(/^[a-z0-9][\w./:@-]*$/, 'expected an image name like nanoclaw-agent:latest')
    .default('nanoclaw-agent:latest'),
  CONTAINER_BROWSER: oneOf(['no', 'yes']).default('no'),
  DOCKER_HOST: z
    .string()
    .regex(/^(unix|tcp|http|https|ssh):\/\/.+/, 'expected unix:///path/to.sock or tcp://host:port')
    .optional(),
  MAX_CONCURRENT_CONTAINERS: whole(1, 100, 'how many agents may work at once').default(5),
  WARM_MEMORY_MB: whole(0, 1_048_576, 'mebibytes of memory for agents that wait').optional(),
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
  PROGRESS_AFTER: whole(1000, 86_400_000, 'milliseconds before a turn is shown in a message').default(20_000),
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
  SESSION_MAX_IDLE: keepFor.default(30 * DAY_MS),
  KEEP_SESSIONS: keepFor.default(30 * DAY_MS),
  SESSIONS_GROUP_MB: whole(
    0,
    1_048_576,
    "mebibytes of one group's conversations that are left, 0 for no limit",
  ).default(512),
  BACKUP_EVERY: backupEvery.default(null),
  BACKUP_AT: z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'expected a time of day like 03:30')
    .default('03:30'),
  BACKUP_KEEP: whole(0, 9999, 'how many backups are kept, 0 for all').default(7),
  KEEP_ATTACHMENTS: keepFor.default(90 * DAY_MS),
  ATTACHMENT_MAX_MB: whole(1, 2000, 'mebibytes of one file that is fetched').default(20),
  ATTACHMENTS_GROUP_MB: whole(0, 1_048_576, "mebibytes of one group's files, 0 for no limit").default(1024),
  TRANSCRIBE_COMMAND: programWithArguments('/usr/local/bin/transcribe').optional(),
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
