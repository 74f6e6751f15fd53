/**
 * The Claude Agent SDK's own time for a follow-up: the same image, the same options, a scripted Messages API straight on
 * loopback, and around it ten lines that hand it a prompt. No mailbox, no proxy, no tools of ours.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { claudeOptions } from '../../container/agent-runner/src/claude-options.ts';
import { PROTOCOL_VERSION } from '../../src/protocol.ts';
import { createMessagesApi } from '../../test/support/messages-api.ts';
import type { BenchContext } from '../figure.ts';
import { start, within } from './processes.ts';

const COLD_MS = 60_000;

/** Prompts are the lines of stdin; says "result" when a turn has ended. */
const SCRIPT = `
import { createInterface } from 'node:readline';
import { query } from '@anthropic-ai/claude-agent-sdk';
async function* prompts() {
  for await (const line of createInterface({ input: process.stdin })) {
    yield { type: 'user', message: { role: 'user', content: line }, parent_tool_use_id: null, session_id: '' };
  }
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
    globalMemory: null,
  });
}
