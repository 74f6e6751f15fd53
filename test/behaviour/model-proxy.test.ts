/** The credential proxy over real sockets: what passes, what never does, that bytes stream, and what each side's end does. */
import { once } from 'node:events';
import http, { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createModelProxy,
  type ModelProxy,
  type ModelProxyOptions,
  type ModelServer,
  type ModelUse,
} from '../../src/http/model-proxy.ts';
import { hashToken, issueToken } from '../../src/http/proxy-token.ts';
import { silentLogger } from '../../src/log.ts';

const REAL_KEY = 'sk-ant-the-real-key-of-the-host';
const { token, sha256 } = issueToken();
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function upstream(listener: RequestListener): Promise<URL> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({
    close() {
      server.closeAllConnections();
      server.close();
    },
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix/`);
}

type More = Partial<ModelProxyOptions & Omit<ModelServer, 'upstream'>>;

interface Proxied {
  proxy: ModelProxy;
  port: number;
  failures: { status: number; folder: string }[];
  used: ({ folder: string } & ModelUse)[];
}

async function proxyTo(
  to: URL,
  { api = 'messages', credential = { kind: 'apiKey', value: REAL_KEY }, ...more }: More = {},
): Promise<Proxied> {
  const server = { upstream: to, api, credential };
  const failures: Proxied['failures'] = [];
  const used: Proxied['used'] = [];
  const proxy = createModelProxy({
    serverOf: () => server,
    resolveToken: (hash) => (hash === sha256 ? { container: 'nanoclaw-a-1', folder: 'a' } : null),
    log: silentLogger(),
    onCredentialFailure: ({ status, holder }) => failures.push({ status, folder: holder.folder }),
    onUsed: ({ holder, use }) => used.push({ folder: holder.folder, ...use }),
    ...more,
  });
  open.push(proxy);
  const { port } = await proxy.listen('127.0.0.1', 0);
  return { proxy, port, failures, used };
}

/** Sends the path as it is given: fetch would normalise it. */
async function ask(
  port: number,
  method: string,
  path: string,
  headers: http.OutgoingHttpHeaders = {},
  body?: string | Buffer,
) {
  const request = http.request({
    host: '127.0.0.1',
    port,
    method,
    path,
    headers: { 'x-api-key': token, ...headers },
    agent: false,
  });
  request.on('error', () => {});
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return { status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() };
}

describe('the model proxy', () => {
  it('puts the host’s key in place of the container’s token, and never lets it back', async () => {
    const seen: IncomingMessage[] = [];
    const to = await upstream((request, response) => {
      seen.push(request);
      response.setHeader('x-echo', JSON.stringify(request.headers));
      response.setHeader('www-authenticate', `Bearer ${REAL_KEY}`);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(`{"echo":${JSON.stringify(request.headers)},`);
      response.write('"cut":"sk-ant-the-real');
      setImmediate(() => response.end('-key-of-the-host"}'));
    });
    const { port } = await proxyTo(to);
    for (const own of [
      { 'x-api-key': token },
      { 'x-api-key': undefined, authorization: `Bearer ${token}` },
    ]) {
      const headers = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
      const request = http.request({
        host: '127.0.0.1',
        port,
        method: 'POST',
        path: '/v1/messages?beta=true',
        headers,
        agent: false,
      });
      request.end('{}');
      const [answer] = (await once(request, 'response')) as [IncomingMessage];
      let text = JSON.stringify(answer.headers);
      for await (const chunk of answer) text += chunk;
      expect(answer.statusCode).toBe(200);
      expect(text).not.toContain(REAL_KEY);
      expect(text).not.toContain(token);
    }
    for (const request of seen) {
      expect(request.url).toBe('/prefix/v1/messages?beta=true');
      expect(request.headers['x-api-key']).toBe(REAL_KEY);
      expect(request.headers.authorization).toBeUndefined();
      expect(request.rawHeaders.filter((each) => each.includes(token))).toEqual([]);
    }
  });

  it('refuses everything else in the shape the SDK understands, without asking upstream', async () => {
    let asked = 0;
    const to = await upstream((_, response) => {
      asked++;
      response.end();
    });
    const { port } = await proxyTo(to);
    for (const [method, path] of [
      ['POST', '/v1/files'],
      ['GET', '/v1/messages'],
      ['POST', '/v1/../v1/messages'],
      ['POST', '/v1/models/%2e%2e'],
      ['POST', '//v1/messages'],
      ['POST', 'http://169.254.169.254/v1/messages'],
    ] as const) {
      const answer = await ask(port, method, path);
      expect([answer.status, JSON.parse(answer.text)]).toMatchObject([
        403,
        { type: 'error', error: { type: 'permission_error' } },
      ]);
    }
    for (const bad of ['', 'x'.repeat(43), REAL_KEY, hashToken(token)]) {
      const answer = await ask(port, 'POST', '/v1/messages', { 'x-api-key': bad });
      expect([answer.status, JSON.parse(answer.text)]).toMatchObject([
        401,
        { error: { type: 'authentication_error' } },
      ]);
    }
    expect((await ask(port, 'GET', '/', { 'x-api-key': '' })).status).toBe(200);
    const big = await ask(port, 'POST', '/v1/messages', { 'content-length': 65 * 1024 * 1024 });
    expect([big.status, JSON.parse(big.text).error.type]).toEqual([413, 'request_too_large']);
    expect(asked).toBe(0);
  });

  it('dies with the container: a token that is no longer known is refused at once', async () => {
    const to = await upstream((_, response) => response.end('{}'));
    let alive = true;
    const { port } = await proxyTo(to, {
      resolveToken: (hash) => (alive && hash === sha256 ? { container: 'c', folder: 'a' } : null),
    });
    expect((await ask(port, 'GET', '/v1/models')).status).toBe(200);
    alive = false;
    expect((await ask(port, 'GET', '/v1/models')).status).toBe(401);
  });

  it('streams each event as it comes, both ways, and counts tokens', async () => {
    const events = [
      'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":7,"output_tokens":1}}}\n\n',
      'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":9}}\n\n',
    ];
    const received: string[] = [];
    let send: (event: string | null) => void = () => {};
    const arrived = new EventTarget();
    const to = await upstream((request, response) => {
      request.on('data', (chunk) => {
        received.push(String(chunk));
        arrived.dispatchEvent(new Event('chunk'));
      });
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      send = (event) => (event === null ? response.end() : response.write(event));
    });
    const { port, used } = await proxyTo(to);
    const request = http.request({
      host: '127.0.0.1',
      port,
      method: 'POST',
      path: '/v1/messages',
      headers: { 'x-api-key': token },
      agent: false,
    });
    // Upload: the first part is there before the second is sent, and headers come back before the upload has ended.
    const firstPart = once(arrived, 'chunk');
    request.write('first');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    await firstPart;
    expect(received).toEqual(['first']);
    request.end('second');
    for (const event of events) {
      const data = once(response, 'data');
      send(event);
      expect(String((await data)[0])).toBe(event);
    }
    const end = once(response, 'end');
    response.resume();
    send(null);
    await end;
    await expect
      .poll(() => used)
      .toEqual([{ folder: 'a', requests: 1, failures: 0, inputTokens: 7, outputTokens: 9, usd: 0 }]);
  });

  it('counts about what was asked and written where the server’s own count does not come', async () => {
    const answers: ((response: http.ServerResponse) => void)[] = [];
    const to = await upstream((request, response) => {
      request.resume();
      request.on('end', () => answers.shift()?.(response));
    });
    const question = JSON.stringify({ text: 'what is this? '.repeat(400), data: 'iVBORw0KG'.repeat(20_000) });
    const event = `data: ${JSON.stringify({ choices: [{ delta: { content: 'word' } }], usage: null })}\n\n`;
    const stream = { 'content-type': 'text/event-stream' };

    // Of chat completions the client has to ask for the count.
    const chat = await proxyTo(to, { api: 'chat' });
    answers.push((response) => response.writeHead(200, stream).end(event.repeat(1000)));
    await ask(chat.port, 'POST', '/v1/chat/completions', {}, question);
    await expect.poll(() => chat.used.length).toBe(1);
    expect(chat.used[0]?.inputTokens).toBeGreaterThan(1400);
    expect(chat.used[0]?.inputTokens).toBeLessThan(5000);
    expect(chat.used[0]?.outputTokens).toBeGreaterThan(200);

    // Of messages it comes with the last event.
    const { port, used } = await proxyTo(to);
    const hangUp = async (after: 'data' | null) => {
      const request = http.request({
        host: '127.0.0.1',
        port,
        method: 'POST',
        path: '/v1/messages',
        headers: { 'x-api-key': token },
        agent: false,
      });
      request.on('error', () => {});
      const asked = Promise.withResolvers<http.ServerResponse>();
      answers.push(asked.resolve);
      request.end(question);
      const answer = await asked.promise;
      if (after !== null) {
        answer.writeHead(200, stream);
        answer.write(
          'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":7,"output_tokens":1}}}\n\n',
        );
        answer.write(event.repeat(100));
        const [response] = (await once(request, 'response')) as [IncomingMessage];
        response.on('error', () => {});
        await once(response, after);
      }
      const before = used.length;
      request.destroy();
      await expect.poll(() => used.length).toBe(before + 1);
      return used.at(-1);
    };
    const cut = await hangUp('data');
    expect(cut?.inputTokens).toBe(7);
    expect(cut?.outputTokens).toBeGreaterThan(100);
    expect((await hangUp(null))?.inputTokens).toBeGreaterThan(1400);

    // Counting is not thinking, and what was refused was not thought about.
    answers.push((response) => response.end('{"input_tokens":1400}'));
    await ask(port, 'POST', '/v1/messages/count_tokens', {}, question);
    answers.push((response) => response.writeHead(529).end('{}'));
    await ask(port, 'POST', '/v1/messages', {}, question);
    await expect.poll(() => used.slice(2).map(({ inputTokens }) => inputTokens)).toEqual([0, 0]);
  });

  it('aborts upstream when the client goes, and the client when upstream breaks off', async () => {
    const gone = Promise.withResolvers<void>();
    let breakOff = () => {};
    const to = await upstream((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
      response.on('close', () => gone.resolve());
      breakOff = () => response.destroy();
    });
    const { port } = await proxyTo(to);
    const start = async () => {
      const request = http.request({
        host: '127.0.0.1',
        port,
        method: 'POST',
        path: '/v1/messages',
        headers: { 'x-api-key': token },
        agent: false,
      });
      request.on('error', () => {});
      request.end('{}');
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.on('error', () => {});
      await once(response, 'data');
      return { request, response };
    };
    const leaving = await start();
    leaving.request.destroy();
    await gone.promise;

    const cut = await start();
    const closed = new Promise((resolve) => cut.response.once('close', resolve));
    breakOff();
    await closed;
    expect(cut.response.complete).toBe(false);
  });

  it('holds a fast upstream back for a slow client', async () => {
    let written = 0;
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const stalled = Promise.withResolvers<void>();
    const to = await upstream((_, response) => {
      const pump = () => {
        while (written < 2000 * chunk.length) {
          written += chunk.length;
          if (!response.write(chunk)) {
            response.once('drain', pump);
            // No drain within two turns of an idle loop: everything between here and the client is full.
            setTimeout(() => stalled.resolve(), 300);
            return;
          }
        }
      };
      pump();
    });
    const { port } = await proxyTo(to);
    const request = http.request({
      host: '127.0.0.1',
      port,
      method: 'POST',
      path: '/v1/messages',
      headers: { 'x-api-key': token },
      agent: false,
    });
    request.on('error', () => {});
    request.end('{}');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.on('error', () => {});
    await stalled.promise;
    expect(written).toBeLessThan(40 * 1024 * 1024);
    response.destroy();
  });

  it('asks the model no more when its caller says why, and its client need not try again', async () => {
    let asked = 0;
    const to = await upstream((_, response) => {
      asked += 1;
      response.end('{}');
    });
    let whyNot: string | null = null;
    const refusals: string[] = [];
    const { port } = await proxyTo(to, {
      whyNotAsk: ({ folder }) => whyNot && `${folder}: ${whyNot}`,
      onRefused: ({ reason }) => refusals.push(reason),
    });
    expect((await ask(port, 'POST', '/v1/messages', {}, '{}')).status).toBe(200);
    whyNot = 'no more (allowance_used_up)';
    const refused = await ask(port, 'POST', '/v1/messages?beta=true', {}, '{}');
    expect([refused.status, refused.headers['x-should-retry']]).toEqual([400, 'false']);
    expect(JSON.parse(refused.text)).toEqual({
      type: 'error',
      error: {
        type: 'invalid_request_error',
        message: 'Refused by NanoClaw: a: no more (allowance_used_up).',
      },
    });
    expect(refusals).toEqual(['a: no more (allowance_used_up)']);
    // What costs nothing is asked all the same.
    expect((await ask(port, 'GET', '/v1/models')).status).toBe(200);
    expect(asked).toBe(2);
  });

  it('tells of a refused credential, passes the answer on, and counts it', async () => {
    const to = await upstream((_, response) => {
      response
        .writeHead(401, { 'content-type': 'application/json' })
        .end('{"type":"error","error":{"type":"authentication_error","message":"expired"}}');
    });
    const { port, failures, used } = await proxyTo(to);
    const answer = await ask(port, 'POST', '/v1/messages', {}, '{}');
    expect([answer.status, JSON.parse(answer.text).error.message]).toEqual([401, 'expired']);
    expect(failures).toEqual([{ status: 401, folder: 'a' }]);
    expect(used).toEqual([
      { folder: 'a', requests: 1, failures: 1, inputTokens: 0, outputTokens: 0, usd: 0 },
    ]);
  });

  it('tells of the first request that works after a refusal, and after the start, once', async () => {
    let status = 200;
    const to = await upstream((_, response) => void response.writeHead(status).end('{}'));
    const told: string[] = [];
    const { port } = await proxyTo(to, {
      onCredentialWorks: () => told.push('works'),
      onCredentialFailure: (failure) => told.push(`refused ${failure.status}`),
    });
    for (status of [200, 200, 401, 529, 401, 200, 200, 403, 400, 200]) await ask(port, 'GET', '/v1/models');
    expect(told).toEqual(['works', 'refused 401', 'refused 401', 'works', 'refused 403', 'works']);
  });

  it('passes a large upload on while it comes, and ends one that is too large', async () => {
    let size = 0;
    const first = Promise.withResolvers<void>();
    const to = await upstream((request, response) => {
      request.on('data', (chunk: Buffer) => {
        size += chunk.length;
        first.resolve();
      });
      request.on('end', () => response.end('all of it'));
    });
    const { port } = await proxyTo(to);
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    async function* body(chunks: number) {
      yield chunk;
      await first.promise;
      for (let i = 1; i < chunks; i += 1) yield chunk;
    }
    /** The status, or 0 when the connection was ended before it could be read. */
    const upload = (chunks: number): Promise<number> =>
      new Promise((resolve) => {
        const headers = { 'x-api-key': token };
        const target = { host: '127.0.0.1', port, method: 'POST', path: '/v1/messages', headers };
        const request = http.request({ ...target, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
        pipeline(body(chunks), request).catch(() => setImmediate(resolve, 0));
      });
    expect(await upload(48)).toBe(200);
    expect(size).toBe(48 * chunk.length);
    size = 0;
    expect([413, 0]).toContain(await upload(200));
    expect(size).toBeLessThanOrEqual(65 * chunk.length);
  });

  it('says plainly that the model server is away, without its address', async () => {
    const to = await upstream(() => {});
    await open.pop()?.close();
    const { port } = await proxyTo(to);
    const answer = await ask(port, 'POST', '/v1/messages', {}, '{}');
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([
      502,
      { type: 'error', error: { type: 'api_error' } },
    ]);
    expect(answer.text).toContain('ECONNREFUSED');
    expect(answer.text).not.toContain('127.0.0.1');
  });

  it('cannot be talked into a second request, a tunnel or an upgrade', async () => {
    const urls: (string | undefined)[] = [];
    const to = await upstream((request, response) => {
      urls.push(request.url);
      response.end('{}');
    });
    const { port } = await proxyTo(to);
    const raw = async (text: string) => {
      const socket = connect(port, '127.0.0.1');
      socket.write(text);
      let answer = '';
      for await (const chunk of socket) answer += chunk;
      return answer;
    };
    const key = `x-api-key: ${token}\r\n`;
    const smuggled = `POST /v1/messages HTTP/1.1\r\nhost: x\r\n${key}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/secrets HTTP/1.1\r\nhost: x\r\n\r\n`;
    expect(await raw(smuggled)).toMatch(/^HTTP\/1.1 400/);
    expect(await raw(`CONNECT api.anthropic.com:443 HTTP/1.1\r\nhost: x\r\n${key}\r\n`)).not.toMatch(/ 200 /);
    expect(
      await raw(
        `GET /v1/models HTTP/1.1\r\nhost: x\r\n${key}connection: upgrade, close\r\nupgrade: websocket\r\n\r\n`,
      ),
    ).toMatch(/^HTTP\/1.1 200/);
    expect(urls).toEqual(['/prefix/v1/models']);
  });
});
