/** The forward proxy over real sockets. Its own resolver and its own idea of "public", since a test has no internet. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http, { createServer, type IncomingMessage } from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createEgressProxy, type EgressProxyOptions } from '../../src/http/egress-proxy.ts';
import { issueToken } from '../../src/http/proxy-token.ts';
import { whyNotPublic } from '../../src/http/public-address.ts';
import { resolveHost } from '../../src/http/resolve-host.ts';
import { silentLogger } from '../../src/log.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const { token, sha256 } = issueToken();
const AUTH = `Basic ${Buffer.from(`agent:${token}`).toString('base64')}`;
/** Stands for a public address: loopback, but not 127.0.0.1. */
const PUBLIC = '127.0.0.9';
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function started({
  ports = new Set([80, 443]),
  ...more
}: Partial<EgressProxyOptions> & { ports?: Set<number> } = {}) {
  const refusals: string[] = [];
  const asked: string[] = [];
  const names: Record<string, string[]> = {
    'site.example': [PUBLIC],
    'mixed.example': ['10.0.0.1', PUBLIC],
    'inner.example': ['10.0.0.1'],
  };
  const proxy = createEgressProxy({
    resolveToken: (hash) => (hash === sha256 ? { container: 'nanoclaw-a-1', folder: 'a' } : null),
    policy: (_folder, _host, port) => (ports.has(port) ? null : `port ${port} is not allowed`),
    log: silentLogger(),
    resolve: async (host) => {
      asked.push(host);
      const found = names[host];
      if (!found) throw new Error('ENOTFOUND');
      return found;
    },
    ownAddresses: () => ['192.0.2.2', '::ffff:203.0.113.7'],
    judge: (address) => (address === PUBLIC ? null : whyNotPublic(address)),
    onRefused: ({ host, reason }) => refusals.push(`${host}: ${reason}`),
    ...more,
  });
  open.push(proxy);
  const { port } = await proxy.listen('127.0.0.1', 0);
  return { port, refusals, asked, proxy };
}

