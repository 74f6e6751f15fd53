/** Containers without a network: the daemon's proxies over sockets, and nothing else, not even what the host offers to all. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/docker/engine.ts';
import type { EngineCall } from '../../src/docker/engine-http.ts';
import { createEgressProxy } from '../../src/http/egress-proxy.ts';
import { createModelProxy } from '../../src/http/model-proxy.ts';
import { issueToken, type TokenHolder } from '../../src/http/proxy-token.ts';
import { silentLogger } from '../../src/log.ts';
import { createDockerRuntime } from '../../src/runtime/docker-runtime.ts';
import type { ProxySockets } from '../../src/runtime/proxy-sockets.ts';
import { TEST_IMAGE, TestHome, testEngine, whyNoDocker } from './engine-support.ts';

const whyNot = await whyNoDocker();
const SLEEP = 'sleep 600 & wait\n';
const REAL_KEY = 'sk-ant-the-real-key-of-the-host';
const { token, sha256 } = issueToken();

describe.skipIf(whyNot)(`proxy sockets${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  const engine = testEngine();
  const home = new TestHome();
  const newRuntime = (its: Engine) =>
    createDockerRuntime({
      engine: its,
      instanceId: home.instanceId,
      image: TEST_IMAGE,
      projectRoot: home.dir,
      stateDir: join(home.dir, 'data/run'),
      limits: { memoryMb: 256, pids: 64 },
      reach: 'sockets',
    });
  const runtime = newRuntime(testEngine());
  let sockets: ProxySockets;
  let api: Server;
  let holder: TokenHolder | null = null;
  const resolveToken = (hash: string) => (hash === sha256 ? holder : null);
  let upstream: URL;

  beforeAll(async () => {
    await runtime.prepare();
    const found = runtime.proxySockets();
    if (!found) throw new Error('no sockets on this platform');
    sockets = found;
    // Listens on every address of the host, like many a service.
    api = createServer((request, response) => response.end(`upstream saw ${request.url}`));
    await new Promise<void>((resolve) => api.listen(0, '0.0.0.0', resolve));
    upstream = new URL(`http://127.0.0.1:${(api.address() as AddressInfo).port}`);
  });
  afterEach(async () => {
    await Promise.all((await runtime.list()).map((container) => container.remove()));
  });
  afterAll(async () => {
    await runtime.close();
    engine.close();
    api.close();
    home.dispose();
  });

  /** The doors of a daemon for the containers that run. */
  async function daemonProxies() {
    const credential = { kind: 'apiKey', value: REAL_KEY } as const;
    const log = silentLogger();
    const server = { upstream, api: 'messages', credential } as const;
    const serverOf = () => server;
    const model = createModelProxy({ serverOf, resolveToken, log, onCredentialFailure() {} });
    const egress = createEgressProxy({ resolveToken, policy: () => null, log });
    for (const { name, folder } of await runtime.list()) {
      const paths = sockets.of(name);
      await model.openDoor({ container: name, folder }, paths.model);
      await egress.openDoor({ container: name, folder }, paths.egress);
    }
    return { close: () => Promise.all([model.close(), egress.close()]) };
  }

  async function get(id: string, url: string, headers: Record<string, string> = {}): Promise<string> {
    const script = `fetch('${url}', { headers: ${JSON.stringify(headers)}, signal: AbortSignal.timeout(3000) })
      .then(async (answer) => console.log(answer.status, await answer.text()), (error) => console.log('FAILED', error.cause?.code ?? error.name))
      .finally(() => process.exit())`;
    const { stdout, stderr } = await engine.exec(id, ['node', '-e', script]);
    return (stdout + stderr).trim();
  }

  it('reaches the model with its own token, through one daemon and the next', async () => {
    const launch = home.launch('a', SLEEP, { token, modelUrl: sockets.modelUrl });
    const { id } = await runtime.launch(launch);
    holder = { container: launch.name, folder: 'a' };
    const first = await daemonProxies();
    const url = `${sockets.modelUrl}/v1/models`;
    expect(await get(id, url, { 'x-api-key': token })).toBe('200 upstream saw /v1/models');
    expect(await get(id, url, { 'x-api-key': 'wrong' })).toMatch(/^401 /);
    await first.close();
    expect(await get(id, url, { 'x-api-key': token })).toMatch(/^FAILED/);
    const second = await daemonProxies();
    expect(await get(id, url, { 'x-api-key': token })).toBe('200 upstream saw /v1/models');
    await second.close();
  });

  it('reaches nothing else: no address of the host, no other network, and look-ups fail at once', async () => {
    const { id, name } = await runtime.launch(home.launch('a', SLEEP));
    holder = { container: name, folder: 'a' };
    const proxies = await daemonProxies();
    const own = Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).filter((each) => each.family === 'IPv4'),
    );
    const addresses = [
      ...own.map((each) => each.address).filter((address) => address !== '127.0.0.1'),
      '1.1.1.1',
      '169.254.169.254',
    ];
    const tried = await Promise.all(
      addresses.map((address) => get(id, `http://${address}:${upstream.port}/`)),
    );
    expect(new Set(tried)).toEqual(new Set(['FAILED ENETUNREACH']));
    expect(await get(id, `http://127.0.0.1:${upstream.port}/`)).toBe('FAILED ECONNREFUSED');
    expect(await get(id, 'http://example.com/')).toBe('FAILED EAI_AGAIN');

    const { hostname: host, port } = new URL(`http://${sockets.egressHost}`);
    const connect = (target: string) =>
      engine.exec(id, [
        'node',
        '-e',
        `const auth='Basic '+Buffer.from('agent:${token}').toString('base64');
         require('http').request({host:'${host}',port:${port},method:'CONNECT',path:'${target}',headers:{'proxy-authorization':auth}})
           .on('connect',(answer)=>{console.log(answer.statusCode);process.exit()}).end()`,
      ]);
    for (const target of [
      `127.0.0.1:${upstream.port}`,
      '127.0.0.1:443',
      '169.254.169.254:80',
      ...own.map((each) => `${each.address}:443`),
    ]) {
      expect((await connect(target)).stdout).toBe('403\n');
    }
    await proxies.close();
  });

  it('asks the engine for four things from nothing to an agent that runs', async () => {
    const counted = testEngine();
    const calls: string[] = [];
    for (const name of ['json', 'open'] as const) {
      const send = counted[name].bind(counted) as (call: EngineCall) => Promise<never>;
      counted[name] = (call: EngineCall) => {
        calls.push(`${call.method} ${call.path.replace(/[0-9a-f]{64}/, 'ID')}`);
        return send(call);
      };
    }
    const other = newRuntime(counted);
    await other.prepare();
    await other.launch(home.launch('first', SLEEP));
    calls.length = 0;
    await other.prepare();
    await other.launch(home.launch('second', SLEEP));
    expect(calls).toEqual([
      `GET /images/${TEST_IMAGE}/json`,
      'POST /containers/create',
      'POST /containers/ID/wait',
      'POST /containers/ID/start',
    ]);
    await other.close();
  });

  it('has a network namespace of its own, with a loopback that knows its name and nothing else', async () => {
    const [one, other] = [
      await runtime.launch(home.launch('one', SLEEP)),
      await runtime.launch(home.launch('other', SLEEP)),
    ];
    const namespaceOf = async (id: string) =>
      (await engine.exec(id, ['readlink', '/proc/self/ns/net'])).stdout.trim();
    const namespaces = [await namespaceOf(one.id), await namespaceOf(other.id)];
    expect(namespaces).toEqual([expect.stringMatching(/^net:/), expect.stringMatching(/^net:/)]);
    expect(new Set([...namespaces, readlinkSync('/proc/self/ns/net')]).size).toBe(3);
    const interfaces = 'console.log(Object.keys(require("node:os").networkInterfaces()).join())';
    expect((await engine.exec(one.id, ['node', '-e', interfaces])).stdout).toBe('lo\n');
    // Found by its name, where nothing listens.
    expect(await get(one.id, `http://localhost:${upstream.port}/`)).toBe('FAILED ECONNREFUSED');
  });

  it('ends as the agent ends: its code, its output, its memory', async () => {
    const exits = await runtime.launch(home.launch('exits', 'echo out; exit 70\n'));
    expect(await exits.exited).toEqual({ code: 70, oomKilled: false, lastOutput: 'out\n' });
    const greedy = 'exec node -e "const all=[];for(;;)all.push(Buffer.alloc(8e6,1))"\n';
    const oom = await runtime.launch(home.launch('oom', greedy));
    expect(await oom.exited).toMatchObject({ code: 137, oomKilled: true });
    const told = await runtime.launch(
      home.launch('told', 'trap "echo told; exit 0" TERM; touch ready; while :; do sleep 0.05; done\n'),
    );
    // Not by its name in ps: that stands in the relay's arguments before the trap is set.
    await expect.poll(() => readdirSync(join(home.dir, 'groups/told'))).toContain('ready');
    await engine.kill(told.id, 'SIGTERM');
    expect(await told.exited).toEqual({ code: 0, oomKilled: false, lastOutput: 'told\n' });
  });

  it('cannot change the folder of its sockets or what runs from it, which goes with it', async () => {
    const container = await runtime.launch(home.launch('a', SLEEP));
    const { dir } = sockets.of(container.name);
    const relay = join(dir, 'relay.mjs');
    const before = readFileSync(relay, 'utf8');
    const script =
      'cd /run/nanoclaw; touch x; rm -f relay.mjs; echo x >> relay.mjs; mkdir d; mv relay.mjs y; true';
    await engine.exec(container.id, ['sh', '-c', script]);
    expect(readFileSync(relay, 'utf8')).toBe(before);
    expect(readdirSync(dir)).toEqual(['relay.mjs']);
    await container.remove();
    await runtime.list();
    expect(readdirSync(sockets.root)).toEqual([]);
  });
});
