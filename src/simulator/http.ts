/** The few things that both halves of the server do with HTTP. */
import type { IncomingMessage, ServerResponse } from 'node:http';

export function sendJson(res: ServerResponse, status: number, body: unknown): void {
  if (res.headersSent || res.destroyed) return;
  const text = JSON.stringify(body);
  res.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'x-content-type-options': 'nosniff',
  });
  res.end(text);
}

/** Cuts the connection so that the other side sees a reset. */
export function reset(req: IncomingMessage): void {
  if (!req.socket.destroyed) req.socket.resetAndDestroy();
}
