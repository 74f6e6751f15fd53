/** The door to MCP servers elsewhere, over real sockets: what goes through it, what is put in, and what never comes out. */

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import http, { createServer, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createMcpDoor, type McpDoor, type McpDoorOptions } from '../../src/http/mcp-door.ts';
import type { HttpDefinition } from '../../src/mcp/definition.ts';
import { mcpSecretsFile, readMcpSecrets } from '../../src/mcp/secrets.ts';
import type { NetworkRules } from '../../src/policy/network.ts';
import { type McpHttpServer, startMcpServer } from '../support/mcp-http-server.ts';
import { createTestLog, tempFolder } from '../support/world.ts';

const SECRET = 'lin_api_0123456789abcdef';
const HOLDER = { container: 'nanoclaw-family-1', folder: 'family' };

let server: McpHttpServer;
let approved: HttpDefinition | null;
let network: NetworkRules;
let secrets: Record<string, unknown>;
let refusals: string[];
let file: string;
const { log, lines } = createTestLog();

beforeEach(async () => {
  server = await startMcpServer(`Bearer ${SECRET}`);
  onTestFinished(() => server.close());
  approved = {
    name: 'clock',
    type: 'http',
    url: server.url,
    headers: { authorization: `Bearer \${secret:clock}`, 'x-team': '7' },
  };
  network = { network: 'open', networkAllow: [] };
  const host = new URL(server.url).host;
  secrets = {
    secrets: { clock: { value: SECRET, hosts: [host], groups: ['family'] } },
    localServers: [{ origin: server.origin, groups: ['family'] }],
  };
  refusals = [];
  file = mcpSecretsFile(tempFolder());
  write();
});

function write(): void {
  writeFileSync(file, JSON.stringify(secrets), { mode: 0o600 });
  chmodSync(file, 0o600);
}

async function doorOf(more: Partial<McpDoorOptions> = {}): Promise<{ door: McpDoor; port: number }> {
  const door = createMcpDoor({
    approved: (folder, name) => (folder === 'family' && name === 'clock' ? approved : null),
    secrets: () => readMcpSecrets(file),
    network: () => network,
    log,
    onRefused: ({ reason }) => refusals.push(reason),
    ...more,
  });
  const front = createServer((request, response) => {
    if (!door.handle(request, response, HOLDER)) response.writeHead(418).end();
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    front.closeAllConnections();
    front.close();
  });
  return { door, port: (front.address() as AddressInfo).port };
}

const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18' },
});

/** Sends the path as it is given. */
async function ask(
  port: number,
  at = '/mcp/clock',
  method = 'POST',
  headers: http.OutgoingHttpHeaders = {},
  body = INITIALIZE,
) {
  const request = http.request({
    host: '127.0.0.1',
    port,
    method,
    path: at,
    headers: { 'content-type': 'application/json', ...headers },
    agent: false,
  });
  request.on('error', () => {});
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response as AsyncIterable<Buffer>) text += chunk.toString();
  return { status: response.statusCode, headers: response.headers, text };
}

