/**
 * The parameters of one Bot API call, however they came: JSON, urlencoded, multipart or query string. Telegram takes
 * numbers as text and objects as JSON text everywhere, so does this. Wrong ones throw BotApiError.
 */
import { BotApiError, badRequest } from './api-error.ts';

export interface Upload {
  readonly name: string;
  readonly mime: string;
  readonly bytes: Buffer;
}

export class Params {
  readonly #values: Map<string, unknown>;
  readonly #uploads: Map<string, Upload>;

  constructor(
    values: Iterable<readonly [string, unknown]>,
    uploads: Iterable<readonly [string, Upload]> = [],
  ) {
    this.#values = new Map(values);
    this.#uploads = new Map(uploads);
  }

  raw(name: string): unknown {
    return this.#values.get(name);
  }

  /** Numbers become text; anything else that is not text is as good as missing. */
  text(name: string): string | undefined {
    const value = this.#values.get(name);
    if (typeof value === 'string') return value.replaceAll('\r\n', '\n').toWellFormed();
    return typeof value === 'number' ? String(value) : undefined;
  }

  integer(name: string): number | undefined {
    const value = this.#values.get(name);
    const number = typeof value === 'string' && /^\s*[-+]?\d+\s*$/.test(value) ? Number(value) : value;
    return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined;
  }

  /** Clamped, as Telegram does with numbers out of range. */
  within(name: string, fallback: number, low: number, high: number): number {
    return Math.min(high, Math.max(low, this.integer(name) ?? fallback));
  }

  flag(name: string): boolean {
    const value = this.#values.get(name);
    return value === true || value === 1 || (typeof value === 'string' && /^(true|yes|1|t)$/i.test(value));
  }

  /** An object or array, as such or as JSON text. `what` names it in the error. */
  json(name: string, what: string): unknown {
    const value = this.#values.get(name);
    if (typeof value !== 'string') return value;
    if (value === '') return undefined;
    try {
      return JSON.parse(value);
    } catch {
      throw badRequest(`can't parse ${what} JSON object`);
    }
  }

  /** A part of a multipart body: the one of that name, or the one that `attach://` points to. */
  upload(name: string): Upload | undefined {
    const direct = this.#uploads.get(name);
    if (direct) return direct;
    const value = this.#values.get(name);
    return typeof value === 'string' && value.startsWith('attach://')
      ? this.#uploads.get(value.slice('attach://'.length))
      : undefined;
  }

  /** For the ledger: values as they came, files as their names and sizes. */
  describe(): Record<string, unknown> {
    const files = [...this.#uploads].map(
      ([name, upload]) => [name, { file: upload.name, size: upload.bytes.length }] as const,
    );
    return Object.fromEntries([...this.#values, ...files]);
  }
}

/** Reads a call's parameters out of its query string and body; the body wins. Throws BotApiError on a broken body. */
export async function readParams(query: URLSearchParams, contentType: string, body: Buffer): Promise<Params> {
  const values = new Map<string, unknown>(query);
  const uploads = new Map<string, Upload>();
  const kind = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (body.length === 0) return new Params(values);
  if (kind === 'application/json') {
    for (const [name, value] of Object.entries(parseObject(body)))
      if (value !== null) values.set(name, value);
  } else if (kind === 'multipart/form-data') {
    for (const [name, value] of await parseMultipart(contentType, body)) {
      if (typeof value === 'string') values.set(name, value);
      else uploads.set(name, value);
    }
  } else if (kind === 'application/x-www-form-urlencoded' || kind === '') {
    for (const [name, value] of new URLSearchParams(body.toString('utf8'))) values.set(name, value);
  }
  return new Params(values, uploads);
}

function parseObject(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // Answered below, like a body that is JSON but no object.
  }
  throw new BotApiError(400, "Bad Request: can't parse request body JSON object");
}

async function parseMultipart(
  contentType: string,
  body: Buffer,
): Promise<(readonly [string, string | Upload])[]> {
  try {
    const form = await new Response(new Uint8Array(body), {
      headers: { 'content-type': contentType },
    }).formData();
    return await Promise.all(
      [...form].map(async ([name, value]) => {
        if (typeof value === 'string') return [name, value] as const;
        const bytes = Buffer.from(await value.arrayBuffer());
        return [name, { name: value.name || 'file', mime: value.type, bytes }] as const;
      }),
    );
  } catch {
    throw new BotApiError(400, "Bad Request: can't parse multipart body");
  }
}
