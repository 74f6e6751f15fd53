/**
 * Each container's own doors to the proxies: who may come in by which, what a flood at one of them costs the others, and
 * what closes and opens them. The flood is a process of its own, as a hostile container would be.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import http, { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type AgentProxies, createAgentProxies } from '../../src/http/agent-proxies.ts';
import { issueToken, type TokenHolder } from '../../src/http/proxy-token.ts';
import { createTestLog, tempFolder } from '../support/world.ts';

interface Container {
  owner: TokenHolder;
  token: string;
  sockets: { model: string; egress: string };
}

/** Two containers, a model server and an echo on "the internet". */
async function world(deep = '') {
  const folder = path.join(tempFolder(), deep);
  const { log, events } = createTestLog();
  const tokens = new Map<string, TokenHolder>();
  const refusals: string[] = [];
  const api = createServer((request, response) => {
    request.resume().on('end', () => response.end(`model: ${request.url}`));
  });
  const echo = createTcpServer((socket) => void socket.on('error', () => {}).pipe(socket));
  for (const server of [api, echo]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
  }
  const upstream = new URL(`http://127.0.0.1:${(api.address() as AddressInfo).port}`);
  const server = { upstream, api: 'messages', credential: { kind: 'apiKey', value: 'made-up' } } as const;
  const resolveToken = (hash: string) => tokens.get(hash) ?? null;
  const proxies = (): AgentProxies => {
    const made = createAgentProxies({
      log,
      model: {
        serverOf: () => server,
        resolveToken,
        onCredentialFailure() {},
        onRefused: ({ holder, reason }) => refusals.push(`${holder.folder}: ${reason}`),
      },
      egress: { resolveToken, policy: () => null, judge: () => null, ownAddresses: () => [] },
      ports: { get: () => 0, set() {} },
    });
    onTestFinished(() => made.close());
    return made;
  };
  const container = (name: string): Container => {
    const { token, sha256 } = issueToken();
    const owner = { container: `nanoclaw-${name}-1`, folder: name };
    tokens.set(sha256, owner);
    mkdirSync(path.join(folder, name), { recursive: true });
    const socket = (of: string) => path.join(folder, name, `${of}.sock`);
    return { owner, token, sockets: { model: socket('model'), egress: socket('egress') } };
  };
  const echoAt = `127.0.0.1:${(echo.address() as AddressInfo).port}`;
  return { proxies, container, refusals, events, echoAt };
}

/** The answer's status at a container's door to the model, shown `token`. */
async function ask(socketPath: string, token: string, agent: http.Agent | false = false): Promise<number> {
  const request = http.request({
    socketPath,
    path: '/v1/messages',
    method: 'POST',
    agent,
    headers: { 'x-api-key': token },
  });
  request.end('{}');
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode ?? 0;
}

