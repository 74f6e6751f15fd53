/** Does the model's server take the credential? Asked with requests that cost nothing. */
import { type Config, CREDENTIALS } from '../../config.ts';
import { messageOf } from '../../errors.ts';
import { requestHeaders } from '../../http/model-routes.ts';
import type { Check } from './check.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

const ASK_MS = 15_000;

/**
 * The list of models, which costs nothing. A gateway that has none is sent an empty message: whoever refuses it for its
 * form has taken the credential.
 */
export async function modelFinding({
  credential,
  anthropicBaseUrl,
}: Pick<Config, 'credential' | 'anthropicBaseUrl'>): Promise<Finding> {
  if (!credential) return ok('model', 'The offline agent needs no model.');
  const setting = CREDENTIALS[credential.kind];
  const at =
    anthropicBaseUrl === 'https://api.anthropic.com' ? '' : ` at ANTHROPIC_BASE_URL (${anthropicBaseUrl})`;
  let status: number;
  try {
    status = await ask(credential, anthropicBaseUrl, 'GET', '/v1/models?limit=1');
    if (status === 404 || status === 405 || status === 501)
      status = await ask(credential, anthropicBaseUrl, 'POST', '/v1/messages');
  } catch (error) {
    return fail(
      'model',
      `The model server${at} cannot be reached: ${reasonOf(error)}.`,
      'Look at the network of this machine, and at ANTHROPIC_BASE_URL if it is set.',
    );
  }
  if (status === 401 || status === 403)
    return fail(
      'model',
      `The model server${at} refuses ${setting} (${status}).`,
      `Set ${setting} in .env to one that is valid; then restart the daemon.`,
    );
  if (status === 429)
    return warn(
      'model',
      `The model server${at} takes ${setting}, but its limit is reached.`,
      'Wait, or raise the limit of the account.',
    );
  if (status === 404 || status === 405)
    return fail(
      'model',
      `What answers${at} is no Messages API (${status}).`,
      'Set ANTHROPIC_BASE_URL to the root of one, without /v1.',
    );
  if (status >= 500)
    return warn('model', `The model server${at} answers ${status}.`, 'Try again in a minute.');
  return ok('model', `The model server${at} takes ${setting}.`);
}

async function ask(
  credential: NonNullable<Config['credential']>,
  baseUrl: string,
  method: 'GET' | 'POST',
  path: string,
): Promise<number> {
  const given = { 'anthropic-version': '2023-06-01', 'content-type': 'application/json' };
  const { host: _host, ...headers } = requestHeaders(given, credential, '') as Record<string, string>;
  const answer = await fetch(`${baseUrl}${path}`, {
    method,
    headers,
    ...(method === 'POST' ? { body: '{}' } : {}),
    redirect: 'manual',
    signal: AbortSignal.timeout(ASK_MS),
  });
  await answer.body?.cancel();
  return answer.status;
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'no answer in time';
  const { cause } = error as { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? messageOf(error);
}

const model: Check = { id: 'model', look: ({ config }) => modelFinding(config) };

export const MODEL_CHECKS: readonly Check[] = [model];
