/** Settings that are right each by itself and do not go together, in one line each. Pure; names no secret's value. */
import { isLoopbackHost } from '../lib/loopback.ts';
import { openAiProblems, providerOf } from './openai.ts';

/** `s`: the settings by name, parsed or as text. */
export function contradictions(s: Record<string, unknown>): string[] {
  const problems: string[] = [];
  const hasCredential = Boolean(s.ANTHROPIC_API_KEY || s.ANTHROPIC_AUTH_TOKEN || s.CLAUDE_CODE_OAUTH_TOKEN);
  const given = { AGENT_PROVIDER: s.AGENT_PROVIDER ?? 'auto', OPENAI_MODEL: s.OPENAI_MODEL };
  const provider = providerOf(given as Parameters<typeof providerOf>[0], hasCredential);
  if (s.AGENT_PROVIDER === 'claude' && !hasCredential) {
    problems.push(
      'AGENT_PROVIDER: claude needs ANTHROPIC_API_KEY, CLAUDE_CODE_OAUTH_TOKEN or ANTHROPIC_AUTH_TOKEN; set one, or AGENT_PROVIDER=offline',
    );
  }
  if (provider === 'openai') problems.push(...openAiProblems(s));
  if (provider !== 'offline' && s.CONTAINER_RUNTIME === 'process') {
    problems.push(
      'CONTAINER_RUNTIME: process has no isolation and runs the offline agent only; expected docker or auto for an agent that thinks, or AGENT_PROVIDER=offline',
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
