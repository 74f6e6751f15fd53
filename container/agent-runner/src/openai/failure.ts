/**
 * Tells why a request to an OpenAI-compatible server failed, and whether to ask again. Pure. Servers agree on statuses, little on
 * codes, and not at all on words, so status and code come first and words last.
 */
import { APICallError } from '@ai-sdk/provider';
import { type AgentErrorCode, ALLOWANCE_USED_UP } from '../../../../src/protocol.ts';

export interface Failure {
  code: AgentErrorCode;
  message: string;
  /** When the limit that was hit is lifted, milliseconds since the epoch. */
  resetsAt?: number;
  /** The same request may work soon; after so many milliseconds, where the server says so. */
  again?: { afterMs: number | null };
  /** It may work without pictures. */
  aboutPictures?: true;
}

interface Told {
  status: number | undefined;
  /** What the server calls it. */
  kind: string;
  text: string;
  header: (name: string) => string | undefined;
}

const TOO_LONG =
  /context.?(?:length|window|size)|maximum context|prompt (?:is )?too long|too many (?:input )?tokens|exceeds? .{0,60}(?:context|tokens)|input is too long/i;
const NO_QUOTA =
  /insufficient_quota|insufficient.{0,20}(?:balance|credit|funds)|billing|credit balance|quota/i;
/** As Ollama, llama.cpp and vLLM say it. */
const NO_TOOLS =
  /does not support (?:tools|function)|tools? (?:param )?requires? --jinja|requires? --enable-auto-tool-choice|no endpoints found that support tool/i;
const PICTURES = /image|vision|multi-?modal|mmproj/i;
const BUSY =
  /overload|rate.?limit|server_error|internal|unavailable|loading model|busy|cannot connect|terminated|socket|ECONN|EPIPE|ETIMEDOUT|timed? ?out|fetch failed|without a finish reason/i;
/** Longer is not waited for within a turn. */
const LONGEST_PAUSE_MS = 30_000;
const MESSAGE_LENGTH = 1000;

export function failureOf(error: unknown, model: string, now: number): Failure {
  const told = readError(error);
  const { status, kind, text } = told;
  const says = (what: string): string => `${what}: ${text}`.slice(0, MESSAGE_LENGTH);
  const server = status === undefined ? 'the model server failed' : `the model server answered ${status}`;

  if (text.includes(ALLOWANCE_USED_UP)) return { code: 'allowance', message: says(server) };
  if (status === 413 || ((status === undefined || status < 500) && TOO_LONG.test(`${kind} ${text}`)))
    return { code: 'context_too_long', message: says(server) };
  if (status === 401 || status === 403 || /invalid_api_key|authentication/.test(kind))
    return { code: 'credential', message: says(server) };
  if (status === 402 || kind.includes('insufficient_quota') || (status === 429 && NO_QUOTA.test(text)))
    return { code: 'quota', message: says(server), ...resetOf(told, now) };
  if (status === 429 || /rate_limit/.test(kind)) return limited(told, says(server), now);
  if (status === 404 || (status === 400 && NO_TOOLS.test(text)))
    return {
      code: 'model',
      message: says(`${server} for the model “${model}” (OPENAI_MODEL, OPENAI_BASE_URL)`),
    };
  if (status === 408 || status === 409 || (status !== undefined && status >= 500))
    return PICTURES.test(text)
      ? { code: 'overload', message: says(server), aboutPictures: true }
      : { code: 'overload', message: says(server), again: pauseOf(told, now) };
  if (status === undefined && BUSY.test(`${kind} ${text}`))
    return { code: 'overload', message: says(server), again: { afterMs: null } };
  return {
    code: 'agent',
    message: says(server),
    ...(PICTURES.test(text) ? { aboutPictures: true as const } : {}),
  };
}

/** Too many requests: soon again, or a limit that is lifted later. */
function limited(told: Told, message: string, now: number): Failure {
  const { afterMs } = pauseOf(told, now);
  const reset = resetOf(told, now);
  if (afterMs !== null && afterMs > LONGEST_PAUSE_MS) return { code: 'quota', message, ...reset };
  return { code: 'quota', message, ...reset, again: { afterMs } };
}

function pauseOf({ header }: Told, now: number): { afterMs: number | null } {
  const ms = Number(header('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(ms) && ms >= 0) return { afterMs: ms };
  const after = header('retry-after')?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(after)) return { afterMs: Number(after) * 1000 };
  const date = Date.parse(after);
  return { afterMs: Number.isNaN(date) ? null : Math.max(0, date - now) };
}

function resetOf(told: Told, now: number): Pick<Failure, 'resetsAt'> {
  const { afterMs } = pauseOf(told, now);
  const ms = afterMs ?? spanOf(told.header('x-ratelimit-reset-requests'));
  return ms === null || ms <= 0 || ms > 366 * 86_400_000 ? {} : { resetsAt: Math.round(now + ms) };
}

/** OpenAI writes spans like 1h2m3.5s or 120ms. */
function spanOf(text: string | undefined): number | null {
  if (text === undefined || !/^(?:\d+(?:\.\d+)?(?:ms|[dhms]))+$/.test(text)) return null;
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  let total = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g))
    total += Number(number) * (units[unit ?? ''] ?? 0);
  return total;
}

/** An error of the library, or one that a server has sent in the middle of its stream. */
function readError(error: unknown): Told {
  if (APICallError.isInstance(error)) {
    const { kind, text } = readBody(error.data ?? error.responseBody);
    return {
      status: error.statusCode,
      kind,
      text: text || error.message,
      header: (name) => error.responseHeaders?.[name],
    };
  }
  const { kind, text } = error instanceof Error ? { kind: '', text: error.message } : readBody(error);
  return { status: undefined, kind, text: text || String(error), header: () => undefined };
}

function readBody(body: unknown): { kind: string; text: string } {
  let value = body;
  if (typeof value === 'string') {
    try {
      value = JSON.parse(value);
    } catch {
      return { kind: '', text: String(body).trim() };
    }
  }
  const fields = (what: unknown): Record<string, unknown> =>
    typeof what === 'object' && what !== null ? (what as Record<string, unknown>) : {};
  const outer = fields(value);
  const inner = typeof outer.error === 'string' ? { message: outer.error } : fields(outer.error ?? outer);
  const kinds = [inner.code, inner.type].filter((kind) => typeof kind === 'string');
  const text = inner.message ?? outer.message ?? outer.detail;
  return { kind: kinds.join(' '), text: typeof text === 'string' ? text : '' };
}