describe('what is approved', () => {
  it('is reached, with the secret in its place, at that one address; the container’s own headers stay here', async () => {
    const { port } = await doorOf();
    const answer = await ask(port, '/mcp/clock', 'POST', {
      authorization: 'Bearer of-the-container',
      cookie: 'a=b',
      'x-team': '8',
      accept: 'application/json, text/event-stream',
    });
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
    expect(answer.headers['mcp-session-id']).toBeDefined();
    const [seen] = server.requests;
    expect(seen).toMatchObject({ method: 'POST', path: '/v1/mcp?team=7', body: INITIALIZE });
    expect(seen?.headers).toMatchObject({
      authorization: `Bearer ${SECRET}`,
      'x-team': '7',
      host: new URL(server.url).host,
      accept: 'application/json, text/event-stream',
    });
    expect(seen?.headers.cookie).toBeUndefined();
  });

  it('gives no secret back, in body or headers, whatever the server echoes', async () => {
    const { port } = await doorOf();
    const { headers } = await ask(port);
    const session = { 'mcp-session-id': String(headers['mcp-session-id']) };
    const call = JSON.stringify({
      jsonrpc: '2.0',
      id: 2,
      method: 'tools/call',
      params: { name: 'echo_header' },
    });
    const answer = await ask(port, '/mcp/clock', 'POST', session, call);
    expect(answer.text).toContain(`you sent Bearer ${'*'.repeat(SECRET.length)}`);
    expect(JSON.stringify(answer)).not.toContain(SECRET);
    expect(answer.headers['x-secret']).toBeUndefined();
    expect(JSON.stringify(lines)).not.toContain(SECRET);
  });

  it('streams, and is cut when the approval or the policy has changed', async () => {
    const slow = createServer((_, response) =>
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n'),
    );
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      slow.closeAllConnections();
      slow.close();
    });
    const origin = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
    approved = { name: 'clock', type: 'http', url: `${origin}/`, headers: {} };
    secrets = { localServers: [{ origin, groups: ['*'] }] };
    write();
    const { door, port } = await doorOf();
    for (const withdraw of [
      () => (approved = null),
      () => (network = { network: 'none', networkAllow: [] }),
    ]) {
      const before: [HttpDefinition | null, NetworkRules] = [approved, network];
      const request = http.request({ host: '127.0.0.1', port, path: '/mcp/clock', agent: false });
      request.on('error', () => {});
      request.end();
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      await once(response, 'data');
      door.recheck();
      withdraw();
      const broken = once(response, 'error');
      door.recheck();
      await broken;
      [approved, network] = before;
    }
  });
});

