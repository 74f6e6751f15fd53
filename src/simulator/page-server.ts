/**
 * The page over HTTP: its files under a strict content security policy, its JSON API, and the stream of events that
 * keeps it live. Refuses other sites (same-site.ts). A slow or silent listener is dropped, not waited for.
 */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { z } from 'zod';
import { BodyTooLarge, readBody } from '../http/body.ts';
import type { Timer } from '../lib/clock.ts';
import { SimRefusal } from './api-error.ts';
import type { SimEvents } from './events.ts';
import { sendJson } from './http.ts';
import type { Memberships } from './memberships.ts';
import type { MethodContext } from './methods/context.ts';
import { MAX_UPLOAD_BYTES } from './methods/media.ts';
import { PageApi } from './page-api.ts';
import { findPageDirectory } from './page-directory.ts';
import type { People } from './people.ts';
import { refusal } from './same-site.ts';

const MAX_JSON_BYTES = 1024 * 1024;
const MAX_LISTENERS = 64;
const MAX_BACKLOG_BYTES = 4 * 1024 * 1024;
const HEARTBEAT_MS = 15_000;
const POLL_NEWS_MS = 10_000;
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const SHOWN_INLINE = /^(image\/(png|jpeg|gif|webp)|audio\/[a-z0-9.+-]+|video\/[a-z0-9.+-]+)$/;
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export interface PageOptions {
  readonly context: MethodContext;
  readonly people: People;
  readonly chats: Memberships;
  /** Called before an answer tells of a change. */
  readonly save: () => void;
  readonly hosts: readonly string[] | 'any';
}

export class PageServer {
  readonly #o: PageOptions;
  readonly #api: PageApi;
  readonly #listeners = new Set<ServerResponse>();
  readonly #directory = findPageDirectory();
  #botPolledAt: number | undefined;
  #heartbeat: Timer | undefined;

  constructor(options: PageOptions) {
    this.#o = options;
    this.#api = new PageApi(options.context, options.people, options.chats);
    this.#forward();
  }

