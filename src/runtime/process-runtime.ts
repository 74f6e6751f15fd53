/**
 * Agents as plain processes: no isolation, so for the offline agent only. For trying NanoClaw without Docker, and for tests.
 *
 * Invariants: a launch of any other provider is refused. The child's environment is written here, nothing is inherited. It
 * holds one end of a pipe as its stdin and ends when the daemon's end closes, however the daemon ended: no orphans, so
 * there is nothing to adopt and list() knows only children of this process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { Tail } from '../docker/log-frames.ts';
import { messageOf, NanoClawError } from '../errors.ts';
import { type Logger, silentLogger } from '../log.ts';
import { protocolEnvironment } from './agent-environment.ts';
import type { AgentContainer, AgentExit, AgentLaunch, AgentRuntime } from './agent-runtime.ts';
import { prepareWorkspace } from './workspace-owner.ts';

export interface ProcessRuntimeOptions {
  /** The bundled agent runner, dist/agent-runner.js. */
  agentRunner: string;
  /** Largest JavaScript heap, MiB. Default 256. */
  memoryMb?: number;
  /** The agent's own exit when nobody speaks to it. Default 2 h. */
  idleExitMs?: number;
  sweepMs?: number;
  log?: Logger;
}

const LAST_OUTPUT_BYTES = 4096;

/** Runs before the agent runner: the end of stdin is the end of the daemon. Unreferenced, so it keeps nothing alive. */
const END_WITH_DAEMON = `data:text/javascript,${encodeURIComponent(
  `const gone = () => process.kill(process.pid, 'SIGKILL');
process.stdin.on('end', gone).on('error', gone).resume();
process.stdin.unref();`,
)}`;

export function createProcessRuntime(options: ProcessRuntimeOptions): AgentRuntime {
  const running = new Map<string, AgentContainer>();
  const log = options.log ?? silentLogger();

  async function launch(request: AgentLaunch): Promise<AgentContainer> {
    if (request.provider !== 'offline') {
      throw new NanoClawError(
        'CONFIG_INVALID',
        `The process runtime has no isolation and does not run "${request.provider}".`,
        {
          fix: 'Start Docker and set CONTAINER_RUNTIME=docker, or set AGENT_PROVIDER=offline.',
        },
      );
    }
    prepareWorkspace(request, null);
    const child = spawn(
      process.execPath,
      [`--max-old-space-size=${options.memoryMb ?? 256}`, '--import', END_WITH_DAEMON, options.agentRunner],
      {
        cwd: request.groupDir,
        env: {
          ...protocolEnvironment(request, request, options.idleExitMs ?? 7_200_000, options.sweepMs ?? 1000),
          PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
          LANG: 'C.UTF-8',
        },
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    );
    const exited = exitOf(child);
    await started(child);
    log.debug(
      { event: 'process_started', group: request.folder, container: request.name, pid: child.pid },
      'agent started',
    );
    const container: AgentContainer = {
      name: request.name,
      id: String(child.pid),
      folder: request.folder,
      exited,
      async remove() {
        child.kill('SIGKILL');
        await exited;
        running.delete(request.name);
      },
    };
    running.set(request.name, container);
    return container;
  }

  return {
    name: 'process',
    async prepare() {
      if (existsSync(options.agentRunner)) return;
      throw new NanoClawError('IMAGE_MISSING', `The agent runner ${options.agentRunner} is not there.`, {
        fix: 'Run "npm run build".',
      });
    },
    launch,
    async list() {
      return [...running.values()];
    },
    memoryOf: async () => null,
    networkEnforcement: () => ({ enforced: false, reason: 'agents run as plain processes' }),
    async close() {},
  };
}

function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => {
      reject(
        new NanoClawError('ENGINE_REFUSED', `The agent process could not be started: ${messageOf(cause)}`, {
          cause,
        }),
      );
    });
  });
}

function exitOf(child: ChildProcess): Promise<AgentExit> {
  const tail = new Tail(LAST_OUTPUT_BYTES);
  child.stdout?.on('data', (chunk: Buffer) => tail.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => tail.push(chunk));
  child.stdin?.on('error', () => {}); // the child ended first
  return new Promise((resolve) => {
    child.once('close', (code) => {
      const lastOutput = tail.text();
      resolve({ code, oomKilled: /JavaScript heap out of memory/.test(lastOutput), lastOutput });
    });
    child.once('error', () => resolve({ code: null, oomKilled: false, lastOutput: '' }));
  });
}
