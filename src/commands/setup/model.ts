/**
 * The model: its credential is taken, shown to the Messages API, and kept once that takes it. Asked is the list of
 * models, which costs nothing. No answer is shown that could hold the credential.
 */
import { type Credential, settingProblem } from '../../config.ts';
import { messageOf } from '../../errors.ts';
import { requestHeaders } from '../../http/model-routes.ts';
import type { ProviderName } from '../../types.ts';
import { openAiFinding } from '../doctor/look-model.ts';
import { configOf, failed, type Key, requireValid, type Setup, save, settingOf, warn } from './context.ts';
import type { Flags } from './flags.ts';

const PUBLIC_API = 'https://api.anthropic.com';
const ANSWER_MS = 20_000;

/** In the order in which the daemon takes them. */
const KINDS = [
  {
    key: 'ANTHROPIC_API_KEY',
    flag: 'anthropicApiKey',
    kind: 'apiKey',
    label: 'an API key',
    hint: 'from console.anthropic.com; needed where the bot serves other people',
  },
  {
    key: 'ANTHROPIC_AUTH_TOKEN',
    flag: 'anthropicAuthToken',
    kind: 'authToken',
    label: 'a gateway’s token',
    hint: 'with ANTHROPIC_BASE_URL',
  },
  {
    key: 'CLAUDE_CODE_OAUTH_TOKEN',
    flag: 'claudeCodeOauthToken',
    kind: 'oauth',
    label: 'a token of my own Claude subscription',
    hint: 'claude setup-token; for your own use only',
  },
] as const;
type Kind = (typeof KINDS)[number];

export interface Model {
  provider: ProviderName;
  /** The setting that holds the credential. */
  credential: Key | null;
  /** unchecked: the server does not offer what is asked, or nothing was to be verified. */
  state: 'works' | 'unchecked' | null;
}

const OFFLINE: Model = { provider: 'offline', credential: null, state: null };

type Verdict =
  | { state: 'works' }
  | { state: 'unchecked'; text: string }
  | { state: 'wrong' | 'away'; text: string };

/** Throws SETUP_FAILED or COMMAND_INVALID. */
export async function setUpModel(setup: Setup, wantNew: boolean): Promise<Model> {
  const { flags, talk } = setup;
  if (flags.anthropicBaseUrl !== undefined)
    requireValid('ANTHROPIC_BASE_URL', flags.anthropicBaseUrl, '--anthropic-base-url');
  const base = flags.anthropicBaseUrl ?? settingOf(setup, 'ANTHROPIC_BASE_URL');
  if (flags.offline) return stayOffline(setup);
  if (!wantNew && fromFlags(flags) === null && namesOpenAi(setup)) return lookAtOpenAi(setup);
  let given = fromFlags(flags) ?? (wantNew ? null : known(setup));
  if (given === null && !wantNew && settingOf(setup, 'AGENT_PROVIDER') === 'offline')
    return stayOffline(setup);
  for (;;) {
    given ??= await ask(setup);
    if (given === null) return stayOffline(setup);
    const { kind, value } = given;
    const keep = (state: 'works' | 'unchecked'): Model => {
      keepCredential(setup, kind, value, base);
      return { provider: 'claude', credential: kind.key, state };
    };
    if (!flags.verify) return keep('unchecked');
    talk.progress('Asking the model …');
    const verdict = await look({ kind: kind.kind, value }, base ?? PUBLIC_API, setup.signal);
    if (verdict.state === 'works') {
      talk.good(`The model takes the credential (${kind.key}).`);
      return keep('works');
    }
    if (verdict.state === 'unchecked') {
      warn(setup, verdict.text);
      return keep('unchecked');
    }
    if (!talk.interactive) throw failed(verdict.text, FIX[verdict.state]);
    talk.warn(verdict.text);
    if (verdict.state === 'wrong') given = null;
    else if (!(await talk.confirm('Try again?', true))) throw failed(verdict.text, FIX.away);
  }
}

const FIX = {
  wrong:
    'Give another one, or --offline for the built-in agent without a model; then run nanoclaw setup again.',
  away: 'See that this machine reaches it (ANTHROPIC_BASE_URL names another), then run nanoclaw setup again.',
};

function fromFlags(flags: Flags): { kind: Kind; value: string } | null {
  for (const kind of KINDS) {
    const value = flags[kind.flag];
    if (value) return { kind, value };
  }
  return null;
}

