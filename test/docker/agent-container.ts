/**
 * Starts the real agent image for tests, hardened as the daemon does it, with a runner that has less patience.
 */
import { execFile, spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { DEFAULT_IMAGE, ensureImage } from '../../src/docker/image.ts';
import { messageOf } from '../../src/errors.ts';
import { PROTOCOL_VERSION } from '../../src/protocol.ts';
import type { AgentMailbox } from '../support/agent-mailbox.ts';
import { testEngine } from './engine-support.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The patience of the agent in these tests; main.ts has minutes. */
const STALL_MS = 3_000;
const COMMAND_TIMEOUT_MS = 2_000;

/** Runs the docker command; gives what it printed. */
export const docker = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)('docker', args)).stdout.trim();

/** Why the agent image cannot be run here, or null; builds it when stale. Throws instead when an engine is required. */
export async function whyNoAgentImage(): Promise<string | null> {
  const engine = testEngine();
  try {
    await engine.ping();
    await docker('version');
    await ensureImage(engine, { image: DEFAULT_IMAGE, projectRoot: ROOT });
    return null;
  } catch (error) {
    if (process.env.NANOCLAW_REQUIRE_DOCKER === '1') throw error;
    return messageOf(error);
  } finally {
    engine.close();
  }
}

export interface ClaudeAgent {
  mailbox: AgentMailbox;
  container: string;
  network: string;
  /** Where bundleImpatientRunner put the runner. */
  runnerDir: string;
  apiUrl: string;
}

/** Starts an agent; the mailbox's turns are addressed to it from now on. The caller removes the container. */
export function startClaudeAgent({ mailbox, container, network, runnerDir, apiUrl }: ClaudeAgent): void {
  mailbox.container = container;
  const environment = {
    NANOCLAW_PROTOCOL: String(PROTOCOL_VERSION),
    NANOCLAW_CONTAINER: container,
    NANOCLAW_PROVIDER: 'claude',
    NANOCLAW_GROUP_DIR: '/workspace/group',
    NANOCLAW_GLOBAL_DIR: '/workspace/global',
    NANOCLAW_IPC_DIR: '/workspace/ipc',
    NANOCLAW_IDLE_EXIT_MS: '600000',
    NANOCLAW_SWEEP_MS: '1000',
    HOME: '/home/agent',
    ANTHROPIC_BASE_URL: apiUrl,
    ANTHROPIC_AUTH_TOKEN: 'token-of-this-container',
  };
  const mounts = [
    `${mailbox.groupDir}:/workspace/group`,
    `${mailbox.globalDir}:/workspace/global:ro`,
    `${mailbox.ipcDir}/in:/workspace/ipc/in:ro`,
    `${mailbox.ipcDir}/out:/workspace/ipc/out`,
    `${mailbox.homeDir}:/home/agent`,
    `${runnerDir}/agent-runner.js:/app/agent-runner.js:ro`,
  ];
  const child = spawn('docker', [
    ...['run', '--name', container, '--init', '--network', network, '--dns', '127.0.0.1'],
    ...['--user', '4242:4242', '--read-only', '--tmpfs', '/tmp:exec,mode=1777', '--cap-drop', 'ALL'],
    ...['--security-opt', 'no-new-privileges', '--memory', '2g', '--pids-limit', '512'],
    ...mounts.flatMap((mount) => ['-v', mount]),
    ...Object.entries(environment).flatMap(([name, value]) => ['-e', `${name}=${value}`]),
    DEFAULT_IMAGE,
  ]);
  child.stdout.resume();
  child.stderr.resume();
}

/** The runner as it is, but with the patience of a test. */
export async function bundleImpatientRunner(directory: string): Promise<void> {
  const entry = join(directory, 'entry.ts');
  const run = join(ROOT, 'container/agent-runner/src/run.ts');
  const options = `{ variables: process.env, stallMs: ${STALL_MS}, commandTimeoutMs: ${COMMAND_TIMEOUT_MS} }`;
  writeFileSync(entry, `import { runAgent } from ${JSON.stringify(run)};\nrunAgent(${options});\n`);
  const bundle = await rolldown({
    input: entry,
    platform: 'node',
    external: ['@anthropic-ai/claude-agent-sdk'],
  });
  await bundle.write({ file: join(directory, 'agent-runner.js'), format: 'esm' });
  await bundle.close();
  chmodSync(directory, 0o755);
  chmodSync(join(directory, 'agent-runner.js'), 0o644);
}

/** Lets any uid in, as the daemon does by choosing the owner's. */
export async function openToAgent(mailbox: AgentMailbox): Promise<void> {
  await promisify(execFile)('chmod', ['-R', 'a+rwX', mailbox.root]);
}
