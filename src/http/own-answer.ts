/** What the proxy answers itself, in the shape in which the Messages API tells of errors. */
import type { ServerResponse } from 'node:http';

export function fail(response: ServerResponse, status: number, type: string, message: string): void {
  answer(response, status, { type: 'error', error: { type, message } });
}

/** `last`: the connection is not kept. */
export function answer(response: ServerResponse, status: number, body: object, last = status >= 400): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    // What is left of a refused request is not read.
    ...(last ? { connection: 'close' } : {}),
  });
  response.end(text);
}
