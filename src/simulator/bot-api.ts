/**
 * The Bot API over HTTP: token, parameters, faults, limits, method, answer, in that order. A call is carried out in
 * one tick once its body is there, so the ledger's order is the order of effects. Answers are written only after the
 * state is saved. Junk gets an error answer; nothing a client sends ends the process.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BodyTooLarge, readBody } from '../http/body.ts';
import { BotApiError } from './api-error.ts';
import type { SimFaults } from './faults.ts';
import { reset, sendJson } from './http.ts';
import { allowedUpdates } from './methods/bot.ts';
import type { MethodContext } from './methods/context.ts';
import { MAX_DOWNLOAD_BYTES } from './methods/media.ts';
import { findMethod } from './methods/table.ts';
import { type Params, readParams } from './params.ts';
import { type RateLimits, tooMany } from './rate-limits.ts';
import type { SimCall, SimFault } from './types.ts';

const MAX_BODY_BYTES = 55 * 1024 * 1024;

export interface BotApiOptions {
  readonly token: string;
  readonly context: MethodContext;
  readonly faults: SimFaults;
  readonly limits: RateLimits | undefined;
  readonly record: (call: SimCall) => void;
  readonly beforeAnswer: () => void;
}

type Answer = { result: unknown } | BotApiError;

export class BotApi {
  readonly #o: BotApiOptions;
  /** Requests under way, so that a partition and close() can cut them. */
  readonly #open = new Set<IncomingMessage>();

  constructor(options: BotApiOptions) {
    this.#o = options;
  }

  handle(req: IncomingMessage, res: ServerResponse, url: URL): void {
    this.#open.add(req);
    res.on('close', () => this.#open.delete(req));
    const { partitioned, clockSkewMs } = this.#o.faults;
    if (clockSkewMs !== 0)
      res.setHeader('date', new Date(this.#o.context.clock.now() + clockSkewMs).toUTCString());
    if (partitioned !== false) {
      if (partitioned === 'hang') req.resume();
      else reset(req);
      return;
    }
    const run = url.pathname.startsWith('/file/') ? this.#download(req, res, url) : this.#call(req, res, url);
    run.catch((error: unknown) => {
      if (error instanceof BodyTooLarge) {
        res.setHeader('connection', 'close');
        this.#answer(res, new BotApiError(413, 'Request Entity Too Large'));
      } else if (error instanceof BotApiError) this.#answer(res, error);
      else if (!req.socket.destroyed) this.#answer(res, new BotApiError(500, 'Internal Server Error'));
    });
  }

  /** Cuts every request under way. */
  cutAll(): void {
    for (const req of this.#open) reset(req);
  }

  async #call(req: IncomingMessage, res: ServerResponse, url: URL): Promise<void> {
    const path = decode(url.pathname);
    const body = await readBody(req, MAX_BODY_BYTES);
    const [, token, name] = /^\/bot([^/]*)\/?(.*)$/.exec(path) ?? [];
    if (token !== this.#o.token) throw new BotApiError(401, 'Unauthorized');
    const known = findMethod(name ?? '');
    const isPoll = name?.toLowerCase() === 'getupdates';
    if (!known && !isPoll) throw new BotApiError(404, 'Not Found');
    const method = known?.name ?? 'getUpdates';
    const params = await readParams(url.searchParams, req.headers['content-type'] ?? '', body);
    const fault = this.#o.faults.take(method, params);
    if (fault !== undefined && (await this.#failFirst(fault, method, params, req, res))) return;
    if (isPoll) this.#poll(params, fault, req, res);
    else this.#run(method, params, fault, req, res);
  }

  #run(
    method: string,
    params: Params,
    fault: SimFault | undefined,
    req: IncomingMessage,
    res: ServerResponse,
  ): void {
    let answer: Answer;
    try {
      this.#o.limits?.check(method, params.text('chat_id'));
      answer = { result: findMethod(method)?.run(this.#o.context, params) };
    } catch (error) {
      if (!(error instanceof BotApiError)) throw error;
      answer = error;
    }
    this.#finish(method, params, answer, fault, req, res);
  }

  #poll(params: Params, fault: SimFault | undefined, req: IncomingMessage, res: ServerResponse): void {
    const request = {
      offset: params.integer('offset') ?? 0,
      limit: params.within('limit', 100, 1, 100),
      timeoutMs: params.within('timeout', 0, 0, 50) * 1000,
      allowed: allowedUpdates(params.json('allowed_updates', 'allowed_updates')),
    };
    if (req.socket.destroyed) return;
    const poll = this.#o.context.updates.poll(request, (result) => {
      const answer = result instanceof BotApiError ? result : { result };
      this.#finish('getUpdates', params, answer, fault, req, res);
    });
    res.on('close', () => poll.cancel());
  }

  /** Carries out a fault that comes before the call; true when the call ends there. */
  async #failFirst(
    fault: SimFault,
    method: string,
    params: Params,
    req: IncomingMessage,
    res: ServerResponse,
  ): Promise<boolean> {
    if (fault === 'drop-response-after-accepting') return false;
    if (typeof fault === 'object' && 'delayMs' in fault) {
      await new Promise<void>((resolve) => this.#o.context.clock.after(fault.delayMs, resolve));
      return false;
    }
    const error = asError(fault);
    this.#record(method, params, error, fault);
    this.#o.beforeAnswer();
    if (fault === 'reset') reset(req);
    else if (fault === 'garbage')
      res.writeHead(502, { 'content-type': 'text/html' }).end('<html>Bad Gateway</html>');
    else if (fault !== 'hang') this.#answer(res, error);
    return true;
  }

  #finish(
    method: string,
    params: Params,
    answer: Answer,
    fault: SimFault | undefined,
    req: IncomingMessage,
    res: ServerResponse,
  ): void {
    this.#record(method, params, answer, fault);
    if (fault === 'drop-response-after-accepting') {
      this.#o.beforeAnswer();
      reset(req);
      return;
    }
    this.#answer(res, answer);
  }

  #record(method: string, params: Params, answer: Answer, fault: SimFault | undefined): void {
    const result = answer instanceof BotApiError ? undefined : answer.result;
    const sent =
      typeof result === 'object' && result !== null
        ? (result as { message_id?: unknown }).message_id
        : undefined;
    const messageId = typeof sent === 'number' ? sent : params.integer('message_id');
    this.#o.record({
      at: this.#o.context.clock.now(),
      method,
      chatId: params.text('chat_id'),
      params: params.describe(),
      messageId,
      outcome:
        answer instanceof BotApiError
          ? { ok: false, status: answer.status, description: answer.message }
          : { ok: true },
      ...(fault === undefined ? {} : { fault: typeof fault === 'string' ? fault : JSON.stringify(fault) }),
    });
  }

  #answer(res: ServerResponse, answer: Answer): void {
    this.#o.beforeAnswer();
    if (!(answer instanceof BotApiError)) {
      sendJson(res, 200, { ok: true, result: answer.result });
      return;
    }
    const { status, message, parameters } = answer;
    const retry = parameters?.retry_after;
    if (retry !== undefined && !res.headersSent) res.setHeader('retry-after', String(retry));
    sendJson(res, status, {
      ok: false,
      error_code: status,
      description: message,
      ...(parameters === undefined ? {} : { parameters }),
    });
  }

  async #download(req: IncomingMessage, res: ServerResponse, url: URL): Promise<void> {
    req.resume();
    const [, token, path] = /^\/file\/bot([^/]*)\/(.*)$/.exec(decode(url.pathname)) ?? [];
    if (token !== this.#o.token) throw new BotApiError(401, 'Unauthorized');
    const fault = this.#o.faults.take('download');
    if (typeof fault === 'object' && 'delayMs' in fault)
      await new Promise<void>((resolve) => this.#o.context.clock.after(fault.delayMs, resolve));
    else if (fault === 'hang') return;
    else if (typeof fault === 'object') throw asError(fault);
    const { files, clock } = this.#o.context;
    const file = files.byPath(path ?? '');
    const isOffered = file && file.size <= MAX_DOWNLOAD_BYTES && files.isLinked(file, clock.now());
    const bytes = isOffered ? files.bytes(file) : undefined;
    if (!file || !bytes) throw new BotApiError(404, 'Not Found');
    res.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes.length });
    if (fault === undefined || typeof fault === 'object') return void res.end(bytes);
    res.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => reset(req));
  }
}

function asError(fault: SimFault): BotApiError {
  if (typeof fault !== 'object') return new BotApiError(502, fault);
  if (!('status' in fault)) return new BotApiError(500, 'Internal Server Error');
  if (fault.status === 429 && fault.description === undefined) return tooMany(fault.retryAfter ?? 1);
  const usual: Record<number, string> = {
    400: 'Bad Request',
    401: 'Unauthorized',
    403: 'Forbidden: bot was blocked by the user',
    404: 'Not Found',
    409: 'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running',
    500: 'Internal Server Error',
    502: 'Bad Gateway',
  };
  const parameters = fault.retryAfter === undefined ? undefined : { retry_after: fault.retryAfter };
  return new BotApiError(fault.status, fault.description ?? usual[fault.status] ?? 'Error', parameters);
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
