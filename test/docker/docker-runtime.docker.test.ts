/** The docker runtime against a real engine: what DESIGN.md promises about "The container", seen from inside. */

import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/docker/engine.ts';
import { removeNetworks } from '../../src/runtime/docker-network.ts';
import {
  createDockerRuntime,
  type DockerRuntime,
  type DockerRuntimeOptions,
} from '../../src/runtime/docker-runtime.ts';
import { TEST_IMAGE, TestHome, testEngine, whyNoDocker } from './engine-support.ts';

const whyNot = await whyNoDocker();
const SLEEP = 'sleep 600 & wait\n';
const identityOf = (file: string) => {
  const { dev, ino } = statSync(file, { bigint: true });
  return `${dev}:${ino}`;
};

describe.skipIf(whyNot)(`docker runtime${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  const engine: Engine = testEngine();
  const home = new TestHome();
  const runtimes: DockerRuntime[] = [];

  const runtime = (more: Partial<DockerRuntimeOptions> = {}): DockerRuntime => {
    const made = createDockerRuntime({
      engine: testEngine(),
      instanceId: home.instanceId,
      image: TEST_IMAGE,
      projectRoot: home.dir,
      stateDir: join(home.dir, 'data/run'),
      limits: { memoryMb: 128, cpus: 1, pids: 64 },
      ...more,
    });
    runtimes.push(made);
    return made;
  };
  const first = runtime();
  const sh = (id: string, script: string) => engine.exec(id, ['sh', '-c', script]);

  beforeAll(() => first.prepare());
  afterEach(async () => {
    await Promise.all((await first.list()).map((container) => container.remove()));
  });
  afterAll(async () => {
    await Promise.all(runtimes.map((each) => each.close()));
    await removeNetworks(engine, home.instanceId);
    engine.close();
    home.dispose();
  });

  it('reports the exit code and the last output', async () => {
    const container = await first.launch(home.launch('exits', 'echo out; echo err >&2; exit 70\n'));
    const exit = await container.exited;
    expect(exit).toMatchObject({ code: 70, oomKilled: false });
    // The engine reads two pipes, so their order is not certain.
    expect(exit.lastOutput.split('\n').sort()).toEqual(['', 'err', 'out']);
    await container.remove();
    await container.remove();
    expect(await first.list()).toEqual([]);
  });

  it('reports a container that ran out of memory', async () => {
    const script = 'exec node -e "const all=[];for(;;)all.push(Buffer.alloc(8e6,1))"\n';
    const container = await first.launch(home.launch('oom', script));
    expect(await container.exited).toMatchObject({ code: 137, oomKilled: true });
  });

  it('tells how much memory a container uses, and nothing of one that is gone or not ours', async () => {
    const script =
      'exec node -e "globalThis.held=Buffer.alloc(48e6,1);console.log(1);setInterval(()=>{},1e6)"\n';
    const small = home.launch('small', SLEEP);
    const large = home.launch('large', script);
    const [one, other] = await Promise.all([first.launch(small), first.launch(large)]);
    await expect.poll(() => engine.logsTail(other.id, 100), { timeout: 20_000 }).toContain('1');
    const [little, much] = [await first.memoryOf(small.name), await first.memoryOf(large.name)];
    expect(little).toBeGreaterThan(0);
    expect(little).toBeLessThan(48e6);
    expect(much).toBeGreaterThan(48e6);
    expect(much).toBeLessThanOrEqual(128 * 1024 * 1024);
    await one.remove();
    expect(await first.memoryOf(small.name)).toBe(null);
    expect(await first.memoryOf('nanoclaw-somebody-else')).toBe(null);
  });

  it('keeps only the end of a long output', async () => {
    const container = await first.launch(
      home.launch('talks', 'i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done\n'),
    );
    const { lastOutput } = await container.exited;
    expect(Buffer.byteLength(lastOutput)).toBeLessThanOrEqual(4096);
    expect(lastOutput.endsWith('line 2999\n')).toBe(true);
  });

  it('mounts each folder as promised, owned by whoever works in it', async () => {
    const extra = join(home.dir, 'outside');
    mkdirSync(extra);
    writeFileSync(join(extra, 'note'), 'extra\n');
    const launch = home.launch('mounts', SLEEP, {
      extraMounts: [{ name: 'notes', hostPath: extra, writable: false, identity: identityOf(extra) }],
    });
    const { id } = await first.launch(launch);
    const tried = await sh(
      id,
      `for d in /workspace/group /workspace/ipc/out /workspace/ipc/out/messages /workspace/ipc/out/.staging "$HOME" /tmp; do
         touch $d/w && echo "$d rw"; done
       for d in /workspace/global /workspace/ipc/in /workspace/ipc/in/turns /workspace/extra/notes /workspace /etc /; do
         touch $d/w 2>/dev/null || echo "$d ro"; done
       cat /workspace/extra/notes/note /workspace/global/CLAUDE.md; ls /workspace/project 2>&1 | wc -l; ls /workspace/ipc/in`,
    );
    expect(tried.stderr).toBe('');
    expect(tried.stdout.split('\n')).toEqual([
      '/workspace/group rw',
      '/workspace/ipc/out rw',
      '/workspace/ipc/out/messages rw',
      '/workspace/ipc/out/.staging rw',
      '/home/agent rw',
      '/tmp rw',
      '/workspace/global ro',
      '/workspace/ipc/in ro',
      '/workspace/ipc/in/turns ro',
      '/workspace/extra/notes ro',
      '/workspace ro',
      '/etc ro',
      '/ ro',
      'extra',
      'shared',
      expect.stringMatching(/^[01]$/),
      'control',
      'results',
      'turns',
      '',
    ]);
    const uid = process.getuid?.() === 0 ? 1000 : process.getuid?.();
    expect(statSync(join(launch.groupDir, 'w')).uid).toBe(uid);
    expect(readFileSync(join(launch.groupDir, 'w'), 'utf8')).toBe('');
  });

  it('refuses a container whose extra mount is not what was judged', async () => {
    const judged = join(home.dir, 'data/judged');
    const secret = join(home.dir, 'data/secret');
    for (const dir of [judged, secret]) mkdirSync(dir);
    const swapped = home.launch('swapped', SLEEP, {
      extraMounts: [{ name: 'notes', hostPath: judged, writable: false, identity: identityOf(judged) }],
    });
    // What somebody who can write next to it would do after the look.
    renameSync(judged, `${judged}-away`);
    symlinkSync(secret, judged);
    await expect(first.launch(swapped)).rejects.toMatchObject({ code: 'MOUNT_REFUSED' });
    expect(await first.list()).toEqual([]);
  });

  it('bears the labels, runs unprivileged and is limited', async () => {
    const launch = home.launch('limits', SLEEP);
    const { id } = await first.launch(launch);
    const { Config } = await engine.inspect(id);
    expect(Config.Labels).toMatchObject({
      'nanoclaw.instance': home.instanceId,
      'nanoclaw.group': 'limits',
      'nanoclaw.protocol': '1',
      'nanoclaw.name': launch.name,
    });
    const uid = process.getuid?.() === 0 ? 1000 : process.getuid?.();
    const status = await sh(
      id,
      'id -u; grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status; ulimit -n; ulimit -c',
    );
    expect(status.stdout.split(/\s+/)).toEqual(
      expect.arrayContaining([
        String(uid),
        '0000000000000000',
        'NoNewPrivs:',
        '1',
        'Seccomp:',
        '2',
        '8192',
        '0',
      ]),
    );
    const bomb = await sh(id, 'i=0; while [ $i -lt 200 ]; do sleep 5 & i=$((i+1)); done; wait');
    expect(`${bomb.code} ${bomb.stderr}`).toMatch(/fork|Resource temporarily unavailable/i);
    const memory = await engine.stats(id);
    expect(memory.memory_stats.limit).toBe(128 * 1024 * 1024);
  });

  it('gets exactly the environment of the protocol', async () => {
    const launch = home.launch('env', SLEEP, {
      modelUrl: 'http://10.0.0.1:1234',
      token: 'own-token',
    });
    const proxied = runtime({
      proxyUrl: ({ token }) => `http://c:${token}@10.0.0.1:99`,
    });
    await proxied.prepare();
    const { id } = await proxied.launch(launch);
    const { stdout } = await sh(id, 'tr "\\0" "\\n" < /proc/1/environ');
    const names = stdout
      .split('\n')
      .map((line) => line.split('=')[0])
      .filter(Boolean)
      .sort();
    const imageOwn = new Set([
      'PATH',
      'HOSTNAME',
      'NODE_VERSION',
      'YARN_VERSION',
      'NODE_EXTRA_CA_CERTS',
      'SSL_CERT_FILE',
      'NODE_ENV',
      'NODE_COMPILE_CACHE',
      'USER',
    ]);
    expect(names.filter((name) => name && !imageOwn.has(name))).toEqual(
      [
        'ANTHROPIC_AUTH_TOKEN',
        'ANTHROPIC_BASE_URL',
        'HOME',
        'HTTPS_PROXY',
        'HTTP_PROXY',
        'LANG',
        'NANOCLAW_CONTAINER',
        'NANOCLAW_GLOBAL_DIR',
        'NANOCLAW_GROUP_DIR',
        'NANOCLAW_IDLE_EXIT_MS',
        'NANOCLAW_IPC_DIR',
        'NANOCLAW_PROTOCOL',
        'NANOCLAW_PROVIDER',
        'NANOCLAW_SWEEP_MS',
        'NODE_USE_ENV_PROXY',
        'NO_PROXY',
        'TZ',
        'http_proxy',
        'https_proxy',
        'no_proxy',
      ].sort(),
    );
  });

  it('reaches the proxies on the gateway, and nothing else', async (context) => {
    const server = createServer((_, response) => response.end('hello from the daemon'));
    await new Promise<void>((resolve) => server.listen(0, first.gatewayAddress(), resolve));
    const { port } = server.address() as AddressInfo;
    const listening = `exec node -e "require('http').createServer((q,r)=>r.end('B')).listen(8080)"\n`;
    try {
      const a = await first.launch(home.launch('net-a', SLEEP));
      const b = await first.launch(home.launch('net-b', listening));
      expect(await get(a.id, `http://${first.proxyHost()}:${port}/`)).toBe('hello from the daemon');
      const { enforced, reason } = first.networkEnforcement();
      expect(enforced).toBe(false);
      if (!reason?.startsWith('over a bridge')) return context.skip(reason ?? '');

      for (const target of ['http://1.1.1.1/', 'http://169.254.169.254/']) {
        expect(await get(a.id, target)).toMatch(/^FAILED/);
      }
      expect(await get(a.id, 'http://example.com/')).toMatch(/^FAILED (EAI_AGAIN|ECONNREFUSED)/);
      // Timed inside: what the exec around it takes says nothing. Where nobody answers it is ten seconds.
      const timed = `const t=performance.now();require('dns').lookup('example.com',()=>console.log(performance.now()-t))`;
      expect(Number((await engine.exec(a.id, ['node', '-e', timed])).stdout)).toBeLessThan(5_000);

      // B serves, as B itself sees; A, on the same bridge, does not reach it.
      expect(await get(b.id, 'http://127.0.0.1:8080/', 50)).toBe('B');
      const address = (await sh(b.id, 'hostname -i')).stdout.trim();
      expect(address).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      expect(await get(a.id, `http://${address}:8080/`)).toMatch(/^FAILED/);
    } finally {
      server.close();
    }
  });

  it('lets another runtime of the instance adopt what runs and see what ended, and nobody else', async () => {
    const running = await first.launch(home.launch('adopt', SLEEP));
    const ended = await first.launch(home.launch('ended', 'echo bye; exit 3\n'));
    await ended.exited;
    const second = runtime();
    await second.prepare();
    const found = await second.list();
    expect(found.map(({ name, folder }) => ({ name, folder }))).toEqual(
      expect.arrayContaining([
        { name: running.name, folder: 'adopt' },
        { name: ended.name, folder: 'ended' },
      ]),
    );
    const adopted = found.find(({ id }) => id === running.id);
    expect(await found.find(({ id }) => id === ended.id)?.exited).toEqual({
      code: 3,
      oomKilled: false,
      lastOutput: 'bye\n',
    });
    expect((await second.list()).find(({ id }) => id === running.id)).toBe(adopted);

    const stranger = runtime({ instanceId: randomUUID() });
    expect(await stranger.list()).toEqual([]);

    await adopted?.remove();
    expect((await adopted?.exited)?.oomKilled).toBe(false);
    await running.exited;
    expect((await second.list()).map(({ name }) => name)).toEqual([ended.name]);
  });

  it('shows main the project without secrets, whatever appears later', async () => {
    writeFileSync(join(home.dir, '.env'), 'SECRET=canary\n');
    writeFileSync(join(home.dir, '.env.example'), 'SECRET=\n');
    writeFileSync(join(home.dir, 'package.json'), '{}\n');
    writeFileSync(join(home.dir, 'server.key'), 'canary\n');
    for (const folder of ['src', 'outside']) mkdirSync(join(home.dir, folder), { recursive: true });
    writeFileSync(join(home.dir, 'src/index.ts'), 'export {};\n');
    symlinkSync(join(home.dir, '.env'), join(home.dir, 'linked'));
    mkdirSync(join(home.dir, 'data/backups'), { recursive: true });
    writeFileSync(join(home.dir, 'data/backups/old.db'), 'canary');
    mkdirSync(join(home.dir, 'data/sessions/other'), { recursive: true });
    writeFileSync(join(home.dir, 'data/sessions/other/token'), 'canary');

    const { id } = await first.launch(home.launch('main', SLEEP, { isMain: true, projectDir: home.dir }));
    writeFileSync(join(home.dir, '.env.new'), 'SECRET=canary\n');
    renameSync(join(home.dir, '.env.new'), join(home.dir, '.env'));
    writeFileSync(join(home.dir, '.env.local'), 'SECRET=canary\n');

    const listed = await sh(
      id,
      'cd /workspace/project && ls -A && ls -A data/backups data/sessions && cat src/index.ts',
    );
    expect(listed.stdout).toBe(
      '.env.example\ndata\ngroups\noutside\npackage.json\nsrc\ndata/backups:\n\ndata/sessions:\nexport {};\n',
    );
    expect((await sh(id, 'grep -rl canary /workspace /home /tmp 2>/dev/null')).stdout).toBe('');
    const writes = await sh(
      id,
      'for f in . src data data/backups groups; do touch /workspace/project/$f/x 2>/dev/null && echo $f; done; touch /workspace/global/x && echo global',
    );
    expect(writes.stdout).toBe('global\n');
  });

  it('lets main read the live database while the host writes, also one only root may read', async () => {
    const path = join(home.dir, 'data/nanoclaw.db');
    const database = new Database(path);
    database.pragma('journal_mode = WAL');
    database.exec('CREATE TABLE messages(content TEXT)');
    for (const suffix of ['', '-wal', '-shm']) chmodSync(`${path}${suffix}`, 0o600);
    chmodSync(join(home.dir, 'data'), 0o700);
    try {
      const { id } = await first.launch(home.launch('main', SLEEP, { isMain: true, projectDir: home.dir }));
      const query = `node -e "const {DatabaseSync}=require('node:sqlite');console.log(new DatabaseSync('/workspace/project/data/nanoclaw.db',{readOnly:true}).prepare('SELECT content FROM messages ORDER BY rowid').all().map(r=>r.content).join())"`;
      database.prepare('INSERT INTO messages VALUES (?)').run('one');
      const one = await sh(id, query);
      expect(one.stdout + one.stderr).toMatch(/^one\n/);
      database.prepare('INSERT INTO messages VALUES (?)').run('two');
      expect((await sh(id, query)).stdout).toBe('one,two\n');
      const tool = await sh(
        id,
        'command -v sqlite3 >/dev/null && sqlite3 /workspace/project/data/nanoclaw.db "SELECT count(*) FROM messages"',
      );
      expect([0, 127, 1]).toContain(tool.code);
      if (tool.code === 0) expect(tool.stdout).toBe('2\n');

      // The daemon starts anew: -wal and -shm go and come while the container lives.
      database.close();
      const again = new Database(path);
      again.prepare('INSERT INTO messages VALUES (?)').run('three');
      expect((await sh(id, query)).stdout).toBe('one,two,three\n');
      again.close();
    } finally {
      if (database.open) database.close();
    }
  });

  /** What a container gets from a URL: the body, or "FAILED <code>". Tries again while the connection is refused. */
  async function get(id: string, url: string, tries = 1): Promise<string> {
    const script = `(async () => {
      for (let left = ${tries}; ; left--) {
        try { const answer = await fetch('${url}', { signal: AbortSignal.timeout(1500) }); return console.log(await answer.text()); }
        catch (error) {
          if (left <= 1) return console.log('FAILED', error.cause?.code ?? error.name);
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
    })()`;
    const { stdout, stderr } = await engine.exec(id, [
      'node',
      '-e',
      `${script}.finally(() => process.exit())`,
    ]);
    return (stdout + stderr).trim();
  }
});
