import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener, type Server } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { relayBody } from './relay-body.ts';

const servers: (Server | net.Server)[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listening(server: Server | net.Server): Promise<number> {
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

/** A server that passes on what the one at `port` answers, and the pieces in which it saw it. */
async function relayTo(port: number, secret: string | null = null) {
  const pieces: number[] = [];
  const over: Promise<void>[] = [];
  const pass: RequestListener = (_request, response) => {
    http.get({ port, host: '127.0.0.1', agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, { ...answer.headers });
      over.push(
        relayBody(answer, response, {
          secrets: secret === null ? [] : [secret],
          see: (piece) => pieces.push(piece.length),
        }),
      );
    });
  };
  return { port: await listening(http.createServer(pass)), pieces, over };
}

async function ask(port: number): Promise<IncomingMessage> {
  const request = http.get({ port, host: '127.0.0.1', agent: false });
  return ((await once(request, 'response')) as [IncomingMessage])[0];
}

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe('relayBody', () => {
  it('works once per read of the socket, not once per event of the stream', async () => {
    const event = `data: ${'x'.repeat(94)}\n\n`;
    const chunk = `${event.length.toString(16)}\r\n${event}\r\n`;
    const events = 20_000;
    const port = await listening(
      net.createServer((socket) => {
        socket.once('data', () => {
          socket.end(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(events)}0\r\n\r\n`);
        });
      }),
    );
    const relay = await relayTo(port);
    const body = await bodyOf(await ask(relay.port));
    expect(body.toString()).toBe(event.repeat(events));
    expect(relay.pieces.length).toBeLessThan(events / 10);
    await Promise.all(relay.over);
  });

  it('passes a compressed answer on byte for byte', async () => {
    const packed = gzipSync('{"usage":{}}'.repeat(1000));
    const port = await listening(
      http.createServer((_request, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed);
      }),
    );
    const relay = await relayTo(port, 'sk-secret');
    const answer = await ask(relay.port);
    expect(answer.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(await bodyOf(answer)).toString()).toBe('{"usage":{}}'.repeat(1000));
  });

  it('sends the headers of an answer whose body keeps it waiting', async () => {
    const waiting: http.ServerResponse[] = [];
    const port = await listening(
      http.createServer((_request, response) => {
        response.writeHead(202).flushHeaders();
        waiting.push(response);
      }),
    );
    const relay = await relayTo(port);
    const answer = await ask(relay.port);
    expect(answer.statusCode).toBe(202);
    waiting[0]?.end('at last');
    expect((await bodyOf(answer)).toString()).toBe('at last');
  });

  it('breaks off what broke off, with all that came before', async () => {
    const port = await listening(
      net.createServer((socket) => {
        socket.once('data', () => {
          socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
        });
      }),
    );
    const relay = await relayTo(port);
    const answer = await ask(relay.port);
    let seen = '';
    await expect(
      (async () => {
        for await (const chunk of answer) seen += String(chunk);
      })(),
    ).rejects.toThrow('aborted');
    expect(seen).toBe('half');
    await Promise.all(relay.over);
  });
});
