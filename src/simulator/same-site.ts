/**
 * Who may use the page's API. It listens on loopback, where any web page in the user's browser can reach it, so:
 * - the Host must be a loopback name, an address, or named in the options (a foreign name may be DNS rebinding; 'any' is
 *   for behind a guard);
 * - a write must come from the page itself (Origin, Sec-Fetch-Site), and in a content type that a foreign page cannot
 *   send without asking first. Programs send neither header and are let in. Pure.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

const WRITE_TYPES = new Set(['application/json', 'application/octet-stream']);

/** Why this request is refused, or undefined. */
export function refusal(
  method: string,
  headers: IncomingHttpHeaders,
  hosts: readonly string[] | 'any',
): string | undefined {
  const host = headers.host ?? '';
  if (hosts !== 'any' && !isOwnHost(host, hosts)) return `the host "${host}" is not this simulator's`;
  const { origin } = headers;
  const site = headers['sec-fetch-site'];
  if (method === 'GET' || method === 'HEAD') {
    const isNavigation = headers['sec-fetch-mode'] === 'navigate';
    return site === 'cross-site' && !isNavigation ? 'requests from other sites are refused' : undefined;
  }
  if (origin !== undefined && !sameOrigin(origin, host)) return 'requests from other sites are refused';
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    return 'requests from other sites are refused';
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  return WRITE_TYPES.has(type) ? undefined : 'send application/json';
}

function isOwnHost(host: string, hosts: readonly string[]): boolean {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  if (isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0) return true;
  return hosts.some((h) => h.toLowerCase() === name || h.toLowerCase() === host.toLowerCase());
}

function sameOrigin(origin: string, host: string): boolean {
  try {
    return new URL(origin).host === host.toLowerCase();
  } catch {
    return false;
  }
}
