/** The flags of `nanoclaw setup`, and secrets that come by standard input so that no process list shows them. */
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { NanoClawError } from '../../errors.ts';
import type { Output } from '../context.ts';

export interface Flags extends Output {
  token?: string;
  apiRoot?: string;
  anthropicApiKey?: string;
  anthropicAuthToken?: string;
  claudeCodeOauthToken?: string;
  anthropicBaseUrl?: string;
  offline?: boolean;
  runtime?: string;
  name?: string;
  /** Undefined: ask, or without a terminal leave it. */
  service?: boolean;
  verify: boolean;
  pair: boolean;
  mainChat?: string;
  pairTimeout: string;
  start: boolean;
  yes?: boolean;
}

const SECRETS = ['token', 'anthropicApiKey', 'anthropicAuthToken', 'claudeCodeOauthToken'] as const;

export function describeFlags(command: Command): Command {
  return command
    .option('--token <token>', 'bot token from @BotFather; "-" reads it from standard input')
    .option('--api-root <url>', 'another Bot API server')
    .option('--anthropic-api-key <key>', 'model credential: an API key; "-" reads it from standard input')
    .option('--anthropic-auth-token <token>', 'model credential: a gateway’s token; "-" as above')
    .option('--claude-code-oauth-token <token>', 'model credential: a subscriber’s own token; "-" as above')
    .option('--anthropic-base-url <url>', 'another Messages API')
    .option('--offline', 'no model: the built-in offline agent')
    .option('--runtime <runtime>', 'auto, docker or process (offline agent only)')
    .option('--name <name>', 'what the assistant is called (default: Nina)')
    .option('--service', 'run it as a service, from every boot on')
    .option('--no-service', 'do not ask for a service')
    .option('--no-verify', 'take token and credential without asking Telegram and the model')
    .option('--no-pair', 'do not wait for a main chat')
    .option('--main-chat <id>', 'register this chat as main instead of waiting for a code')
    .option('--pair-timeout <length>', 'how long a script waits for the code to be sent', '10m')
    .option('--no-start', 'write the settings and build the image, start nothing')
    .option('-y, --yes', 'ask nothing: take the answer that each question suggests')
    .option('--json', 'the result as JSON on standard output; everything else goes to standard error')
    .addHelpText(
      'after',
      `
Secrets on a command line can be seen by everyone on the machine. Better: TELEGRAM_BOT_TOKEN and ANTHROPIC_API_KEY in the
environment, or "-", one line each, in the order token, API key, auth token, OAuth token:
  printf '%s\\n' "$TOKEN" "$KEY" | nanoclaw setup --token - --anthropic-api-key - --no-service
Without a terminal nothing is asked; what is missing is exit code 2 and names its flag.`,
    );
}

/** Replaces each "-" by a line of standard input. Throws COMMAND_INVALID when there are too few. */
export async function readSecrets(flags: Flags, input: NodeJS.ReadStream): Promise<Flags> {
  const asked = SECRETS.filter((name) => flags[name] === '-');
  if (asked.length === 0) return flags;
  const lines: string[] = [];
  const reader = createInterface({ input, terminal: false });
  for await (const line of reader) {
    lines.push(line.trim());
    if (lines.length === asked.length) break;
  }
  reader.close();
  const read: Partial<Record<(typeof SECRETS)[number], string>> = {};
  for (const [at, name] of asked.entries()) {
    const line = lines[at];
    if (!line)
      throw new NanoClawError(
        'COMMAND_INVALID',
        `${flagOf(name)} -: expected it as a line of standard input.`,
      );
    read[name] = line;
  }
  return { ...flags, ...read };
}

const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
