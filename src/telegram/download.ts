/**
 * A file's bytes from the Bot API server, to a file of ours. The URL holds the token, so it is in no message of any error;
 * a redirect is an error and never followed; more than was allowed is never written.
 */
import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { http } from '../lib/node-http.ts';

export interface Download {
  fileId: string;
  /** Where it is written; what is there is overwritten. */
  target: string;
  /** More is refused. */
  maxBytes: number;
}

/**
 * A file that did not come although its server was reached. `isFinal`: it will not come another time either. The message
 * is a phrase for people, such as "the download was cut off".
 */
export class DownloadError extends Error {
  readonly isFinal: boolean;
  constructor(message: string, isFinal: boolean) {
    super(message);
    this.name = 'DownloadError';
    this.isFinal = isFinal;
  }
}

/** Our own disk refused it. */
export class StorageError extends Error {}

export const tooLarge = (maxBytes: number): DownloadError =>
  new DownloadError(`it is larger than ${Math.floor(maxBytes / 1_048_576)} MB`, true);

/** So long the server may say nothing. */
const SILENCE_MS = 20_000;

/**
 * `filePath` is what getFile gave. Resolves with the number of bytes, which are on the disk then. Rejects with DownloadError,
 * StorageError, or with what the connection throws.
 */
export async function fetchFile(
  from: { apiRoot: string; token: string; filePath: string },
  { target, maxBytes }: Download,
  signal: AbortSignal,
): Promise<number> {
  // A server in local mode names files of its own disk.
  const steps = from.filePath.split('/');
  if (steps.some((step) => step === '' || step === '.' || step === '..'))
    throw new DownloadError('the Bot API server offers it as a file of its own disk only', true);
  const url = new URL(`${from.apiRoot}/file/bot${from.token}/${steps.map(encodeURIComponent).join('/')}`);
  const response = await get(url, signal);
  const status = response.statusCode ?? 0;
  if (status !== 200) {
    response.destroy();
    throw new DownloadError(`the file server answered ${status}`, false);
  }
  const announced = Number(response.headers['content-length'] ?? Number.NaN);
  if (announced > maxBytes) {
    response.destroy();
    throw tooLarge(maxBytes);
  }
  let bytes = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > maxBytes) done(tooLarge(maxBytes));
      else done(null, chunk);
    },
  });
  try {
    await pipeline(response, counted, createWriteStream(target, { mode: 0o644 }), { signal });
  } catch (error) {
    throw signal.aborted ? error : whatWentWrong(error);
  }
  if (!response.complete || (Number.isFinite(announced) && bytes !== announced))
    throw new DownloadError('the download was cut off', false);
  const file = await open(target, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  return bytes;
}

/** A full disk is ours to mend, and no reason to give the file up; everything else is the connection. */
function whatWentWrong(error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof DownloadError || error instanceof StorageError) return error;
  if (syscall === 'open' || syscall === 'write' || syscall === 'fsync')
    return new StorageError(`the file could not be written (${code})`);
  return new DownloadError('the download was cut off', false);
}

function get(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const client = url.protocol === 'https:' ? https : http;
    const request = client.get(url, { signal, agent: false }, resolve);
    request.setTimeout(SILENCE_MS, () =>
      request.destroy(new DownloadError('the file server fell silent', false)),
    );
    request.on('error', reject);
  });
}
