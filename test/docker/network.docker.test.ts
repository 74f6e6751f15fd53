/**
 * What agents reach, and what of the host reaches them, with a real daemon and the real image: the credential proxy, the
 * network policy while a container runs, a container that floods its doors, and the groups' containers among each other.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { proxySockets } from '../../src/runtime/proxy-sockets.ts';
import { type BotApi, type Daemon, type Settings, startBotApi, TestHome } from '../support/daemon.ts';
import { createMessagesApi, type MessagesApi } from '../support/messages-api.ts';
import { docker, whyNoAgentImage } from './agent-container.ts';

const whyNot = await whyNoAgentImage();
const KEY = `sk-ant-made-up-${randomUUID()}`;
const CANARY = `canary-${randomUUID()}`;
const COLD_MS = 60_000;
const ENGINE: Settings = process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {};
/** None of these may reach a container. */
const CANARIES = [
  'ANTHROPIC_AUTH_TOKEN',
  'CLAUDE_CODE_OAUTH_TOKEN',
  'ANTHROPIC_CUSTOM_HEADERS',
  'AWS_SECRET_ACCESS_KEY',
  'GITHUB_TOKEN',
  'HTTP_PROXY',
  'NPM_TOKEN',
  'OPENAI_API_KEY',
  'SSH_AUTH_SOCK',
  'NANOCLAW_SECRET',
];

