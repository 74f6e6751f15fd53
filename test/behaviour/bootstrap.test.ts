/** The start-up script: makes what is missing once, says so, and is not fooled by dates, crashes or a second start. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import bootstrap from '../../scripts/bootstrap.cjs';

const REPOSITORY = path.resolve(import.meta.dirname, '../..');
const LOCK_FILE = {
  packages: {
    '': { name: 'nanoclaw' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/a-here': { version: '1.0.0', optional: true, os: [process.platform], cpu: [process.arch] },
    'node_modules/a-elsewhere': { version: '1.0.0', optional: true, os: ['plan9'], cpu: ['pdp11'] },
  },
};

let root: string;
let said: string[];

beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'nano claw ')));
  said = [];
  write('package.json', JSON.stringify({ type: 'module', engines: { node: '>=22.14' } }));
  write('package-lock.json', JSON.stringify(LOCK_FILE));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(name: string, text: string): void {
  mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
  writeFileSync(path.join(root, name), text);
}
const read = (name: string): string => readFileSync(path.join(root, name), 'utf8');

/** An `npm` that notes each call in npm.log and then does what `script` says. */
function fakeNpm(script: string): void {
  write('tools/npm', `#!/bin/sh\ncd "${root}"\necho "$1" >> npm.log\n${script}\n`);
  chmodSync(path.join(root, 'tools/npm'), 0o755);
}
const npmCalls = (): number =>
  existsSync(path.join(root, 'npm.log')) ? read('npm.log').trim().split('\n').length : 0;

function setup(version = process.versions.node) {
  return bootstrap.createSetup({
    root,
    version,
    // No npm beside this Node: only the fake one is found.
    execPath: path.join(root, 'running', 'node'),
    env: { PATH: `${path.join(root, 'tools')}:/usr/bin:/bin` },
    say: (line) => said.push(line),
  });
}

