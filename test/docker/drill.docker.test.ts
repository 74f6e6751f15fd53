/** `nanoclaw doctor --drill`: passes where agents are held, for root and for others, and fails by the right line where not. */
import { execFile, execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/commands/doctor/finding.ts';
import { TestHome } from '../support/daemon.ts';
import { docker, whyNoAgentImage } from './agent-container.ts';
import { testEngine } from './engine-support.ts';
import { type Asked, bindMount, weakenedEngine } from './weakened-engine.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const whyNot = await whyNoAgentImage();
const DRILL_MS = 180_000;
const ALL = [
  ...[
    'own-folder',
    'other-places',
    'other-group',
    'env-file',
    'allowlist',
    'secrets',
    'main-view',
    'privileges',
  ],
  ...['engine-socket', 'network', 'host-services', 'metadata', 'internet', 'other-container', 'commands'],
  ...['file-size', 'pids', 'cpu', 'memory'],
];

interface Drilled {
  code: number | null;
  passed: boolean;
  findings: Finding[];
  failed: string[];
}

function read(code: number | null, stdout: string): Drilled {
  const { passed, findings } = JSON.parse(stdout) as Pick<Drilled, 'passed' | 'findings'>;
  const failed = findings.filter(({ state }) => state === 'fail').map(({ id }) => id);
  return { code, passed, findings, failed };
}

const address = whyNot === null ? testEngine().address : null;
const socket = address?.kind === 'unix' ? address.socketPath : null;

describe.skipIf(whyNot)(`the drill${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  let home: TestHome;
  let sockets: string;
  const closing: (() => void)[] = [];

  beforeAll(() => {
    home = new TestHome(process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {});
    sockets = mkdtempSync(path.join(tmpdir(), 'nanoclaw-engine-'));
  });
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });
  afterAll(async () => {
    await home.dispose();
    rmSync(sockets, { recursive: true, force: true });
  });

  async function drill(settings: Record<string, string> = {}): Promise<Drilled> {
    const { code, stdout, stderr } = await home.nanoclawWith(settings, 'doctor', '--drill', '--json');
    expect(stderr).toBe('');
    return read(code, stdout);
  }

  async function weakened(weaken: (asked: Asked) => void): Promise<Drilled> {
    if (socket === null) throw new Error('the engine has no socket on this host');
    const file = path.join(sockets, `${readdirSync(sockets).length}.sock`);
    const engine = await weakenedEngine(file, socket, weaken);
    closing.push(() => engine.close());
    return drill({ DOCKER_HOST: engine.dockerHost });
  }

  /** Nothing of it stays. */
  async function expectNothingLeft(): Promise<void> {
    expect(readdirSync(home.dir).filter((name) => name.startsWith('.drill'))).toEqual([]);
    const mounts = await docker('ps', '-aq', '--no-trunc', '--filter', 'label=nanoclaw.instance');
    for (const id of mounts.split('\n').filter(Boolean)) {
      const seen = await docker('inspect', '--format', '{{json .Mounts}}', id).catch(() => '');
      expect(seen).not.toContain(home.dir);
    }
  }

  it(
    'passes, line by line, and leaves nothing behind',
    async () => {
      const { code, passed, findings } = await drill();
      expect(findings.filter(({ state }) => state !== 'ok')).toEqual([]);
      expect(findings.map(({ id }) => id)).toEqual(ALL);
      expect([code, passed]).toEqual([0, true]);
      await expectNothingLeft();
    },
    DRILL_MS,
  );

  it(
    'says for people what it saw',
    async () => {
      const { code, stdout } = await home.nanoclawWith(
        { DOCKER_HOST: 'unix:///nowhere.sock' },
        'doctor',
        '--drill',
      );
      expect(code).toBe(1);
      expect(stdout).toMatch(/^FAIL {2}start .*\n {6}→ .+\n1 of 1 failed\.$/m);
      await expectNothingLeft();
    },
    DRILL_MS,
  );

  it(
    'fails by line where a container is given the host’s network, a secret, other groups’ folders, and no limits',
    async () => {
      const { code, failed, findings } = await weakened(({ folder, home: drillHome, spec, host }) => {
        if (folder === 'main') {
          host.Mounts = [...(host.Mounts ?? []), bindMount(path.join(drillHome, '.env'), '/workspace/peek')];
          return;
        }
        if (folder !== 'family') return;
        const dotEnv = readFileSync(path.join(drillHome, '.env'), 'utf8');
        spec.Env.push(`LEAKED=${/ANTHROPIC_API_KEY=(.*)/.exec(dotEnv)?.[1]}`);
        const global = host.Mounts?.find(({ Target }) => Target === '/workspace/global');
        chmodSync(global?.Source ?? '', 0o777);
        host.Mounts = [
          ...(host.Mounts ?? []).map((mount) => (mount === global ? { ...mount, ReadOnly: false } : mount)),
          bindMount(path.join(drillHome, 'groups/work'), '/workspace/peek'),
          bindMount(path.join(drillHome, '.env'), '/workspace/peek.env'),
          bindMount(path.join(drillHome, '../config'), '/workspace/config'),
          bindMount(socket ?? '', '/var/run/docker.sock'),
        ];
        for (const key of ['CapDrop', 'SecurityOpt', 'Ulimits']) delete host[key];
        spec.NetworkDisabled = false;
        Object.assign(host, { NetworkMode: 'host', PidsLimit: 0, NanoCpus: 0, Memory: 0, MemorySwap: 0 });
        for (const key of ['Dns', 'DnsOptions']) delete host[key];
      });
      // Whether something answers there depends on the machine's own network; drill-reach.test.ts has those.
      const certain = failed.filter((id) => !['metadata', 'internet', 'other-container'].includes(id));
      expect(certain).toEqual([
        ...['other-places', 'other-group', 'env-file', 'allowlist', 'secrets', 'main-view', 'privileges'],
        ...['engine-socket', 'host-services', 'file-size', 'pids', 'cpu', 'memory'],
      ]);
      for (const { state, fix } of findings) expect(fix === undefined).toBe(state === 'ok');
      expect(findings.find(({ id }) => id === 'other-places')?.seen).toContain('/workspace/global');
      expect(code).toBe(1);
      await expectNothingLeft();
    },
    DRILL_MS,
  );

  it(
    'fails where a container has main’s mailbox',
    async () => {
      const { failed, findings } = await weakened(({ folder, home: drillHome, spec, host }) => {
        if (folder !== 'family') return;
        // Main's agent may start later: its mailbox is its own only then.
        execFileSync('chown', ['-R', spec.User ?? '', path.join(drillHome, 'data/ipc/main/out')]);
        host.Mounts = (host.Mounts ?? []).map((mount) =>
          mount.Target.startsWith('/workspace/ipc/')
            ? { ...mount, Source: mount.Source.replace('/ipc/family/', '/ipc/main/') }
            : mount,
        );
      });
      // Whether the other container can be made to listen depends on this machine.
      expect(failed.filter((id) => id !== 'other-container')).toEqual(['commands']);
      expect(findings.find(({ id }) => id === 'commands')?.seen).toMatch(/carried out: .*unregister_group/);
    },
    DRILL_MS,
  );

  it(
    'says what is not enforced where the engine may be on another machine',
    async () => {
      const engine = await weakenedEngine(null, socket ?? '', () => {});
      closing.push(() => engine.close());
      const { code, findings } = await drill({ DOCKER_HOST: engine.dockerHost });
      expect(code).toBe(1);
      expect(findings.find(({ id }) => id === 'network')).toMatchObject({
        state: 'fail',
        seen: expect.stringContaining('NOT enforced'),
        fix: expect.stringContaining('on this machine'),
      });
      expect(findings.map(({ id }) => id)).toEqual(ALL);
      for (const id of ['own-folder', 'other-places', 'secrets', 'privileges', 'commands', 'memory'])
        expect(findings.find((finding) => finding.id === id)).toMatchObject({ state: 'ok' });
    },
    DRILL_MS,
  );

  // For anybody but root the first test is this one already.
  const canBecome = process.getuid?.() === 0 && process.platform === 'linux' && socket !== null;
  if (canBecome)
    it(
      'passes for an ordinary user who is in the socket’s group',
      async () => {
        const user = 4243;
        const group = statSync(socket ?? '').gid;
        const as = ['--reuid', String(user), '--regid', String(user), '--groups', String(group)];
        const run = promisify(execFile);
        const place = mkdtempSync(path.join(tmpdir(), 'nanoclaw-user-'));
        closing.push(() => rmSync(place, { recursive: true, force: true }));
        chmodSync(place, 0o755);
        const own = path.join(place, 'me');
        mkdirSync(own);
        chownSync(own, user, user);
        let checkout = ROOT;
        let node = process.execPath;
        const readable = await run('setpriv', [
          ...as,
          'sh',
          '-c',
          'test -x "$0" && test -r "$1/dist/cli.js" && test -r "$1/node_modules/zod/package.json"',
          node,
          checkout,
        ]).catch(() => null);
        if (!readable) {
          checkout = path.join(place, 'checkout');
          node = path.join(place, 'node');
          cpSync(process.execPath, node);
          for (const part of [
            'dist',
            'container',
            'groups',
            'package.json',
            'src/protocol.ts',
            'node_modules',
          ])
            cpSync(path.join(ROOT, part), path.join(checkout, part), {
              recursive: true,
              verbatimSymlinks: true,
            });
        }
        const command = [node, path.join(checkout, 'dist/cli.js'), 'doctor', '--drill', '--json'];
        const env = {
          PATH: process.env.PATH ?? '',
          HOME: own,
          NANOCLAW_HOME: own,
          TZ: 'UTC',
          DOCKER_HOST: `unix://${socket}`,
        };
        const result = await run('setpriv', [...as, ...command], { cwd: own, env }).catch(
          (error: { stdout?: string; message: string }) => {
            throw new Error(`${error.message}\n${error.stdout}`);
          },
        );
        const { passed, findings } = read(0, result.stdout);
        expect(findings.filter(({ state }) => state !== 'ok')).toEqual([]);
        expect(findings.map(({ id }) => id)).toEqual(ALL);
        expect(passed).toBe(true);
        expect(findings.find(({ id }) => id === 'privileges')?.seen).toContain(`user ${user}`);
      },
      DRILL_MS,
    );
});
