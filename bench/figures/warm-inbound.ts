/**
 * A message for a warm agent. With the offline agent as a process: update offered to the poller → turn file in the
 * group's mailbox, and → answer at sendMessage. With the real SDK in containers: update → model request, and the
 * model's last byte → sendMessage. The bare line is measured in the pauses between the messages.
 */
import { execFile } from 'node:child_process';
import { existsSync, watch } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { createMessagesApi } from '../../test/support/messages-api.ts';
import type { BenchContext, Row } from '../figure.ts';
import { openBareLine } from '../support/bare-line.ts';
import { openBareSdk } from '../support/bare-sdk.ts';
import { pause, within } from '../support/processes.ts';
import { statsOf } from '../support/stats.ts';
import { openWorld, type World } from '../support/world.ts';

const SAMPLES = 100;
const DOCKER_SAMPLES = 40;
const WARM_UPS = 3;
/** Telegram's pace, which delivery keeps: one a second in a chat, twenty a minute in a group. */
const PER_GROUP_MS = 3200;
const ANSWER_LIMIT_MS = 60_000;
const THERE = 'one loopback HTTP answer + one FULL commit + one rename seen by fs.watch';
const BACK = 'one rename seen by fs.watch + one FULL commit + one loopback HTTP request';

export async function warmInbound(bench: BenchContext): Promise<Row[]> {
  return [...(await offlineRows(bench)), ...(await dockerRows(bench))];
}

async function offlineRows(bench: BenchContext): Promise<Row[]> {
  const world = await openWorld(bench);
  const chats = world.addGroups(5);
  const daemon = await world.daemon();
  await daemon.ready();
  const bare = await openBareLine(bench);
  const turnFile: number[] = [];
  const answer: number[] = [];
  const bareThere: number[] = [];
  const bareBack: number[] = [];
  await inTurns(bench.samples(SAMPLES), chats, async (chat, folder, isWarmUp) => {
    const line = await bare.run();
    const seen = isWarmUp ? undefined : turnFileSeen(world.home, folder);
    const one = await askOnce(world, chat, 'ping');
    if (!seen) return;
    turnFile.push((await seen) - one.askedAt);
    answer.push(one.answeredAt - one.askedAt);
    bareThere.push(line.thereMs);
    bareBack.push(line.backMs);
  });
  await daemon.stop();
  await bare.close();
  await world.dispose();
  return [
    {
      name: 'update → turn file',
      unit: 'ms',
      measured: statsOf(turnFile),
      limit: { name: THERE, stats: statsOf(bareThere) },
      aim: { kind: 'ratio', value: 1.5 },
    },
    {
      name: 'update → answer (offline agent)',
      unit: 'ms',
      measured: statsOf(answer),
      limit: { name: `${THERE}; then ${BACK}`, stats: statsOf(bareBack) },
      aim: null,
    },
  ];
}

