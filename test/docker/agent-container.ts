/**
 * Starts the real agent image for tests, hardened as the daemon does it, with a runner that has less patience.
 */
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { ImageVariant } from '../../src/docker/build-context.ts';
import { DEFAULT_IMAGE, ensureImage } from '../../src/docker/image.ts';
import { messageOf } from '../../src/errors.ts';
import { PROTOCOL_VERSION } from '../../src/protocol.ts';
import { AgentMailbox, bundleRunner } from '../support/agent-mailbox.ts';
import { createMessagesApi, type MessagesApi } from '../support/messages-api.ts';
import { testEngine } from './engine-support.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** How long a test waits for the end of a turn. */
export const TURN_LIMIT_MS = 60_000;
/** The patience of the agent in these tests; main.ts has minutes. */
const STALL_MS = 12_000;
const COMMAND_TIMEOUT_MS = 2_000;
const GATE_LIMIT_MS = 5_000;

/** Runs the docker command; gives what it printed. */
export const docker = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)('docker', args)).stdout.trim();

/** What the agent in this container wrote for people to find out what it did. */
export const diagnosisOf = async (container: string): Promise<string> =>
  (await promisify(execFile)('docker', ['logs', container])).stderr;

/** Why the agent image cannot be run here, or null; builds it when stale. Throws instead when an engine is required. */
export async function whyNoAgentImage(image = DEFAULT_IMAGE, variant?: ImageVariant): Promise<string | null> {
  const engine = testEngine();
  try {
    await engine.ping();
    await docker('version');
    // The daemon serves on with an older image; a test of it would show what is no longer so.
    const { state, warning } = await ensureImage(engine, { image, variant, projectRoot: ROOT });
    if (state === 'outdated') throw new Error(warning ?? 'the agent image is outdated');
    return null;
  } catch (error) {
    if (process.env.NANOCLAW_REQUIRE_DOCKER === '1') throw error;
    return messageOf(error);
  } finally {
    engine.close();
  }
}

interface ClaudeAgent {
  mailbox: AgentMailbox;
  container: string;
  network: string;
  /** Where bundleImpatientRunner put the runner. */
  runnerDir: string;
  apiUrl: string;
  image: string;
  /** More of its environment. */
  more: Readonly<Record<string, string>>;
}

/** Starts an agent; the mailbox's turns are addressed to it from now on. The caller removes the container. */
function startClaudeAgent(agent: ClaudeAgent): void {
  const { mailbox, container, network, runnerDir, apiUrl } = agent;
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
    ...agent.more,
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
    agent.image,
  ]);
  child.stdout.resume();
  child.stderr.resume();
}

/** The runner as it is, but with the patience of a test. */
async function bundleImpatientRunner(directory: string): Promise<void> {
  const file = await bundleRunner(directory, {
    stallMs: STALL_MS,
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
    scriptLimitMs: GATE_LIMIT_MS,
    scriptFolder: '/workspace/group',
  });
  chmodSync(directory, 0o755);
  chmodSync(file, 0o644);
}

/** Lets any uid in, as the daemon does by choosing the owner's. */
async function openToAgent(mailbox: AgentMailbox): Promise<void> {
  await promisify(execFile)('chmod', ['-R', 'a+rwX', mailbox.root]);
}

type TurnValues = Parameters<AgentMailbox['turn']>[1];
type Finished = Awaited<ReturnType<AgentMailbox['finished']>>;

/**
 * For a suite: a network of its own without a way out, and for each test a scripted Messages API on its gateway, a
 * mailbox, and agents that are removed afterwards.
 */
export function useClaudeAgent(image = DEFAULT_IMAGE) {
  const network = `nanoclaw-test-${randomUUID().slice(0, 8)}`;
  const started: string[] = [];
  let runnerDir: string;
  let gateway: string;
  let api: MessagesApi;
  let mailbox: AgentMailbox;

  beforeAll(async () => {
    await docker('network', 'create', '--internal', network);
    const inspected: unknown = JSON.parse(await docker('network', 'inspect', network));
    gateway = (inspected as { IPAM: { Config: { Gateway: string }[] } }[])[0]?.IPAM.Config[0]?.Gateway ?? '';
    runnerDir = mkdtempSync(join(tmpdir(), 'nanoclaw-runner-'));
    await bundleImpatientRunner(runnerDir);
  }, 120_000);

  afterAll(async () => {
    await docker('network', 'rm', network);
    rmSync(runnerDir, { recursive: true, force: true });
  });

  beforeEach(async () => {
    api = await createMessagesApi({ host: gateway, script: () => 'unscripted' });
    mailbox = new AgentMailbox();
    await openToAgent(mailbox);
  });

  afterEach(async () => {
    for (const name of started.splice(0)) await docker('rm', '-f', name).catch(() => {});
    await api.close();
    mailbox.remove();
  });

  return {
    api: () => api,
    /** The host's address in the network. */
    gateway: () => gateway,
    mailbox: () => mailbox,
    /** Starts an agent; turns are addressed to it from now on. */
    start(container = mailbox.container, more: Readonly<Record<string, string>> = {}): void {
      startClaudeAgent({ mailbox, container, network, runnerDir, apiUrl: api.url, image, more });
      started.push(container);
    },
    /** The ids of the processes of Claude Code in the container. */
    claudes: async (): Promise<string[]> =>
      (await docker('top', mailbox.container, '-eo', 'pid,args'))
        .split('\n')
        .filter((line) => line.includes('claude'))
        .map((line) => line.trim().split(/\s+/)[0] ?? ''),
    /** Runs one turn to its end. */
    turn: (request: string, values: TurnValues = {}): Promise<Finished> =>
      mailbox.finished(mailbox.turn(request, values), TURN_LIMIT_MS),
  };
}

/** The session id that a turn's events tell. */
export function sessionOf({ events }: Finished): string {
  const event = events.find((candidate) => candidate.type === 'session');
  if (event?.type !== 'session') throw new Error('no session event');
  return event.session_id;
}