describe.skipIf(whyNot)(`the network of agents${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  let model: MessagesApi;
  let api: BotApi;
  let home: TestHome;
  let daemon: Daemon;
  let family: number;
  let garden: number;
  const sockets = () => proxySockets(home.file('data', 'run'));

  beforeAll(async () => {
    model = await createMessagesApi({ script: () => 'Yes.' });
    api = await startBotApi();
    const secrets = Object.fromEntries(CANARIES.map((name) => [name, `${CANARY}-${name}`]));
    home = new TestHome({ ...api.settings, ...ENGINE, ...secrets, CONTAINER_RUNTIME: 'docker' });
    const lines = [`ANTHROPIC_API_KEY=${KEY}`, `ANTHROPIC_BASE_URL=${model.url}`, `OF_THE_FILE=${CANARY}`];
    writeFileSync(home.file('.env'), `${lines.join('\n')}\n`);
    family = api.group('Family');
    garden = api.group('Garden');
    daemon = await home.start();
    await home.addGroup(family, 'family');
    await home.addGroup(garden, 'garden');
    expect(await api.ask(family, '@Nina are you there?', COLD_MS)).toBe('Yes.');
  }, 2 * COLD_MS);
  afterAll(async () => {
    const instance = home.row<{ value: string }>("SELECT value FROM meta WHERE key = 'instance_id'")?.value;
    await home.killAll();
    const ids = await docker('ps', '-aq', '--filter', `label=nanoclaw.instance=${instance}`);
    if (ids !== '') await docker('rm', '-f', '-v', ...ids.split('\n'));
    await home.dispose();
    await api.close();
    await model.close();
  });

  const container = (folder: string): { name: string; engine_id: string } => {
    const sql = 'SELECT name, engine_id FROM containers WHERE group_folder = ? AND ended_at IS NULL';
    const row = home.row<{ name: string; engine_id: string }>(sql, folder);
    if (!row) throw new Error(`${folder} has no container`);
    return row;
  };
  const node = (id: string, script: string) => docker('exec', id, 'node', '-e', script);
  /** The container's own token: it is no secret of the host's. */
  const tokenOf = async (id: string): Promise<string> =>
    /^ANTHROPIC_AUTH_TOKEN=(.+)$/m.exec(await docker('exec', id, 'env'))?.[1] ?? '';
  /** What the proxy says to a CONNECT from inside: the status and its line. */
  const connect = (id: string, target: string) =>
    node(
      id,
      `const proxy = new URL(process.env.HTTPS_PROXY);
       const auth = 'Basic ' + Buffer.from(proxy.username + ':' + proxy.password).toString('base64');
       require('node:http').request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: '${target}', headers: { 'proxy-authorization': auth } })
         .on('connect', (answer, socket, head) => {
           console.log(answer.statusCode, String(head).trim());
           socket.on('data', (more) => console.log(String(more).trim())).on('close', () => process.exit());
         }).end()`,
    );
  /** The answer's status at a door, asked from the host. */
  const ask = (socketPath: string, token: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { 'x-api-key': token };
      const got = (answer: IncomingMessage) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      };
      http.get({ socketPath, path: '/v1/models', headers, agent: false }, got).on('error', reject);
    });

  it('holds the key; nothing of the host’s environment or .env is in the container', async () => {
    const seen = model.main();
    expect(new Set(seen.map(({ headers }) => headers['x-api-key']))).toEqual(new Set([KEY]));
    const { engine_id: id } = container('family');
    const everything = [
      await docker('inspect', id),
      await docker('logs', id),
      await docker('exec', id, 'sh', '-c', 'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr "\\0" "\\n"'),
      await docker('diff', id),
      home.read('nanoclaw.log'),
    ].join('\n');
    const found = `grep -rlE '${CANARY}|${KEY}' / --exclude-dir=proc --exclude-dir=sys 2>/dev/null; true`;
    expect(await docker('exec', id, 'sh', '-c', found)).toBe('');
    expect(everything).toContain('ANTHROPIC_AUTH_TOKEN=');
    for (const secret of [CANARY, KEY]) expect(everything).not.toContain(secret);
  });

  it('counts what the group has used', async () => {
    const used = () =>
      home.row<{ requests: number; input_tokens: number }>(
        "SELECT requests, input_tokens FROM model_usage WHERE group_folder = 'family'",
      );
    await expect.poll(() => used()?.input_tokens, { timeout: 10_000 }).toBeGreaterThan(0);
    expect(used()?.requests).toBeGreaterThan(0);
  });

  it('keeps a running container to the policy of now, says why, and writes it down', async () => {
    const { engine_id: id } = container('family');
    expect(await connect(id, '127.0.0.1:443')).toMatch(/^403 .*not on the public internet \(loopback/s);
    expect(await connect(id, '169.254.169.254:80')).toMatch(/^403 .*metadata/s);
    await home.nanoclaw('groups', 'set', 'family', '--network', 'none');
    expect(await connect(id, 'example.org:443')).toMatch(/^403 .*network policy is "none"/s);
    // Node's own fetch finds the proxy by itself.
    const fetched = `fetch('http://example.org/').catch((error) => console.log(error.cause))`;
    expect(await node(id, fetched)).toContain('Proxy response (403)');
    await home.nanoclaw('groups', 'set', 'family', '--network', 'allowlist', '--allow', '*.nowhere.invalid');
    expect(await connect(id, 'example.org:443')).toMatch(/^403 .*"allowlist": example.org:443 is not on/s);
    expect(await connect(id, 'a.nowhere.invalid:443')).toMatch(/^502 /);
    const set = home.row<{ network: string }>(
      "SELECT network FROM registered_groups WHERE folder = 'family'",
    );
    expect(set).toEqual({ network: 'allowlist' });
    const audited = home.rows<{ detail: string }>(
      "SELECT detail FROM audit_log WHERE action = 'connect' AND outcome = 'refused' AND actor = 'agent:family'",
    );
    expect(audited.map(({ detail }) => detail)).toContainEqual(
      'example.org:443: this group\'s network policy is "none": only the model can be reached',
    );
    await api.ask(family, '@Nina and the model?', COLD_MS);
    await home.nanoclaw('groups', 'set', 'family', '--network', 'open');
  }, 60_000);

  it('refuses other paths of the model API, and writes that down', async () => {
    const { engine_id: id } = container('family');
    const script = `fetch(process.env.ANTHROPIC_BASE_URL + '/v1/organizations/users', { headers: { 'x-api-key': process.env.ANTHROPIC_AUTH_TOKEN } })
      .then(async (answer) => console.log(answer.status, await answer.text()))`;
    expect(await node(id, script)).toMatch(/^403 .*Refused by NanoClaw/);
    expect(
      home.row(
        "SELECT 1 FROM audit_log WHERE action = 'model_request' AND detail LIKE '%/v1/organizations%'",
      ),
    ).toBeDefined();
  });

  it(
    'answers others at once, cold and warm, while a container floods its doors',
    async () => {
      const { engine_id: id, name } = container('family');
      const flood = `const net = require('node:net');
      setInterval(() => require('node:fs').existsSync('/tmp/enough') && process.exit(), 100);
      const again = (path) => {
        const socket = net.connect(path, () => socket.write('POST /v1/messages HTTP/1.1\\r\\nHost: x\\r\\n'));
        socket.on('error', () => {}).on('close', () => setImmediate(again, path));
      };
      for (const path of ['/run/nanoclaw/model.sock', '/run/nanoclaw/egress.sock'])
        for (let i = 0; i < 300; i += 1) again(path);`;
      const flooding = spawn('docker', ['exec', id, 'node', '-e', flood], { stdio: 'ignore' });
      try {
        const noted = "SELECT 1 FROM audit_log WHERE action = 'model_request' AND detail LIKE 'more than%'";
        await expect.poll(() => home.row(noted), { timeout: 20_000 }).toBeDefined();
        expect(await api.ask(garden, '@Nina cold?', COLD_MS)).toBe('Yes.');
        expect(await api.ask(garden, '@Nina warm?', COLD_MS)).toBe('Yes.');
        expect(flooding.exitCode).toBeNull();
        expect(container('family').name).toBe(name);
      } finally {
        const ended = once(flooding, 'exit');
        await docker('exec', id, 'touch', '/tmp/enough');
        await ended;
      }
      const door = sockets().of(name).model;
      const token = await tokenOf(id);
      await expect.poll(() => ask(door, token).catch(() => 401), { timeout: 20_000 }).not.toBe(401);
      await expect.poll(() => existsSync(sockets().of(name).egress), { timeout: 20_000 }).toBe(true);
    },
    3 * COLD_MS,
  );

  it('gives each container nothing of another’s: no address, no socket, and no use for its token', async () => {
    const [a, b] = [container('family'), container('garden')];
    for (const { engine_id: id } of [a, b]) {
      expect(await node(id, 'console.log(Object.keys(require("node:os").networkInterfaces()).join())')).toBe(
        'lo',
      );
      expect((await docker('exec', id, 'ls', '/run/nanoclaw')).split('\n')).toEqual([
        'egress.sock',
        'model.sock',
        'relay.mjs',
      ]);
    }
    const [own, others] = [await tokenOf(a.engine_id), await tokenOf(b.engine_id)];
    const door = sockets().of(b.name).model;
    expect(await ask(door, others)).not.toBe(401);
    expect(await ask(door, own)).toBe(401);
    expect(await ask(sockets().of(a.name).model, others)).toBe(401);
  });

  it(
    'opens the doors of running containers again when the daemon was killed',
    async () => {
      const { engine_id: id, name } = container('family');
      const token = await tokenOf(id);
      await daemon.kill('SIGKILL');
      await home.start();
      await expect
        .poll(() => ask(sockets().of(name).model, token).catch(() => 401), { timeout: 20_000 })
        .not.toBe(401);
      expect(await api.ask(family, '@Nina still there?', COLD_MS)).toBe('Yes.');
      expect(container('family').name).toBe(name);
    },
    2 * COLD_MS,
  );

  it('ends token and doors with the container', async () => {
    const { engine_id: id, name } = container('garden');
    const token = await tokenOf(id);
    const paths = sockets().of(name);
    await docker('rm', '-f', id);
    const ended = () => home.row('SELECT 1 FROM containers WHERE name = ? AND ended_at IS NOT NULL', name);
    await expect.poll(ended, { timeout: 20_000 }).toBeDefined();
    await expect
      .poll(() => existsSync(paths.model) || existsSync(paths.egress), { timeout: 20_000 })
      .toBe(false);
    expect(await ask(sockets().of(container('family').name).model, token)).toBe(401);
  }, 60_000);
});
