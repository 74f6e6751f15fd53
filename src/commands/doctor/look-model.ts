/** Does the model's server take the credential, and has it the model? Asked with requests that cost nothing. */
import { z } from 'zod';
import type { OpenAiServer } from '../../config/openai.ts';
import { type Config, CREDENTIALS } from '../../config.ts';
import { messageOf } from '../../errors.ts';
import { requestHeaders } from '../../http/model-routes.ts';
import { lackOf, meansOf, thinksWith } from '../../policy/thinking.ts';
import { ENGLISH } from '../../words.ts';
import { type Check, some } from './check.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { type Ground, groupsOf } from './ground.ts';

const ASK_MS = 15_000;
const LIST_BYTES = 8 * 1024 * 1024;

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

/** The list of models, as every server of chat completions has it. */
export async function openAiFinding({ baseUrl, key, model }: OpenAiServer): Promise<Finding> {
  const at = `The model server at ${baseUrl}`;
  let status: number;
  let names: string[] | null;
  try {
    const answer = await fetch(`${baseUrl}/models`, {
      headers: key === null ? {} : { authorization: `Bearer ${key}` },
      redirect: 'manual',
      signal: AbortSignal.timeout(ASK_MS),
    });
    status = answer.status;
    names = namesIn(await textOf(answer));
  } catch (error) {
    return fail(
      'model',
      `${at} cannot be reached: ${reasonOf(error)}.`,
      'See that it runs and that OPENAI_BASE_URL is right. It is the daemon that asks it: a server on this machine is at 127.0.0.1.',
    );
  }
  if (status === 401 || status === 403)
    return key === null
      ? fail(
          'model',
          `${at} asks for a key (${status}).`,
          'Set OPENAI_API_KEY in .env; then restart the daemon.',
        )
      : fail(
          'model',
          `${at} refuses OPENAI_API_KEY (${status}).`,
          'Set OPENAI_API_KEY in .env to one that is valid; then restart the daemon.',
        );
  if (status === 429)
    return warn(
      'model',
      `${at} answers, but its limit is reached.`,
      'Wait, or raise the limit of the account.',
    );
  if (status === 404 || status === 405)
    return fail(
      'model',
      `What answers at ${baseUrl} has no list of models (${status}).`,
      'Set OPENAI_BASE_URL to the root of a chat completions API, with its /v1.',
    );
  if (status >= 300 || names === null)
    return warn('model', `${at} answers ${status}, and no list of models.`, 'Look at the server.');
  // Some list only what they have loaded, or no names at all.
  if (model === null) return ok('model', `${at} answers. OPENAI_MODEL is not set: each group names its own.`);
  if (names.length > 0 && !names.includes(model))
    return warn(
      'model',
      `${at} does not list the model “${model}”; it has ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}.`,
      'Set OPENAI_MODEL to one of them, or load it into the server.',
    );
  return ok('model', `${at} has the model “${model}”.`);
}

async function textOf(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > LIST_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

const listSchema = z.object({ data: z.array(z.object({ id: z.string() })).nullable() });

/** Null: it is no list of models. */
function namesIn(text: string): string[] | null {
  try {
    const parsed = listSchema.safeParse(JSON.parse(text));
    return parsed.success ? (parsed.data.data ?? []).map(({ id }) => id) : null;
  } catch {
    return null;
  }
}

/** More models than these are not asked for, one request each. */
const MOST_MODELS = 5;

/** Of each provider that groups think with, or would: the settings' own first. What is worst is said; groups that lack theirs before all. */
async function lookAtModels(ground: Ground): Promise<Finding> {
  const { config } = ground;
  const groups = groupsOf(ground);
  const lacking = groups.flatMap(({ folder, ...chosen }) => {
    const lack = lackOf(thinksWith(chosen, config.thinking), meansOf(config), true);
    return lack === null ? [] : [{ folder, lack }];
  });
  const [first] = lacking;
  if (first !== undefined)
    return fail(
      'model',
      `${some(lacking.map(({ folder }) => folder))} cannot think: ${ENGLISH.refused.lacks[first.lack]}.`,
      'Set it; or choose another provider for the group: nanoclaw groups set FOLDER --provider default.',
    );
  const all = [config.thinking, ...groups.map((group) => thinksWith(group, config.thinking))];
  const asked = new Set(all.map(({ provider }) => provider));
  const { openai } = config;
  const models = new Set([
    ...(config.provider === 'openai' && openai ? [openai.model] : []),
    ...groups
      .map((group) => thinksWith(group, config.thinking))
      .flatMap(({ provider, model: named }) => (provider === 'openai' ? [named] : [])),
  ]);
  const findings = [
    ...(asked.has('claude') ? [await modelFinding(config)] : []),
    ...(openai
      ? await Promise.all(
          [...models].slice(0, MOST_MODELS).map((named) => openAiFinding({ ...openai, model: named })),
        )
      : []),
  ];
  const worst =
    findings.find(({ state }) => state === 'fail') ?? findings.find(({ state }) => state === 'warn');
  if (worst) return worst;
  return findings.length === 0
    ? await modelFinding({ ...config, credential: null })
    : ok('model', findings.map(({ seen }) => seen).join(' '));
}

const model: Check = { id: 'model', look: lookAtModels };

export const MODEL_CHECKS: readonly Check[] = [model];