describe('Node', () => {
  it('is compared with the floor by number', () => {
    const enough = ['22.14.0', '22.15.1', '24.0.0', '100.0.0'].filter((v) => bootstrap.isAtLeast(v, '22.14'));
    const tooOld = ['18.20.1', '20.20.2', '22.2.0', '22.13.9'].filter((v) => bootstrap.isAtLeast(v, '22.14'));
    expect({ enough, tooOld }).toEqual({ enough: ['22.14.0', '22.15.1', '24.0.0', '100.0.0'], tooOld: [] });
  });

  it('that runs is taken when it is new enough, without a word', async () => {
    expect(await bootstrap.ensureNode(setup())).toBe(path.join(root, 'running', 'node'));
    expect({ said, node: existsSync(path.join(root, '.node')) }).toEqual({ said: [], node: false });
  });

  it('that is too old is replaced by one fetched once', async () => {
    fakeNpm(`for arg; do case "$arg" in *@*) spec="$arg";; esac; done
      folder=".node/node_modules/\${spec%@*}/bin"; mkdir -p "$folder"
      printf '#!/bin/sh\\necho v%s\\n' "\${spec#*@}" > "$folder/node"; chmod +x "$folder/node"`);
    const node = await bootstrap.ensureNode(setup('20.20.2'));
    expect(node.startsWith(path.join(root, '.node/node_modules/'))).toBe(true);
    expect(await bootstrap.ensureNode(setup('20.20.2'))).toBe(node);
    expect({ calls: npmCalls(), said: said.length }).toEqual({ calls: 1, said: 1 });
    expect(said[0]).toMatch(/^Node 20\.20\.2 is older than 22\.14: fetching Node 24\./);
  });

  it('that cannot be fetched, tried twice, ends in one sentence, and the next start tries again', async () => {
    fakeNpm('echo "network is down" >&2; exit 7');
    await expect(bootstrap.ensureNode(setup('20.20.2'))).rejects.toThrow(
      /^Fetching Node failed \(npm install ended with 7/,
    );
    expect(said).toContain('network is down');
    await expect(bootstrap.ensureNode(setup('20.20.2'))).rejects.toThrow(bootstrap.SetupError);
    expect({ calls: npmCalls(), lock: existsSync(path.join(root, '.node/lock')) }).toEqual({
      calls: 4,
      lock: false,
    });
  });

  it('without npm says what to install', async () => {
    const bare = { ...setup('20.20.2'), env: { PATH: path.join(root, 'tools') } };
    await expect(bootstrap.ensureNode(bare)).rejects.toThrow(
      /npm was not found.*Install Node 22\.14 or newer/s,
    );
  });
});

describe('packages', () => {
  const record = (packages: object) =>
    `mkdir -p node_modules; echo '${JSON.stringify({ packages })}' > node_modules/.package-lock.json`;
  const { 'node_modules/a-elsewhere': _, ...needed } = LOCK_FILE.packages;
  const ensure = () => bootstrap.ensureInstalled(setup(), process.execPath);

  it('are installed once, and again when the lock file says something else', async () => {
    fakeNpm(record(needed));
    await ensure();
    await ensure();
    expect({ calls: npmCalls(), said }).toEqual({
      calls: 1,
      said: ['Installing dependencies (first start, about 20 s) …'],
    });

    const newer = { ...needed, 'node_modules/a': { version: '1.0.1' } };
    write('package-lock.json', JSON.stringify({ packages: newer }));
    utimesSync(path.join(root, 'package-lock.json'), 0, 0);
    fakeNpm(record(newer));
    await ensure();
    expect({ calls: npmCalls(), last: said.at(-1) }).toEqual({
      calls: 2,
      last: 'Updating dependencies (about 20 s) …',
    });
  });

  it('that someone installed by hand are recognised', async () => {
    write('node_modules/.package-lock.json', JSON.stringify({ packages: needed }));
    await ensure();
    expect({ calls: npmCalls(), said }).toEqual({ calls: 0, said: [] });
  });

  it('of another machine are replaced', async () => {
    const { 'node_modules/a-here': __, ...others } = needed;
    write('node_modules/.package-lock.json', JSON.stringify({ packages: others }));
    fakeNpm(record(needed));
    await ensure();
    expect(npmCalls()).toBe(1);
  });

  it('are installed by one of several starts', async () => {
    fakeNpm(`sleep 0.3; ${record(needed)}`);
    await Promise.all([ensure(), ensure(), ensure()]);
    expect(npmCalls()).toBe(1);
    expect(said).toContain('Another start is setting up this folder; waiting for it …');
  });

  it('are installed although a start that held the lock was killed', async () => {
    const dead = spawn('true');
    await once(dead, 'exit');
    write('.node/lock', `${dead.pid}\n`);
    fakeNpm(record(needed));
    await ensure();
    expect(npmCalls()).toBe(1);
  });

  it('wait for an npm that outlived its killed start', async () => {
    const npm = spawn('sleep', ['0.5']);
    write('.node/lock', `999999999\n${npm.pid}\n`);
    fakeNpm(record(needed));
    await ensure();
    expect({ calls: npmCalls(), npm: npm.exitCode }).toEqual({ calls: 1, npm: 0 });
  });

  it('that cannot be written are said to be so', async () => {
    write('.node', 'a file where the folder should be');
    await expect(ensure()).rejects.toThrow(/has to be set up, but cannot be written \(EEXIST\)/);
  });
});

describe('the build', () => {
  const ensure = () => bootstrap.ensureBuilt(setup(), process.execPath);
  const chunks = () => readdirSync(path.join(root, 'dist/chunks')).filter((name) => name.endsWith('.js'));

  beforeEach(() => {
    cpSync(path.join(REPOSITORY, 'scripts'), path.join(root, 'scripts'), { recursive: true });
    symlinkSync(path.join(REPOSITORY, 'node_modules'), path.join(root, 'node_modules'));
    write('src/shared.ts', "export const shared: string[] = ['one'];\n");
    write('src/index.ts', "import { shared } from './shared.ts';\nconsole.log('daemon', shared);\n");
    write('src/cli.ts', "import { shared } from './shared.ts';\nconsole.log('cli', shared);\n");
    write('container/agent-runner/src/main.ts', "console.log('agent');\n");
    write('src/simulator/page/index.html', '<p>');
  });

  it('is made when missing, then left alone, whatever the dates and tests say', async () => {
    await ensure();
    expect(
      existsSync(path.join(root, 'dist/index.js')) && existsSync(path.join(root, 'dist/cli.js.map')),
    ).toBe(true);
    expect(read('dist/simulator-page/index.html')).toBe('<p>');
    utimesSync(path.join(root, 'src/shared.ts'), new Date(), new Date(Date.now() + 1e6));
    write('src/shared.test.ts', 'not built');
    await ensure();
    expect(said).toEqual(['Building …']);
  });

  it('is made again after a change, and keeps the chunks a running daemon may still load', async () => {
    await ensure();
    const first = chunks();
    write('src/shared.ts', "export const shared: string[] = ['two'];\n");
    utimesSync(path.join(root, 'src/shared.ts'), 0, 0);
    await ensure();
    const second = chunks();
    write('src/shared.ts', "export const shared: string[] = ['three'];\n");
    await ensure();
    expect(second).toEqual(expect.arrayContaining(first));
    expect(chunks().filter((name) => first.includes(name))).toEqual([]);
    expect(readdirSync(path.join(root, '.node'))).toEqual([]);
  });

  it('remembers how the sources looked, and is not fooled by a change of the same size and date', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    try {
      await ensure();
      await ensure();
      expect(read('dist/.seen')).toContain(bootstrap.sourceHash(root));
      const { atime, mtime } = statSync(path.join(root, 'src/shared.ts'));
      write('src/shared.ts', "export const shared: string[] = ['eno'];\n");
      utimesSync(path.join(root, 'src/shared.ts'), atime, mtime);
      await ensure();
      expect(said).toEqual(['Building …', 'Building …']);
      expect(existsSync(path.join(root, 'dist/.seen'))).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });

  it('that fails shows why, keeps the old one and is tried again', async () => {
    await ensure();
    const old = read('dist/index.js');
    appendFileSync(path.join(root, 'src/index.ts'), "import './missing.ts';\n");
    await expect(ensure()).rejects.toThrow(/^Building failed for the reason above/);
    await expect(ensure()).rejects.toThrow(bootstrap.SetupError);
    expect({ same: read('dist/index.js') === old, why: said.join('\n').includes('./missing.ts') }).toEqual({
      same: true,
      why: true,
    });
  });
});

describe('bin/nanoclaw under an older Node', () => {
  /** A project whose floor is above any Node, with this Node as the one that was fetched. */
  function project(cli: string): string {
    for (const name of ['bin', 'scripts'])
      cpSync(path.join(REPOSITORY, name), path.join(root, name), { recursive: true });
    write('package.json', JSON.stringify({ type: 'module', engines: { node: '>=999' } }));
    const here = bootstrap.NODE_PACKAGES[`${process.platform}-${process.arch}`];
    const binary = `.node/node_modules/${here?.name}/bin/node`;
    write(binary, '');
    rmSync(path.join(root, binary));
    try {
      linkSync(process.execPath, path.join(root, binary));
    } catch {
      copyFileSync(process.execPath, path.join(root, binary));
    }
    write('.node/version', String(here?.version));
    write('node_modules/.package-lock.json', read('package-lock.json'));
    write('dist/cli.js', cli);
    write('dist/.stamp', JSON.stringify({ hash: bootstrap.sourceHash(root), files: [] }));
    mkdirSync(path.join(root, 'elsewhere'));
    symlinkSync(path.join(root, 'bin/nanoclaw'), path.join(root, 'elsewhere/nanoclaw'));
    return path.join(root, 'elsewhere');
  }

  function start(cwd: string, ...args: string[]): ChildProcess {
    return spawn(process.execPath, ['nanoclaw', ...args], { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  }
  const firstLine = async (child: ChildProcess): Promise<string> => {
    const [chunk] = await once(child.stdout ?? child, 'data');
    return String(chunk).trim();
  };

  it('passes arguments, folder, exit code, and leaves no trace in the environment', async () => {
    const cwd = project(
      "console.log(JSON.stringify([process.argv.slice(2), process.cwd(), 'NANOCLAW_STARTED_BY' in process.env]));\n" +
        'process.exitCode = 7;\n',
    );
    const child = start(cwd, 'why', 'a b');
    expect(JSON.parse(await firstLine(child))).toEqual([['why', 'a b'], cwd, false]);
    expect((await once(child, 'exit'))[0]).toBe(7);
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('passes %s on', async (signal) => {
    const cwd = project(
      `process.on('${signal}', () => process.exit(42));\nsetInterval(() => {}, 1000);\nconsole.log('up');\n`,
    );
    const child = start(cwd);
    await firstLine(child);
    child.kill(signal);
    expect((await once(child, 'exit'))[0]).toBe(42);
  });

  it('takes the program with it when it is killed', async () => {
    const child = start(project('setInterval(() => {}, 1000);\nconsole.log(process.pid);\n'));
    const pid = Number(await firstLine(child));
    expect(pid).not.toBe(child.pid);
    child.kill('SIGKILL');
    await expect.poll(() => isAlive(pid)).toBe(false);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // In a container without an init, an ended process stays as a zombie.
    return process.platform !== 'linux' || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