/** Opens a tunnel at the door to the internet and sends a word through it. Gives the status, or the word. */
async function tunnel(socketPath: string, token: string, target: string): Promise<string> {
  const socket = connect(socketPath);
  const auth = Buffer.from(`agent:${token}`).toString('base64');
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic ${auth}\r\n\r\n`);
  const [head] = (await once(socket, 'data')) as [Buffer];
  const status = String(head).split(' ')[1] ?? '';
  if (status === '200') {
    socket.write('word');
    const [word] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return String(word);
  }
  socket.destroy();
  return status;
}

/** A process that opens half a request after the other, as fast as it can, and never finishes one. */
function flood(...sockets: string[]): ChildProcess {
  const script = `
    const net = require('node:net');
    const again = (path) => {
      const socket = net.connect(path, () => socket.write('POST /v1/messages HTTP/1.1\\r\\nHost: x\\r\\n'));
      socket.on('error', () => {});
      socket.on('close', () => setImmediate(again, path));
    };
    for (const path of process.argv.slice(1)) for (let i = 0; i < 300; i += 1) again(path);`;
  const child = spawn(process.execPath, ['-e', script, '--', ...sockets], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

describe('a container’s doors', () => {
  it('let in its own token only, though another’s is good elsewhere', async () => {
    const { proxies, container, refusals, echoAt } = await world();
    const [a, b] = [container('a'), container('b')];
    const made = proxies();
    await made.open(a.owner, a.sockets);
    await made.open(b.owner, b.sockets);
    expect(await ask(a.sockets.model, a.token)).toBe(200);
    expect(await ask(b.sockets.model, b.token)).toBe(200);
    expect(await ask(a.sockets.model, b.token)).toBe(401);
    expect(await tunnel(a.sockets.egress, a.token, echoAt)).toBe('word');
    expect(await tunnel(a.sockets.egress, b.token, echoAt)).toBe('407');
    expect(refusals).toEqual(["a: a request without the container's own token"]);
  });

  it('flooded with half-open requests, close for a while; the others are served at once, cold and warm', async () => {
    const { proxies, container, refusals, events, echoAt } = await world();
    const [a, b] = [container('a'), container('b')];
    const made = proxies();
    await made.open(a.owner, a.sockets);
    await made.open(b.owner, b.sockets);
    const warm = new http.Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => warm.destroy());
    expect(await ask(b.sockets.model, b.token, warm)).toBe(200);

    const flooding = flood(a.sockets.model, a.sockets.egress);
    await expect
      .poll(() => refusals, { timeout: 20_000 })
      .toContainEqual(expect.stringMatching(/^a: more than/));
    await expect.poll(() => events('connection_refused').length, { timeout: 20_000 }).toBeGreaterThan(0);
    const took: number[] = [];
    for (let i = 0; i < 20; i += 1) {
      const startedAt = performance.now();
      expect(await ask(b.sockets.model, b.token)).toBe(200);
      expect(await ask(b.sockets.model, b.token, warm)).toBe(200);
      expect(await tunnel(b.sockets.egress, b.token, echoAt)).toBe('word');
      took.push(performance.now() - startedAt);
    }
    // Three requests; what is asserted is that none of them waits for the flood's time-outs.
    expect(Math.max(...took)).toBeLessThan(5000);
    expect(flooding.exitCode).toBeNull();

    const ended = once(flooding, 'exit');
    flooding.kill('SIGKILL');
    await ended;
    const served = () => ask(a.sockets.model, a.token).catch(() => 0);
    await expect.poll(served, { timeout: 20_000 }).toBe(200);
  });

  it('hold back a container that asks without pause, and nobody else', async () => {
    const { proxies, container, refusals } = await world();
    const [a, b] = [container('a'), container('b')];
    const made = proxies();
    await made.open(a.owner, a.sockets);
    await made.open(b.owner, b.sockets);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
    onTestFinished(() => agent.destroy());
    const statuses = await Promise.all(
      Array.from({ length: 400 }, () => ask(a.sockets.model, a.token, agent)),
    );
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect(refusals).toContain('a: too many requests');
    expect(await ask(b.sockets.model, b.token)).toBe(200);
  });

  it('can lie deeper than a socket’s path may be long', async () => {
    const { proxies, container } = await world('a-folder-with-a-long-name/'.repeat(5));
    const a = container('a');
    const made = proxies();
    await made.open(a.owner, a.sockets);
    // As a container sees it: through its own folder.
    const folder = openSync(path.dirname(a.sockets.model), 'r');
    onTestFinished(() => closeSync(folder));
    const short = `/proc/self/fd/${folder}/model.sock`;
    expect(await ask(short, a.token)).toBe(200);
    await made.leave(a.owner.container);
    expect(readdirSync(path.dirname(a.sockets.model))).toEqual([]);
    await expect(ask(short, a.token)).rejects.toThrow(/ENOENT/);
  });

  it('close with the container, and open again at the same path for the next daemon', async () => {
    const { proxies, container, echoAt } = await world();
    const a = container('a');
    const first = proxies();
    await first.open(a.owner, a.sockets);
    await first.open(a.owner, a.sockets);
    const socket = connect(a.sockets.egress);
    const auth = Buffer.from(`agent:${a.token}`).toString('base64');
    socket.write(`CONNECT ${echoAt} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic ${auth}\r\n\r\n`);
    await once(socket, 'data');
    const cut = once(socket, 'close');
    await first.leave(a.owner.container);
    await cut;
    expect(existsSync(a.sockets.model) || existsSync(a.sockets.egress)).toBe(false);
    await expect(ask(a.sockets.model, a.token)).rejects.toThrow(/ENOENT/);

    // Killed: its sockets lie there still, and nobody listens.
    const killed = createTcpServer().listen(a.sockets.model);
    await once(killed, 'listening');
    const second = proxies();
    await second.open(a.owner, a.sockets);
    expect(await ask(a.sockets.model, a.token)).toBe(200);
    killed.close();
  });
});