  handle(req: IncomingMessage, res: ServerResponse, url: URL): void {
    const why = refusal(req.method ?? 'GET', req.headers, this.#o.hosts);
    if (why !== undefined) {
      req.resume();
      sendJson(res, 403, { error: why });
      return;
    }
    this.#route(req, res, url).catch((error: unknown) => this.#fail(res, error));
  }

  close(): void {
    this.#heartbeat?.cancel();
    for (const res of this.#listeners) res.destroy();
    this.#listeners.clear();
  }

  async #route(req: IncomingMessage, res: ServerResponse, url: URL): Promise<void> {
    const path = url.pathname;
    const isRead = req.method === 'GET' || req.method === 'HEAD';
    if (isRead) req.resume();
    if (path === '/sim') res.writeHead(302, { location: '/sim/' }).end();
    else if (isRead && path === '/sim/api/state') sendJson(res, 200, this.#api.state(this.#botPolledAt));
    else if (isRead && path === '/sim/api/messages') sendJson(res, 200, this.#api.messages(url.searchParams));
    else if (isRead && path === '/sim/api/events') this.#listen(res);
    else if (isRead && path.startsWith('/sim/files/')) this.#sendFile(res, path.slice('/sim/files/'.length));
    else if (isRead) await this.#sendPage(res, path.slice('/sim/'.length) || 'index.html');
    else if (req.method === 'POST' && path.startsWith('/sim/api/')) await this.#write(req, res, url);
    else sendJson(res, 405, { error: 'use GET or POST' });
  }

  async #write(req: IncomingMessage, res: ServerResponse, url: URL): Promise<void> {
    const action = url.pathname.slice('/sim/api/'.length);
    const isUpload = action === 'upload';
    const body = await readBody(req, isUpload ? MAX_UPLOAD_BYTES : MAX_JSON_BYTES);
    const result = isUpload
      ? this.#api.upload(url.searchParams, body)
      : this.#api.act(action, parseJson(body.toString('utf8')));
    this.#o.save();
    if (result === undefined) sendJson(res, 404, { error: `there is no action "${action}"` });
    else sendJson(res, 200, result);
  }

  #fail(res: ServerResponse, error: unknown): void {
    if (error instanceof SimRefusal) sendJson(res, 400, { error: error.message });
    else if (error instanceof z.ZodError) sendJson(res, 400, { error: z.prettifyError(error) });
    else if (error instanceof BodyTooLarge) {
      res.setHeader('connection', 'close');
      sendJson(res, 413, { error: 'that is too large' });
    } else sendJson(res, 500, { error: 'the simulator failed to do that' });
  }

  async #sendPage(res: ServerResponse, name: string): Promise<void> {
    const type = TYPES[extname(name)];
    const isPlain = /^[a-z-]+\.[a-z]+$/.test(name);
    const bytes =
      this.#directory && type && isPlain
        ? await readFile(join(this.#directory, name)).catch(() => undefined)
        : undefined;
    if (!bytes) {
      sendJson(res, 404, { error: 'there is nothing here' });
      return;
    }
    res.writeHead(200, {
      'content-type': type,
      'content-length': bytes.length,
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
    });
    res.end(bytes);
  }

  /** Pictures and sound are shown; anything else is only ever downloaded. */
  #sendFile(res: ServerResponse, id: string): void {
    const { files } = this.#o.context;
    const file = files.byId(id);
    const bytes = file && files.bytes(file);
    if (!file || !bytes) {
      sendJson(res, 404, { error: 'that file is gone' });
      return;
    }
    const inline = SHOWN_INLINE.test(file.mime);
    res.writeHead(200, {
      'content-type': inline ? file.mime : 'application/octet-stream',
      'content-length': bytes.length,
      'content-disposition': `${inline ? 'inline' : 'attachment'}; filename*=UTF-8''${encodeURIComponent(file.name.toWellFormed()).replaceAll("'", '%27')}`,
      'content-security-policy': "default-src 'none'; sandbox",
      'x-content-type-options': 'nosniff',
      'cache-control': 'private, max-age=3600',
    });
    res.end(bytes);
  }

  #listen(res: ServerResponse): void {
    if (this.#listeners.size >= MAX_LISTENERS) {
      sendJson(res, 503, { error: 'too many pages are open' });
      return;
    }
    res.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    res.write('retry: 1000\n\ndata: {"type":"hello"}\n\n');
    this.#listeners.add(res);
    res.on('close', () => this.#listeners.delete(res));
    if (!this.#heartbeat) this.#beat();
  }

  #beat(): void {
    this.#heartbeat = this.#o.context.clock.after(HEARTBEAT_MS, () => {
      this.#heartbeat = undefined;
      if (this.#listeners.size === 0) return;
      this.#broadcast(': still here\n\n');
      this.#beat();
    });
  }

  #broadcast(frame: string): void {
    for (const res of this.#listeners) {
      if (res.writableLength > MAX_BACKLOG_BYTES) res.destroy();
      else res.write(frame);
    }
  }

  #forward(): void {
    const { events, world, clock } = this.#o.context;
    const tell = (type: string, value: object) => {
      if (this.#listeners.size > 0) this.#broadcast(`data: ${JSON.stringify({ type, ...value })}\n\n`);
    };
    const tellMessage = (type: string) => (message: SimEvents['message']) => {
      const chat = world.chats.get(message.chat.id);
      if (chat) tell(type, { message: this.#api.messageView(chat, message) });
    };
    events.on('message', tellMessage('message'));
    events.on('edited', tellMessage('edited'));
    for (const name of ['deleted', 'reaction', 'typing', 'draft', 'callback-answered'] as const)
      events.on(name, (value) => tell(name, value));
    events.on('chat', ({ chatId }) => {
      const chat = world.chats.get(chatId);
      if (chat) tell('chat', { chat: this.#api.chatView(chat) });
    });
    events.on('poll', () => {
      const before = this.#botPolledAt ?? 0;
      const now = clock.now();
      if (now - before >= POLL_NEWS_MS || now < before) tell('poll', { at: now });
      this.#botPolledAt = now;
    });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new SimRefusal('that is not JSON');
  }
}
