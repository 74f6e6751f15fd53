/**
 * What a container may ask of the model API, and what of its request goes on: the Messages API, or OpenAI's chat completions,
 * never both. Pure.
 *
 * Default deny: a request that is not exactly one of the known ones is refused. Paths are compared as they were sent;
 * anything a server further on might read differently (dots, doubled or encoded slashes, another form) is refused
 * rather than normalised. Headers go on unless they are about the connection, the way taken, or credentials.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { withoutHopHeaders } from './hop-headers.ts';

export type Route =
  /** `path` is below the upstream's own. */
  { kind: 'forward'; path: string } | { kind: 'health' } | { kind: 'refused'; reason: string };

/** The API that agents speak. */
export type ModelApi = 'messages' | 'chat';
const ASKED: Record<ModelApi, ReadonlySet<string>> = {
  messages: new Set(['/v1/messages', '/v1/messages/count_tokens']),
  chat: new Set(['/v1/chat/completions']),
};
const QUERY = /^(\?[A-Za-z0-9_=&.%+~-]*)?$/;

export function routeOf(
  method: string | undefined,
  url: string | undefined,
  api: ModelApi = 'messages',
): Route {
  if (!url?.startsWith('/')) return refused('only paths of the model API can be asked for');
  const at = url.indexOf('?');
  const path = at < 0 ? url : url.slice(0, at);
  const query = at < 0 ? '' : url.slice(at);
  if (/%2f|%5c|%2e|%00|\\|\/\/|(^|\/)\.{1,2}(\/|$)/i.test(path) || !QUERY.test(query)) {
    return refused('the path is not plain');
  }
  if ((method === 'GET' || method === 'HEAD') && path === '/') return { kind: 'health' };
  const allowed =
    method === 'POST'
      ? ASKED[api].has(path)
      : method === 'GET' && /^\/v1\/models(\/[A-Za-z0-9][A-Za-z0-9._:@-]{0,127})?$/.test(path);
  if (!allowed)
    return refused(`${method} ${path.slice(0, 100)} is not a part of the model API that agents may use`);
  // An upstream of chat completions is named with its /v1, as their clients do.
  return { kind: 'forward', path: `${api === 'chat' ? path.slice('/v1'.length) : path}${query}` };
}

const refused = (reason: string): Route => ({ kind: 'refused', reason });

export interface ProxyCredential {
  kind: 'apiKey' | 'authToken' | 'oauth';
  value: string;
}

/** Besides those about the connection: way and identity. */
const DROPPED =
  /^(expect|host|forwarded|via|x-forwarded-.*|x-real-ip|cf-.*|true-client-ip|cookie2?|set-cookie2?|authorization|x-api-key|www-authenticate|origin|referer)$/;
const OAUTH_BETA = 'oauth-2025-04-20';

/** The headers to send on, with the host's credential in place of the container's token. */
export function requestHeaders(
  from: IncomingHttpHeaders,
  credential: ProxyCredential | null,
  host: string,
): Record<string, string | string[]> {
  const headers = withoutDropped(from);
  headers.host = host;
  if (!credential) return headers;
  if (credential.kind === 'apiKey') headers['x-api-key'] = credential.value;
  else headers.authorization = `Bearer ${credential.value}`;
  if (credential.kind === 'oauth') {
    const betas = String(headers['anthropic-beta'] ?? '')
      .split(',')
      .map((beta) => beta.trim())
      .filter(Boolean);
    headers['anthropic-beta'] = [...new Set([...betas, OAUTH_BETA])].join(',');
  }
  return headers;
}

/** The headers to answer with. A server that echoes what it was sent does not get the credential through. */
export function responseHeaders(
  from: IncomingHttpHeaders,
  credential: ProxyCredential | null,
): Record<string, string | string[]> {
  const headers = withoutDropped(from);
  const secret = credential?.value;
  if (!secret) return headers;
  for (const [name, value] of Object.entries(headers)) {
    if (name.includes(secret) || [value].flat().some((each) => each.includes(secret))) delete headers[name];
  }
  return headers;
}

function withoutDropped(from: IncomingHttpHeaders): Record<string, string | string[]> {
  const headers = withoutHopHeaders(from);
  for (const name of Object.keys(headers)) if (DROPPED.test(name)) delete headers[name];
  return headers;
}

/** The container's own token, from either header the SDK may use; null when there is none. */
export function ownToken(from: IncomingHttpHeaders): string | null {
  const bearer = /^Bearer ([A-Za-z0-9_-]{20,128})$/i.exec(from.authorization ?? '')?.[1];
  const key = from['x-api-key'];
  return bearer ?? (typeof key === 'string' && /^[A-Za-z0-9_-]{20,128}$/.test(key) ? key : null);
}
