import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { agreedVersion, Engine } from './engine.ts';

let server: Server | null = null;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** An engine that answers /version, and everything else by `listener`. */
async function fakeEngine(listener: RequestListener, timeoutMs = 5000): Promise<Engine> {
  server = createServer((request, response) => {
    if (request.url === '/version') {
      response.end(JSON.stringify({ Version: '29.0.0', ApiVersion: '1.52', MinAPIVersion: '1.44' }));
    } else listener(request, response);
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return new Engine({ dockerHost: `tcp://127.0.0.1:${port}`, timeoutMs });
}

describe('agreedVersion', () => {
  const of = (ApiVersion: string, MinAPIVersion: string) =>
    agreedVersion({ Version: 'x', ApiVersion, MinAPIVersion });
  it('takes the older side, by numbers', () => {
    expect(of('1.41', '1.12')).toBe('1.41');
    expect(of('1.52', '1.44')).toBe('1.47');
    expect(of('1.9', '1.2')).toBe('1.9');
  });
  it('says so when the engine has dropped our newest', () => {
    expect(() => of('1.60', '1.50')).toThrow('wants API 1.50');
  });
});

describe('Engine', () => {
  it('speaks the agreed version and gives the engine’s own words on a refusal', async () => {
    let asked = '';
    const engine = await fakeEngine((request, response) => {
      asked = request.url ?? '';
      response.writeHead(409, { 'content-type': 'application/json' }).end('{"message":"name in use"}');
    });
    const refusal = await engine.createContainer('a', { Image: 'x' }).catch((error: unknown) => error);
    expect(asked).toBe('/v1.47/containers/create?name=a');
    expect(refusal).toMatchObject({
      code: 'ENGINE_REFUSED',
      status: 409,
      message: expect.stringContaining('name in use'),
    });
  });

  it('is ENGINE_DOWN without an answer: refused, hung up, too slow', async () => {
    const nobody = new Engine({ dockerHost: 'unix:///nonexistent/docker.sock' });
    await expect(nobody.ping()).rejects.toMatchObject({
      code: 'ENGINE_DOWN',
      status: null,
      fix: expect.any(String),
    });

    const hangsUp = await fakeEngine((request) => request.socket.destroy());
    await expect(hangsUp.info()).rejects.toMatchObject({ code: 'ENGINE_DOWN' });
    server?.close();

    const silent = await fakeEngine(() => {}, 50);
    await expect(silent.info()).rejects.toMatchObject({
      code: 'ENGINE_DOWN',
      message: expect.stringContaining('50 ms'),
    });
  });

  it('says that a wait was cut, and that an exec or event stream is broken, as ENGINE_DOWN', async () => {
    const engine = await fakeEngine((_, response) => {
      response.writeHead(200).flushHeaders();
      response.write('{"Sta', () => response.destroy());
    });
    const { ended } = await engine.wait('a', 'next-exit');
    await expect(ended).rejects.toMatchObject({ code: 'ENGINE_DOWN' });
  });

  it('never sends a change twice, and a read again when a kept connection was closed', async () => {
    const seen: string[] = [];
    const engine = await fakeEngine((request, response) => {
      seen.push(`${request.method}`);
      if (request.method === 'GET') response.end('{}', () => setImmediate(() => request.socket.destroy()));
      else request.socket.destroy();
    });
    await engine.json({ method: 'GET', path: '/x' });
    await engine.json({ method: 'GET', path: '/x' });
    await expect(engine.json({ method: 'POST', path: '/x' })).rejects.toMatchObject({ code: 'ENGINE_DOWN' });
    expect(seen.filter((method) => method === 'POST')).toHaveLength(1);
  });
});
