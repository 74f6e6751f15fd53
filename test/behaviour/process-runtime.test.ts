/** The process runtime with real children: a clean environment, the truth about exits, and no orphan of a killed daemon. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { NanoClawError } from '../../src/errors.ts';
import type { AgentLaunch } from '../../src/runtime/agent-runtime.ts';
import { createProcessRuntime } from '../../src/runtime/process-runtime.ts';
import type { Folder } from '../../src/types.ts';

const dir = mkdtempSync(join(tmpdir(), 'nanoclaw-process-'));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const launch: AgentLaunch = {
  name: 'nanoclaw-a-00000000',
  folder: 'a' as Folder,
  isMain: false,
  provider: 'offline',
  groupDir: join(dir, 'groups/a'),
  globalDir: join(dir, 'groups/global'),
  mailboxDir: join(dir, 'data/ipc/a'),
  homeDir: join(dir, 'data/sessions/a'),
  projectDir: null,
  extraMounts: [],
  token: null,
  modelUrl: null,
  timezone: 'Europe/Berlin',
};

/** A runtime whose agent is `script`. */
function runtimeOf(script: string, memoryMb = 64) {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'agent.mjs'), script);
  return createProcessRuntime({ agentRunner: join(dir, 'agent.mjs'), memoryMb });
}

describe('the process runtime', () => {
  it('tells exit code and last output, in the group’s folder, with nothing of the host’s environment', async () => {
    process.env.NANOCLAW_TEST_SECRET = 'canary';
    try {
      const agent = await runtimeOf(
        'console.log(process.cwd(), JSON.stringify(process.env)); process.exit(7)',
      ).launch(launch);
      const { code, lastOutput } = await agent.exited;
      expect(code).toBe(7);
      expect(lastOutput.startsWith(launch.groupDir)).toBe(true);
      const environment = JSON.parse(lastOutput.slice(lastOutput.indexOf('{'))) as Record<string, string>;
      expect(Object.keys(environment).sort()).toEqual([
        'HOME',
        'LANG',
        'NANOCLAW_CONTAINER',
        'NANOCLAW_GLOBAL_DIR',
        'NANOCLAW_GROUP_DIR',
        'NANOCLAW_IDLE_EXIT_MS',
        'NANOCLAW_IPC_DIR',
        'NANOCLAW_PROTOCOL',
        'NANOCLAW_PROVIDER',
        'NANOCLAW_SWEEP_MS',
        'PATH',
        'TZ',
      ]);
      expect(environment).toMatchObject({
        TZ: 'Europe/Berlin',
        NANOCLAW_GROUP_DIR: launch.groupDir,
        HOME: launch.homeDir,
      });
    } finally {
      delete process.env.NANOCLAW_TEST_SECRET;
    }
  });

  it('lets an agent that has nothing left to do end by itself', async () => {
    const agent = await runtimeOf('console.log("done")').launch(launch);
    expect(await agent.exited).toEqual({ code: 0, oomKilled: false, lastOutput: 'done\n' });
  });

  it('lists running children until they are removed, and removes twice without harm', async () => {
    const runtime = runtimeOf('setInterval(() => {}, 1000)');
    const agent = await runtime.launch(launch);
    expect((await runtime.list()).map(({ name }) => name)).toEqual([launch.name]);
    await agent.remove();
    await agent.remove();
    expect(await agent.exited).toMatchObject({ code: null, oomKilled: false });
    expect(await runtime.list()).toEqual([]);
  });

  it('reports an agent that ran out of memory', async () => {
    const agent = await runtimeOf('const all = []; for (;;) all.push({ a: [all.length] });', 16).launch(
      launch,
    );
    expect(await agent.exited).toMatchObject({ oomKilled: true });
  });

  it('refuses any provider but offline', async () => {
    const refused = await runtimeOf('')
      .launch({ ...launch, provider: 'claude' })
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(NanoClawError);
    expect(refused).toMatchObject({
      code: 'CONFIG_INVALID',
      fix: expect.stringContaining('AGENT_PROVIDER=offline'),
    });
  });

  it('says what to do when the agent runner was not built', async () => {
    await expect(createProcessRuntime({ agentRunner: '/nowhere.js' }).prepare()).rejects.toMatchObject({
      code: 'IMAGE_MISSING',
    });
  });

  it('leaves no orphan when the daemon is killed', async () => {
    const beat = join(dir, 'beat');
    runtimeOf(
      `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(beat)}, String(process.pid)); setInterval(() => {}, 1000);`,
    );
    const runtimeModule = join(import.meta.dirname, '../../src/runtime/process-runtime.ts');
    const daemon = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { createProcessRuntime } from ${JSON.stringify(runtimeModule)};
         const runtime = createProcessRuntime({ agentRunner: ${JSON.stringify(join(dir, 'agent.mjs'))} });
         await runtime.launch(${JSON.stringify(launch)});`,
      ],
      { stdio: 'ignore' },
    );
    const pid = await firstContent(beat);
    daemon.kill('SIGKILL');
    await once(daemon, 'exit');
    await expect.poll(() => isAlive(pid), { timeout: 5000 }).toBe(false);
  });
});

/** The number in a file, once it is there. */
async function firstContent(path: string): Promise<number> {
  const read = () => {
    try {
      return Number(readFileSync(path, 'utf8'));
    } catch {
      return 0;
    }
  };
  const found = Promise.withResolvers<number>();
  const watcher = watch(dir, () => {
    if (read() > 0) found.resolve(read());
  });
  if (read() > 0) found.resolve(read());
  const pid = await found.promise;
  watcher.close();
  return pid;
}

/** A zombie that nobody has reaped yet is not alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