describe('nothing else', () => {
  it.each<[string, string, string?]>([
    ['/mcp/other', 'no MCP server “other” is approved for this group'],
    ['/mcp/clock/admin', 'no such MCP server'],
    ['/mcp/clock?team=8', 'no such MCP server'],
    ['/mcp/../v1/models', 'no such MCP server'],
    ['/mcp/clock', 'no such MCP server', 'PUT'],
  ])('%s is refused: %s', async (at, reason, method) => {
    const { port } = await doorOf();
    expect(await ask(port, at, method)).toMatchObject({ status: 404, text: `NanoClaw: ${reason}.\n` });
    expect(server.requests).toEqual([]);
    expect(refusals).toEqual([reason]);
  });

  it('is not a redirect, which would take the secret along', async () => {
    const thief = await startMcpServer();
    onTestFinished(() => thief.close());
    server.redirectTo = thief.url;
    const { port } = await doorOf();
    expect(await ask(port)).toMatchObject({ status: 502, text: expect.stringContaining('redirect') });
    expect(thief.requests).toEqual([]);
  });

  it.each<[string, () => void, RegExp]>([
    ['a policy of none', () => (network = { network: 'none', networkAllow: [] }), /policy is "none"/],
    [
      'an address that is not public',
      () => (secrets = { secrets: secrets.secrets, localServers: [] }),
      /is not sent over http|policy is "open": port/,
    ],
    ['a secret of another group', () => setSecret({ groups: ['garden'] }), /“clock” is not for this group/],
    [
      'a secret for another host',
      () => setSecret({ hosts: ['mcp.linear.app'] }),
      /“clock” is not for 127\.0\.0\.1/,
    ],
    [
      'a secret that is not held',
      () => (secrets = { localServers: secrets.localServers }),
      /there is no secret “clock”/,
    ],
    ['a malformed file', () => (secrets = { secrets: 7 }), /policy is "open": port|secrets cannot be used/],
  ])('with %s the server is not reached, and it is said why', async (_, change, reason) => {
    change();
    write();
    const { port } = await doorOf();
    expect(await ask(port)).toMatchObject({ status: 403, text: expect.stringMatching(reason) });
    expect(server.requests).toEqual([]);
    expect(JSON.stringify([refusals, lines])).not.toContain(SECRET);
  });

  it('a name that leads to an address of this machine is refused, whatever the port', async () => {
    approved = { name: 'clock', type: 'http', url: 'https://public.example/mcp', headers: {} };
    const { port } = await doorOf({ resolve: async () => ['127.0.0.1'] });
    expect(await ask(port)).toMatchObject({
      status: 403,
      text: expect.stringContaining('is not on the public internet (loopback)'),
    });
    network = { network: 'allowlist', networkAllow: ['other.example'] };
    expect(await ask(port)).toMatchObject({
      status: 403,
      text: expect.stringContaining('public.example:443 is not on its list'),
    });
  });

  it('is a server whose certificate is not its own; with a good one it is reached', async () => {
    const folder = tempFolder();
    const made = [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost',
    ];
    execFileSync('openssl', [...made, '-keyout', 'key.pem', '-out', 'cert.pem'], {
      cwd: folder,
      stdio: 'ignore',
    });
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => readFileSync(path.join(folder, name), 'utf8'));
    const seen: (string | undefined)[] = [];
    const secure = https.createServer({ key, cert }, (request, response) => {
      seen.push(request.headers.authorization);
      response.end('secure');
    });
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      secure.closeAllConnections();
      secure.close();
    });
    const origin = `https://localhost:${(secure.address() as AddressInfo).port}`;
    approved = {
      name: 'clock',
      type: 'http',
      url: `${origin}/mcp`,
      headers: { authorization: `Bearer \${secret:clock}` },
    };
    secrets = {
      secrets: { clock: { value: SECRET, hosts: [new URL(origin).host], groups: ['*'] } },
      localServers: [{ origin, groups: ['*'] }],
    };
    write();
    const { port } = await doorOf();
    expect(await ask(port)).toMatchObject({ status: 502, text: 'NanoClaw: the server cannot be reached.\n' });
    expect(seen).toEqual([]);
    const trusted = tls.getCACertificates('default');
    onTestFinished(() => tls.setDefaultCACertificates(trusted));
    tls.setDefaultCACertificates([...trusted, cert ?? '']);
    expect(await ask(port)).toMatchObject({ status: 200, text: 'secure' });
    expect(seen).toEqual([`Bearer ${SECRET}`]);
  });

  it('a request of more than four megabytes is refused', async () => {
    const { port } = await doorOf();
    const answer = await ask(port, '/mcp/clock', 'POST', {}, 'x'.repeat(5 * 1024 * 1024)).catch(() => ({
      status: 0,
    }));
    expect([0, 413]).toContain(answer.status);
    expect(server.requests).toEqual([]);
  });
});

function setSecret(more: Record<string, unknown>): void {
  const known = secrets.secrets as Record<string, Record<string, unknown>>;
  secrets = { ...secrets, secrets: { clock: { ...known.clock, ...more } } };
}

describe('the file with the secrets', () => {
  it('is refused when others may read it, or it is malformed, without a word of what it holds', () => {
    expect(readMcpSecrets(path.join(tempFolder(), 'none.json'))).toEqual({
      ok: true,
      secrets: {},
      localServers: [],
    });
    chmodSync(file, 0o640);
    expect(readMcpSecrets(file)).toMatchObject({
      ok: false,
      reason: expect.stringContaining(`chmod 600 ${file}`),
    });
    chmodSync(file, 0o600);
    writeFileSync(file, `{"secrets": {"clock": "${SECRET}" `);
    expect(readMcpSecrets(file)).toEqual({ ok: false, reason: `${file} is malformed: expected JSON` });
    writeFileSync(
      file,
      JSON.stringify({ secrets: { clock: { value: SECRET, hosts: ['http://a.example'], groups: [] } } }),
    );
    const bad = readMcpSecrets(file);
    expect(bad).toMatchObject({
      ok: false,
      reason: expect.stringMatching(
        /secrets\.clock\.hosts\.0: expected a host.*secrets\.clock\.groups: expected/,
      ),
    });
    expect(JSON.stringify(bad)).not.toContain(SECRET);
  });
});
