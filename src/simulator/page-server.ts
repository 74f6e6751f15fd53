/**
 * The page over HTTP: its files under a strict content security policy, its JSON API, and the stream of events that
 * keeps it live. Refuses other sites (same-site.ts). A slow or silent listener is dropped, not waited for.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { BodyTooLarge, readBody } from '../http/body.ts';
import { EventStream } from '../http/event-stream.ts';
import { findPageDirectory, policyOf, sendPageFile } from '../http/page-files.ts';
import { SimRefusal } from './api-error.ts';
import type { SimEvents } from './events.ts';
import { sendJson } from './http.ts';
import type { Memberships } from './memberships.ts';
import type { MethodContext } from './methods/context.ts';
import { MAX_UPLOAD_BYTES } from './methods/media.ts';
import { PageApi } from './page-api.ts';
import type { People } from './people.ts';
import { refusal } from './same-site.ts';

const MAX_JSON_BYTES = 1024 * 1024;
const MAX_LISTENERS = 64;
const MAX_BACKLOG_BYTES = 4 * 1024 * 1024;
const POLL_NEWS_MS = 10_000;
const SHOWN_INLINE = /^(image\/(png|jpeg|gif|webp)|audio\/[a-z0-9.+-]+|video\/[a-z0-9.+-]+)$/;
const POLICY = policyOf({ 'img-src': "'self' blob:", 'media-src': "'self'" });

export interface PageOptions {
  readonly context: MethodContext;
  readonly people: People;
  readonly chats: Memberships;
  /** Called before an answer tells of a change. */
  readonly save: () => void;
  readonly hosts: readonly string[] | 'any';
  readonly statusPath: string | null;
}

export class PageServer {
  readonly #o: PageOptions;
  readonly #api: PageApi;
  readonly #stream: EventStream;
  readonly #directory = findPageDirectory(import.meta.url, 'simulator-page');
  #botPolledAt: number | undefined;

  constructor(options: PageOptions) {
    this.#o = options;
    this.#stream = new EventStream({
      clock: options.context.clock,
      mostListeners: MAX_LISTENERS,
      mostBacklogBytes: MAX_BACKLOG_BYTES,
      retryMs: 1000,
    });
    this.#api = new PageApi(options);
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
    this.#stream.close();
  }

  async #route(req: IncomingMessage, res: ServerResponse, url: URL): Promise<void> {
    const path = url.pathname;
    const isRead = req.method === 'GET' || req.method === 'HEAD';
    if (isRead) req.resume();
    if (path === '/sim') res.writeHead(302, { location: '/sim/' }).end();
    else if (isRead && path === '/sim/api/state') sendJson(res, 200, this.#api.state(this.#botPolledAt));
    else if (isRead && path === '/sim/api/messages') sendJson(res, 200, this.#api.messages(url.searchParams));
    else if (isRead && path === '/sim/api/events') this.#stream.open(res, { type: 'hello' });
    else if (isRead && path.startsWith('/sim/files/')) this.#sendFile(res, path.slice('/sim/files/'.length));
    else if (isRead)
      await sendPageFile(res, this.#directory, path.slice('/sim/'.length) || 'index.html', POLICY);
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

  #forward(): void {
    const { events, world, clock } = this.#o.context;
    const tell = (type: string, value: object) => {
      if (this.#stream.size > 0) this.#stream.send({ type, ...value });
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
    events.on('commands', () => {
      for (const chat of world.chats.values()) tell('chat', { chat: this.#api.chatView(chat) });
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
