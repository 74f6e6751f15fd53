/**
 * One question to the Bot API, with what the daemon's own client does not tell: the raw answer and the server's clock.
 * For the doctor and the wizard. The token is in the address, so no error's text is passed on as it is.
 */
import { messageOf } from '../errors.ts';
import { NetworkError } from './api.ts';

export interface BotApiAddress {
  apiRoot: string;
  token: string;
}

export interface BotAnswer {
  /** HTTP status. */
  status: number;
  /** Undefined unless it is ok. */
  result: unknown;
  /** Why it is not ok. */
  description: string | null;
  /** How far the server's clock is ahead of ours, in ms; within a second it is 0. Null when it did not tell. */
  skewMs: number | null;
}

/** Throws NetworkError when no answer came in time, or none of a Bot API server. */
export async function askBotApi(
  { apiRoot, token }: BotApiAddress,
  method: string,
  params: Readonly<Record<string, unknown>>,
  timeoutMs: number,
): Promise<BotAnswer> {
  const askedAt = Date.now();
  let answer: Response;
  let body: { ok?: boolean; result?: unknown; description?: string };
  try {
    answer = await fetch(`${apiRoot}/bot${token}/${method}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(params),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    throw new NetworkError(`the connection to the Bot API failed (${reasonOf(error)})`, 'unknown');
  }
  const skewMs = skewOf(answer.headers.get('date'), askedAt, Date.now());
  try {
    body = (await answer.json()) as typeof body;
  } catch {
    throw new NetworkError(`what answers there is no Bot API server (status ${answer.status})`, 'unknown');
  }
  const isOk = answer.ok && body.ok === true;
  return {
    status: answer.status,
    result: isOk ? body.result : undefined,
    description: isOk ? null : (body.description ?? `status ${answer.status}`),
    skewMs,
  };
}

/** The header has whole seconds, and may have been written at any moment between question and answer. */
export function skewOf(date: string | null, askedAt: number, answeredAt: number): number | null {
  const at = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(at)) return null;
  if (at + 1000 < askedAt) return at + 1000 - askedAt;
  return at > answeredAt ? at - answeredAt : 0;
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'no answer in time';
  const { cause } = error as { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? messageOf(error).replaceAll(/\/bot[^/\s]+/g, '/bot…');
}
