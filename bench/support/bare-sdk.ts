/**
 * The Claude Agent SDK's own time, for a follow-up and for a first request: the same image, the same options, a scripted
 * Messages API straight on loopback, and around it ten lines that hand it a prompt. No mailbox, no proxy, no tools of ours.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { claudeOptions } from '../../container/agent-runner/src/claude-options.ts';
import { PROTOCOL_VERSION } from '../../src/protocol.ts';
import { createMessagesApi } from '../../test/support/messages-api.ts';
import type { BenchContext } from '../figure.ts';
import { start, within } from './processes.ts';

const COLD_MS = 60_000;

/** Prompts are the lines of stdin, or the one that is given behind the options; says "result" when a turn has ended. */
const SCRIPT = `
import { createInterface } from 'node:readline';
import { query } from '@anthropic-ai/claude-agent-sdk';
const given = process.argv[3];
async function* prompts() {
  const ask = (content) => ({ type: 'user', message: { role: 'user', content }, parent_tool_use_id: null, session_id: '' });
  if (given) yield ask(given);
  else for await (const line of createInterface({ input: process.stdin })) yield ask(line);
  if (given) await new Promise((resolve) => setTimeout(resolve, 60_000));
}
for await (const message of query({ prompt: prompts(), options: JSON.parse(process.argv[2]) })) {
  if (message.type === 'result') console.log('result');
}
`;

export interface BareSdk {
  /** Prompt → request at the API, and the API's last byte → result (ms). */
  followUp(): Promise<{ requestMs: number; resultMs: number }>;
  close(): Promise<void>;
}

export async function openBareSdk(bench: BenchContext, image: string): Promise<BareSdk> {
  let answeredAt = 0;
  let onRequest = (_at: number) => {};
  const api = await createMessagesApi({
    script: () => {
      answeredAt = performance.now();
      return 'Yes.';
    },
    onRequest: (request) => {
      if (request.main > 0) onRequest(request.at);
    },
  });
  const dir = mkdtempSync(path.join(tmpdir(), 'nanoclaw-bare-sdk-'));
  const script = path.join(dir, 'follow-up.mjs');
  writeFileSync(script, SCRIPT);
  const name = path.basename(dir).toLowerCase();
  const sdk = start(bench.cleanups, {
    command: 'docker',
    args: [
      ...['run', '--rm', '-i', '--init', '--name', name, '--network', 'host', '--user', '1000:1000'],
      ...['--mount', `type=bind,source=${script},target=/app/follow-up.mjs,readonly`],
      ...['--entrypoint', 'node', image, '/app/follow-up.mjs', JSON.stringify(optionsFor(api.url))],
    ],
    ...(process.env.DOCKER_HOST ? { env: { DOCKER_HOST: process.env.DOCKER_HOST } } : {}),
  });
  const undo = bench.cleanups.add(async () => {
    sdk.child.stdin.end();
    await sdk.stop();
    await api.close();
    rmSync(dir, { recursive: true, force: true });
  });
  let turns = 0;

  async function followUp(): Promise<{ requestMs: number; resultMs: number }> {
    turns += 1;
    const requested = new Promise<number>((resolve) => {
      onRequest = resolve;
    });
    const startedAt = performance.now();
    sdk.child.stdin.write(`and number ${turns}?\n`);
    const requestMs = (await requested) - startedAt;
    const resultAt = await sdk.said('result\n'.repeat(turns));
    return { requestMs, resultMs: resultAt - answeredAt };
  }

  const bare = { followUp: () => within('the bare SDK', COLD_MS, followUp()), close: undo };
  for (let warmUp = 0; warmUp < 3; warmUp += 1) await bare.followUp();
  return bare;
}

/** What `docker inspect` tells of a container, as far as a second one like it needs it. */
export interface Inspected {
  HostConfig: {
    Mounts: { Source: string; Target: string; ReadOnly?: boolean }[];
    Memory: number;
    NanoCpus: number;
    CpuShares: number;
    PidsLimit: number;
    Tmpfs: Record<string, string>;
    Ulimits: { Name: string; Soft: number; Hard: number }[];
  };
}

/**
 * `docker run` of a container like the given one (mounts on folders of its own, limits, hardening), in which the SDK is
 * asked at once: milliseconds from the start of the command to the request at the API. The container is removed.
 */
