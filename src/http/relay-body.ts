/**
 * Streams an answer's body on, as it comes and with back-pressure. What one read of the socket brought, often hundreds of small
 * chunks of a fast stream, is looked at and passed on as one piece: work is per read, not per event of the model's.
 * Whichever side goes away takes the other with it: a body that breaks off never looks like one that has ended.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SecretFilter } from './secret-filter.ts';

export interface RelayOptions {
  /** Blanked wherever they appear. */
  secrets: readonly string[];
  /** Shown each piece as it came, before it goes on. Must not throw or keep it. */
  see?: ((piece: Buffer) => void) | undefined;
}

/** `to` has its status and headers. Resolves when it is over, however it ended; never rejects. */
export function relayBody(
  from: IncomingMessage,
  to: ServerResponse,
  { secrets, see }: RelayOptions,
): Promise<void> {
  const filters = secrets.map((secret) => new SecretFilter(secret));
  let chunks: Buffer[] = [];

  const flush = (): void => {
    const piece = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
    chunks = [];
    if (piece.length === 0 || to.destroyed) return;
    see?.(piece);
    const clean = filters.reduce((bytes, filter) => filter.push(bytes), piece);
    if (clean.length > 0 && !to.write(clean)) from.pause();
  };

  return new Promise((resolve) => {
    to.on('error', () => from.destroy());
    to.on('drain', () => from.resume());
    to.once('close', () => {
      if (!to.writableFinished) from.destroy();
      resolve();
    });
    from.on('error', () => to.destroy());
    from.on('data', (chunk: Buffer) => {
      // Runs when the whole read has been parsed.
      if (chunks.push(chunk) === 1) process.nextTick(flush);
    });
    from.once('end', () => {
      flush();
      // What one holds back goes through those behind it.
      const rest = filters.reduce(
        (bytes, filter) => Buffer.concat([filter.push(bytes), filter.end()]),
        Buffer.alloc(0),
      );
      to.end(rest.length > 0 ? rest : undefined);
    });
    from.once('close', () => {
      if (!from.complete) to.destroy();
    });
    // Together with the first bytes where those are there already.
    setImmediate(() => to.flushHeaders());
    if (to.destroyed) {
      from.destroy();
      resolve();
    }
  });
}