function known(setup: Setup): { kind: Kind; value: string } | null {
  if (settingOf(setup, 'AGENT_PROVIDER') === 'offline') return null;
  for (const kind of KINDS) {
    const value = settingOf(setup, kind.key);
    if (value !== null) return { kind, value };
  }
  return null;
}

/** Null: no model. */
async function ask(setup: Setup): Promise<{ kind: Kind; value: string } | null> {
  const { talk } = setup;
  const choices = [
    ...KINDS.map(({ key, label, hint }) => ({ value: key as string, label, hint })),
    {
      value: 'offline',
      label: 'no model for now',
      hint: 'the offline agent: honest, and good for trying the rest',
    },
  ];
  const chosen = await talk.choose('What shall Nina think with? Claude, with', choices, 'ANTHROPIC_API_KEY');
  const kind = KINDS.find(({ key }) => key === chosen);
  if (!kind) return null;
  const value = await talk.secret(
    kind.label.replace(/^a[n]? /, 'The '),
    '--anthropic-api-key (or ANTHROPIC_API_KEY), another credential, or --offline',
    (text) => (text === '' ? 'expected it here' : settingProblem(kind.key, text)),
  );
  return { kind, value };
}

/** Whatever would be taken before it is switched off: the daemon takes the first that is set. */
function keepCredential(setup: Setup, kind: Kind, value: string, base: string | null): void {
  const before = KINDS.slice(0, KINDS.indexOf(kind)).filter(({ key }) => settingOf(setup, key) !== null);
  const off = Object.fromEntries(before.map(({ key }) => [key, '']));
  const wasOffline = settingOf(setup, 'AGENT_PROVIDER') === 'offline';
  save(setup, {
    ...off,
    [kind.key]: value,
    ...(base === null ? {} : { ANTHROPIC_BASE_URL: base }),
    ...(wasOffline ? { AGENT_PROVIDER: '' } : {}),
  });
}

function namesOpenAi(setup: Setup): boolean {
  const provider = settingOf(setup, 'AGENT_PROVIDER') ?? 'auto';
  if (provider !== 'auto') return provider === 'openai';
  return settingOf(setup, 'OPENAI_MODEL') !== null && known(setup) === null;
}

/** A server of chat completions that the settings name already: it is asked, and nothing is changed. */
async function lookAtOpenAi(setup: Setup): Promise<Model> {
  const { flags, talk } = setup;
  const server = configOf(setup).openai;
  if (server === null) throw new Error('the settings name no server of chat completions');
  const credential = server.key === null ? null : 'OPENAI_API_KEY';
  const model: Model = { provider: 'openai', credential, state: 'unchecked' };
  if (!flags.verify) return model;
  talk.progress('Asking the model …');
  const finding = await openAiFinding(server);
  const { state, seen, fix } = finding;
  if (state === 'fail') throw failed(seen, `${fix} Then run nanoclaw setup again.`);
  if (state === 'warn') {
    warn(setup, seen);
    return model;
  }
  talk.good(seen);
  return { ...model, state: 'works' };
}

function stayOffline(setup: Setup): Model {
  save(setup, { AGENT_PROVIDER: 'offline' });
  setup.talk.good('Without a model: the built-in offline agent answers.');
  return OFFLINE;
}

async function look(credential: Credential, base: string, signal: AbortSignal): Promise<Verdict> {
  const url = new URL(`${base.replace(/\/+$/, '')}/v1/models?limit=1`);
  const { host: _, ...headers } = requestHeaders(
    { 'anthropic-version': '2023-06-01', accept: 'application/json' },
    credential,
    url.host,
  );
  let response: Response;
  try {
    response = await fetch(url, {
      headers: headers as Record<string, string>,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    await response.body?.cancel();
  } catch (error) {
    signal.throwIfAborted();
    const { cause } = error as { cause?: { code?: string } };
    const why = cause?.code ?? messageOf(cause ?? error);
    return { state: 'away', text: `The model cannot be reached at ${url.host}: ${why}.` };
  }
  const { status } = response;
  if (status < 300 || status === 429) return { state: 'works' };
  if (status === 401 || status === 403)
    return { state: 'wrong', text: `The model at ${url.host} refuses this credential (${status}).` };
  if (status >= 500)
    return { state: 'away', text: `The model at ${url.host} answers ${status}: it has trouble of its own.` };
  return {
    state: 'unchecked',
    text: `${url.host} was reached, but does not tell whether it takes the credential (${status}): the first answer will.`,
  };
}
