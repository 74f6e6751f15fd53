/** Reading a request's body, with a bound. */
import type { IncomingMessage } from 'node:http';

export class BodyTooLarge extends Error {}

/** The whole body. Rejects with BodyTooLarge beyond `limit` bytes, or when the sender goes away. */
export function readBody(req: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else reject(new BodyTooLarge(`more than ${limit} bytes`));
    });
    req.on('end', () => resolve(Buffer.concat(chunks)));
    req.on('error', reject);
    req.on('close', () => reject(new Error('the request was cut off')));
  });
}