/** Answers the CONNECT's status line and leaves the socket open. */
async function tunnel(
  port: number,
  target: string,
  auth: string | null = AUTH,
): Promise<{ status: number; socket: Socket; head: string }> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${auth ? `Proxy-Authorization: ${auth}\r\n` : ''}\r\n`,
  );
  const [head] = (await once(socket, 'data')) as [Buffer];
  return { status: Number(String(head).split(' ')[1]), socket, head: String(head) };
}

async function echoServer(): Promise<number> {
  const server: Server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, PUBLIC, resolve));
  open.push(server);
  return (server.address() as AddressInfo).port;
}

/** A name server that knows these names and no others; those that begin with "silent" get their answer from `speak`. */
async function nameServer(names: Record<string, string>): Promise<{ address: string; speak(): void }> {
  const socket = createSocket('udp4');
  const held: (() => void)[] = [];
  socket.on('message', (query, from) => {
    const labels: string[] = [];
    let at = 12;
    for (let size = query[at] ?? 0; size > 0; size = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + size));
      at += size + 1;
    }
    const known = names[labels.join('.')];
    const address = query.readUInt16BE(at + 1) === 1 ? known : undefined;
    const code = known === undefined ? 0x83 : 0x80;
    const head = [...query.subarray(0, 2), 0x81, code, 0, 1, 0, address ? 1 : 0, 0, 0, 0, 0];
    const record = address
      ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split('.').map(Number)]
      : [];
    const answer = Buffer.from([...head, ...query.subarray(12, at + 5), ...record]);
    const send = () => socket.send(answer, from.port, from.address);
    if (labels[0]?.startsWith('silent')) held.push(send);
    else send();
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  open.push(socket);
  return {
    address: `127.0.0.1:${socket.address().port}`,
    speak: () => {
      for (const send of held) send();
    },
  };
}

describe('names', () => {
  it('are looked up by DNS alone: the hosts file says nothing', async () => {
    const { address } = await nameServer({ 'site.example': '198.51.100.7' });
    expect(await resolveHost('site.example', [address])).toEqual(['198.51.100.7']);
    expect(await resolveHost('localhost', [address])).toEqual([]);
    expect(await resolveHost('unknown.example', [address])).toEqual([]);
  });

  it('that nobody answers hold up neither files nor other names', async () => {
    const { address, speak } = await nameServer({ 'site.example': '198.51.100.7' });
    const silent = Array.from({ length: 64 }, (_, n) => resolveHost(`silent-${n}.example`, [address]));
    let over = false;
    void Promise.race(silent).then(() => {
      over = true;
    });
    expect(String(await readFile(import.meta.filename))).toContain('hold up neither');
    expect(await resolveHost('site.example', [address])).toEqual(['198.51.100.7']);
    expect(over).toBe(false);
    speak();
    expect((await Promise.all(silent)).flat()).toEqual([]);
  }, 30_000);
});

describe('the egress proxy', () => {
  it('tunnels to an allowed host, both ways, and passes on each side’s end', async () => {
    const echo = await echoServer();
    const { port } = await started({ ports: new Set([echo]) });
    for (const target of [
      `site.example:${echo}`,
      `SITE.example.:${echo}`,
      `${PUBLIC}:${echo}`,
      `mixed.example:${echo}`,
    ]) {
      const { status, socket } = await tunnel(port, target);
      expect(status).toBe(200);
      socket.end('hello');
      let answer = '';
      for await (const chunk of socket) answer += chunk;
      expect(answer).toBe('hello');
    }
  });

  it('needs the container’s own token', async () => {
    const { port, asked } = await started();
    for (const auth of [
      null,
      'Basic !!',
      `Basic ${Buffer.from('agent:wrong').toString('base64')}`,
      `Bearer ${token}`,
    ]) {
      const { status, head, socket } = await tunnel(port, 'site.example:443', auth);
      expect(status).toBe(407);
      expect(head).toContain('Proxy-Authenticate: Basic');
      socket.destroy();
    }
    expect(asked).toEqual([]);
  });

  it.each([
    ['127.0.0.1:80', 403],
    ['[::1]:80', 403],
    ['[::ffff:127.0.0.1]:443', 403],
    ['[::ffff:169.254.169.254]:80', 403],
    ['[64:ff9b::a9fe:a9fe]:80', 403],
    ['169.254.169.254:80', 403],
    ['10.1.2.3:443', 403],
    ['100.64.0.1:443', 403],
    ['192.0.2.2:443', 403],
    ['203.0.113.7:443', 403],
    ['inner.example:443', 403],
    ['site.example:22', 403],
    ['site.example:25', 403],
    ['site.example:5432', 403],
    ['nowhere.example:443', 502],
    ['2130706433:80', 502],
    ['0x7f.1:80', 502],
    ['site.example', 400],
    ['site.example:99999', 400],
    ['user@site.example:443', 400],
    ['site.example:443/x', 400],
  ])('refuses CONNECT %s with %i', async (target, expected) => {
    const { port } = await started();
    const { status, socket } = await tunnel(port, target);
    expect(status).toBe(expected);
    socket.destroy();
  });

  it('connects to the address it judged, not to what the name says a moment later', async () => {
    const echo = await echoServer();
    let times = 0;
    const { port } = await started({
      ports: new Set([echo]),
      resolve: async () => (times++ === 0 ? [PUBLIC] : ['127.0.0.1']),
    });
    const first = await tunnel(port, `rebind.example:${echo}`);
    expect(first.status).toBe(200);
    expect(times).toBe(1);
    first.socket.destroy();
    const second = await tunnel(port, `rebind.example:${echo}`);
    expect(second.status).toBe(403);
    second.socket.destroy();
  });

  it('takes the next address of a name when the first does not answer', async () => {
    const echo = await echoServer();
    const { port } = await started({
      ports: new Set([echo]),
      resolve: async () => ['127.0.0.8', '10.0.0.1', PUBLIC],
      judge: (address) => (address.startsWith('127.0.0.') ? null : whyNotPublic(address)),
    });
    const { status, socket } = await tunnel(port, `two.example:${echo}`);
    expect(status).toBe(200);
    socket.destroy();
  });

  it('asks the policy by group, name and port, before it resolves anything', async () => {
    const seen: unknown[] = [];
    const { port, refusals, asked } = await started({
      policy: (...question) => {
        seen.push(question);
        return 'not on the list';
      },
    });
    const { status, head, socket } = await tunnel(port, 'Site.Example.:443');
    expect([status, head.includes('not on the list')]).toEqual([403, true]);
    expect(seen).toEqual([['a', 'site.example', 443]]);
    expect(refusals).toEqual(['site.example: not on the list']);
    expect(asked).toEqual([]);
    socket.destroy();
  });

  it('cuts what is open when the policy changes, and nothing else', async () => {
    const echo = await echoServer();
    const closed = new Set<string>();
    const { port, proxy } = await started({
      policy: (_folder, host) => (closed.has(host) ? 'no longer allowed' : null),
    });
    const kept = await tunnel(port, `site.example:${echo}`);
    const cut = await tunnel(port, `mixed.example:${echo}`);
    closed.add('mixed.example');
    const gone = once(cut.socket, 'close');
    proxy.recheck();
    await gone;
    kept.socket.write('still here');
    expect(String((await once(kept.socket, 'data'))[0])).toBe('still here');
    kept.socket.destroy();
  });

  it('forwards plain requests without the proxy’s headers, and refuses other forms', async () => {
    const seen: IncomingMessage[] = [];
    const server = createServer((request, response) => {
      seen.push(request);
      request.pipe(response);
    });
    await new Promise<void>((resolve) => server.listen(0, PUBLIC, resolve));
    open.push(server);
    const target = (server.address() as AddressInfo).port;
    const { port } = await started({ ports: new Set([target]) });
    const ask = async (path: string) => {
      const headers = { 'proxy-authorization': AUTH, 'proxy-connection': 'keep-alive', host: 'lies.example' };
      const request = http.request({ host: '127.0.0.1', port, method: 'POST', path, headers, agent: false });
      request.end('body');
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      let text = '';
      for await (const chunk of response) text += chunk;
      return { status: response.statusCode, text };
    };
    expect(await ask(`http://site.example:${target}/a?b=c`)).toEqual({ status: 200, text: 'body' });
    expect(seen[0]?.url).toBe('/a?b=c');
    expect(seen[0]?.headers.host).toBe(`site.example:${target}`);
    expect(JSON.stringify(seen[0]?.rawHeaders)).not.toMatch(/proxy|Basic/i);
    expect((await ask(`http://inner.example:${target}/`)).status).toBe(403);
    expect((await ask('/')).status).toBe(400);
    expect((await ask(`https://site.example:${target}/`)).status).toBe(400);
    expect(seen).toHaveLength(1);
  });

  it('hangs up on a refused client that does not', async () => {
    const clock = createFakeClock();
    const { port } = await started({ clock });
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {}).on('end', () => {});
    socket.write(`CONNECT inner.example:443 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${AUTH}\r\n\r\n`);
    expect(String((await once(socket, 'data'))[0])).toContain(' 403 ');
    socket.write('more');
    (await tunnel(port, 'inner.example:443')).socket.destroy();
    expect(socket.destroyed).toBe(false);
    await clock.advance(5000);
    const writable = () => socket.write('more') && !socket.destroyed;
    await expect.poll(writable).toBe(false);
    socket.destroy();
  });

  it('limits open connections per container and forgets closed ones', async () => {
    const echo = await echoServer();
    const { port } = await started({ ports: new Set([echo]), maxConnections: 2 });
    const target = `site.example:${echo}`;
    const [a, b] = [await tunnel(port, target), await tunnel(port, target)];
    const third = await tunnel(port, target);
    expect(third.status).toBe(429);
    third.socket.destroy();
    const closed = once(a.socket, 'close');
    a.socket.destroy();
    await closed;
    await expect
      .poll(async () => {
        const again = await tunnel(port, target);
        again.socket.destroy();
        return again.status;
      })
      .toBe(200);
    b.socket.destroy();
  });

  it('closes a tunnel in which nothing moves, and all when it stops', async () => {
    const echo = await echoServer();
    const { port, proxy } = await started({ ports: new Set([echo]), idleTimeoutMs: 50 });
    const idle = await tunnel(port, `site.example:${echo}`);
    await once(idle.socket, 'close');
    const other = await started({ ports: new Set([echo]) });
    const kept = await tunnel(other.port, `site.example:${echo}`);
    const closed = once(kept.socket, 'close');
    await Promise.all([other.proxy.close(), proxy.close(), closed]);
  });
});
