/** Headers that belong to one connection and are never passed on (RFC 9110, 7.6.1), also those that Connection names. */
import type { IncomingHttpHeaders } from 'node:http';

const HOP = /^(connection|keep-alive|te|trailer|upgrade|transfer-encoding|proxy-.*)$/;

export function withoutHopHeaders(from: IncomingHttpHeaders): Record<string, string | string[]> {
  const connection = String(from.connection ?? '').toLowerCase();
  const named = new Set(connection.split(',').map((name) => name.trim()));
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(from)) {
    if (value !== undefined && !HOP.test(name) && !named.has(name)) headers[name] = value;
  }
  return headers;
}