async function dockerRows(bench: BenchContext): Promise<Row[]> {
  const image = process.env.CONTAINER_IMAGE ?? 'nanoclaw-agent:latest';
  const why = await whyNoDocker(image);
  if (why !== null) {
    bench.skipped('warm-inbound with the real SDK', why);
    return [];
  }
  let requestedAt = 0;
  let answeredAt = 0;
  const model = await createMessagesApi({
    script: (request) => {
      requestedAt = request.at;
      answeredAt = performance.now();
      return 'Yes.';
    },
  });
  bench.cleanups.add(() => model.close());
  const world = await openWorld(bench, {
    ...(process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {}),
    CONTAINER_RUNTIME: 'docker',
    CONTAINER_IMAGE: image,
    AGENT_PROVIDER: 'claude',
    ANTHROPIC_API_KEY: 'made-up-for-the-benchmark',
    ANTHROPIC_BASE_URL: model.url,
  });
  const chats = world.addGroups(3);
  bench.cleanups.add(() => removeContainers(world));
  const daemon = await world.daemon();
  await daemon.ready();
  const bare = await openBareLine(bench);
  const sdk = await openBareSdk(bench, image);
  const inbound: number[] = [];
  const outbound: number[] = [];
  const bareIn: number[] = [];
  const bareOut: number[] = [];
  const sdkIn: number[] = [];
  await inTurns(bench.samples(DOCKER_SAMPLES), chats, async (chat, _folder, isWarmUp) => {
    const line = await bare.run();
    const followUp = await sdk.followUp();
    const one = await askOnce(world, chat, 'and now?');
    if (isWarmUp) return;
    inbound.push(requestedAt - one.askedAt);
    outbound.push(one.answeredAt - answeredAt);
    sdkIn.push(followUp.requestMs);
    bareIn.push(line.thereMs + followUp.requestMs);
    bareOut.push(followUp.resultMs + line.backMs - line.thereMs);
  });
  await daemon.stop();
  await removeContainers(world);
  await sdk.close();
  await bare.close();
  await world.dispose();
  return [
    {
      name: 'update → model request (SDK in a container)',
      unit: 'ms',
      measured: statsOf(inbound),
      limit: { name: `${THERE} + the SDK's own time for a follow-up`, stats: statsOf(bareIn) },
      aim: { kind: 'ratio', value: 1.5 },
      note: `the SDK's own part of the limit is ${statsOf(sdkIn).median.toFixed(1)} ms`,
    },
    {
      name: "model's last byte → sendMessage (SDK in a container)",
      unit: 'ms',
      measured: statsOf(outbound),
      limit: { name: `the SDK's own time from last byte to result + ${BACK}`, stats: statsOf(bareOut) },
      aim: { kind: 'ratio', value: 1.5 },
    },
  ];
}

/** Asks in one group after the other, so slowly that delivery never has to wait, each group first to warm it up. */
async function inTurns(
  samples: number,
  chats: readonly number[],
  ask: (chat: number, folder: string, isWarmUp: boolean) => Promise<void>,
): Promise<void> {
  const everyMs = PER_GROUP_MS / chats.length;
  const warmUps = WARM_UPS * chats.length;
  for (let i = 0; i < warmUps + samples; i += 1) {
    const next = performance.now() + everyMs;
    const index = i % chats.length;
    await ask(chats[index] ?? 0, `g${index}`, i < warmUps);
    await pause(Math.max(0, next - performance.now()));
  }
}

/** Both by performance.now(). Returns when the poller waits again and the chat has its answer. */
async function askOnce(
  { sim }: World,
  chat: number,
  text: string,
): Promise<{ askedAt: number; answeredAt: number }> {
  const sent = sim.next('sent', (message) => message.chat.id === chat).then(() => performance.now());
  const askedAt = performance.now();
  sim.say({ chat, from: 'you', text });
  return { askedAt, answeredAt: await within('an answer', ANSWER_LIMIT_MS, sent) };
}

function turnFileSeen(home: string, folder: string): Promise<number> {
  const dir = path.join(home, 'data', 'ipc', folder, 'in', 'turns');
  const seen = new Promise<number>((resolve) => {
    const watcher = watch(dir, (_event, name) => {
      const at = performance.now();
      if (!name?.endsWith('.json') || !existsSync(path.join(dir, name))) return;
      watcher.close();
      resolve(at);
    });
  });
  return within('a turn file', ANSWER_LIMIT_MS, seen);
}

const docker = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)('docker', args)).stdout.trim();

async function whyNoDocker(image: string): Promise<string | null> {
  try {
    await docker('version');
  } catch {
    return 'no Docker engine answers';
  }
  try {
    await docker('image', 'inspect', image);
    return null;
  } catch {
    return `the image ${image} is not there; nanoclaw image builds it`;
  }
}

/** The daemon leaves its warm containers only when it is killed, and a benchmark may be. */
async function removeContainers(world: World): Promise<void> {
  if (!existsSync(path.join(world.home, 'data'))) return;
  const label = `label=nanoclaw.instance=${world.withDb((db) => db.instanceId)}`;
  const containers = (await docker('ps', '-aq', '--filter', label)).split('\n').filter(Boolean);
  if (containers.length > 0) await docker('rm', '-f', '-v', ...containers);
  const networks = (await docker('network', 'ls', '-q', '--filter', label)).split('\n').filter(Boolean);
  if (networks.length > 0) await docker('network', 'rm', ...networks);
}