export async function bareColdMs(bench: BenchContext, image: string, like: Inspected): Promise<number> {
  const api = await createMessagesApi({ script: () => 'Yes.' });
  const requested = new Promise<number>((resolve) => {
    api.on('request', (request) => {
      if (request.main > 0) resolve(request.at);
    });
  });
  const dir = mkdtempSync(path.join(tmpdir(), 'nanoclaw-bare-cold-'));
  const script = path.join(dir, 'first.mjs');
  writeFileSync(script, SCRIPT);
  const name = path.basename(dir).toLowerCase();
  const args = [
    ...['run', '--init', '--name', name, '--network', 'host', '--user', '1000:1000', '--read-only'],
    ...limitsOf(like),
    ...mountsOf(like, dir),
    ...['--mount', `type=bind,source=${script},target=/app/first.mjs,readonly`],
    ...['--entrypoint', 'node', image, '/app/first.mjs', JSON.stringify(optionsFor(api.url)), 'hello?'],
  ];
  const env = process.env.DOCKER_HOST ? { env: { DOCKER_HOST: process.env.DOCKER_HOST } } : {};
  const run = start(bench.cleanups, { command: 'docker', args, ...env });
  const undo = bench.cleanups.add(async () => {
    await start(bench.cleanups, { command: 'docker', args: ['rm', '-f', '-v', name], ...env }).exited;
    await run.stop();
    await api.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const ended = run.exited.then((code) => {
    throw new Error(`the bare container ended with ${code}:\n${run.output()}`);
  });
  ended.catch(() => {}); // later ends are ours
  try {
    return (
      (await within('the bare first request', COLD_MS, Promise.race([requested, ended]))) - run.startedAt
    );
  } finally {
    await undo();
  }
}

function limitsOf({ HostConfig: host }: Inspected): string[] {
  const bytes = String(host.Memory);
  return [
    ...['--memory', bytes, '--memory-swap', bytes, '--pids-limit', String(host.PidsLimit)],
    ...['--cpus', String(host.NanoCpus / 1e9), '--cpu-shares', String(host.CpuShares)],
    ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
    ...Object.entries(host.Tmpfs).flatMap(([target, how]) => ['--tmpfs', `${target}:${how}`]),
    ...host.Ulimits.flatMap(({ Name, Soft, Hard }) => ['--ulimit', `${Name}=${Soft}:${Hard}`]),
  ];
}

/** Files as they are, folders as new ones of its own. */
function mountsOf({ HostConfig: host }: Inspected, dir: string): string[] {
  return host.Mounts.flatMap(({ Source, Target, ReadOnly }, i) => {
    const isFile = Target === '/etc/resolv.conf' || Target === '/etc/hosts';
    const source = isFile ? Source : path.join(dir, String(i));
    if (!isFile) {
      mkdirSync(source);
      chmodSync(source, 0o777);
    }
    return ['--mount', `type=bind,source=${source},target=${Target}${ReadOnly ? ',readonly' : ''}`];
  });
}

function optionsFor(apiUrl: string): object {
  return claudeOptions({
    environment: {
      NANOCLAW_PROTOCOL: PROTOCOL_VERSION,
      NANOCLAW_CONTAINER: 'bare',
      NANOCLAW_PROVIDER: 'claude',
      NANOCLAW_GROUP_DIR: '/workspace/group',
      NANOCLAW_GLOBAL_DIR: '/workspace/global',
      NANOCLAW_IPC_DIR: '/workspace/ipc',
      NANOCLAW_IDLE_EXIT_MS: 600_000,
      NANOCLAW_SWEEP_MS: 1000,
      HOME: '/home/agent',
      ANTHROPIC_BASE_URL: apiUrl,
      ANTHROPIC_AUTH_TOKEN: 'made-up',
    },
    variables: {},
    turn: {
      protocol: PROTOCOL_VERSION,
      id: '00000000-0000-4000-8000-000000000000',
      kind: 'messages',
      attempt: 1,
      container: 'bare',
      chat_jid: '-1',
      thread_id: null,
      group_name: 'Bare',
      is_main: false,
      assistant_name: 'Nina',
      timezone: 'UTC',
      session_id: null,
      prompt: '',
      requests: [],
    },
    memory: '',
    team: [],
    skills: [],
  });
}
