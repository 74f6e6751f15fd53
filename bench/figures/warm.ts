/**
 * A message for a warm agent. `warm`: update offered to the poller → turn file in the group's mailbox (offline agent), and
 * → request of the real SDK at the model. `outbound`: the model's last byte → sendMessage. One run serves both. The bare
 * line, and the SDK driven without NanoClaw in a container of its own, are measured in the pauses between the messages.
 */
import type { BenchContext, Row } from '../figure.ts';
import { askOnce, inTurns, turnFileSeen } from '../support/asking.ts';
import { openBareLine } from '../support/bare-line.ts';
import { openBareSdk } from '../support/bare-sdk.ts';
import { agentImage, openClaudeWorld } from '../support/containers.ts';
import { statsOf } from '../support/stats.ts';
import { openWorld } from '../support/world.ts';

const SAMPLES = 100;
const GROUPS = 8;
const DOCKER_SAMPLES = 100;
/** Each has a Claude Code of its own, which takes about 200 MiB. */
const DOCKER_GROUPS = 6;
const THERE = 'one loopback HTTP answer + one FULL commit + one rename seen by fs.watch';
const BACK = 'one rename seen by fs.watch + one FULL commit + one loopback HTTP request';

export async function warm(bench: BenchContext): Promise<Row[]> {
  const { offline, docker } = await bench.once('warm line', () => measureLine(bench));
  return [...offline.there, ...docker.there];
}

export async function outbound(bench: BenchContext): Promise<Row[]> {
  const { offline, docker } = await bench.once('warm line', () => measureLine(bench));
  return [...docker.back, ...offline.back];
}

interface Line {
  there: Row[];
  back: Row[];
}

async function measureLine(bench: BenchContext): Promise<{ offline: Line; docker: Line }> {
  return { offline: await offlineLine(bench), docker: await dockerLine(bench) };
}

async function offlineLine(bench: BenchContext): Promise<Line> {
  const world = await openWorld(bench, { MAX_CONCURRENT_CONTAINERS: String(GROUPS) });
  const chats = world.addGroups(GROUPS);
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
  return {
    there: [
      {
        name: 'update → turn file',
        unit: 'ms',
        measured: statsOf(turnFile),
        limit: { name: THERE, stats: statsOf(bareThere) },
        aim: null,
        note: 'the part of the line that is ours alone; the agent is the offline one',
      },
    ],
    back: [
      {
        name: 'update → answer (offline agent)',
        unit: 'ms',
        measured: statsOf(answer),
        limit: { name: `${THERE}; then ${BACK}`, stats: statsOf(bareBack) },
        aim: null,
      },
    ],
  };
}

async function dockerLine(bench: BenchContext): Promise<Line> {
  const image = await agentImage(bench, 'warm and outbound with the real SDK');
  if (image === null) return { there: [], back: [] };
  const world = await openClaudeWorld(bench, image, { MAX_CONCURRENT_CONTAINERS: String(DOCKER_GROUPS) });
  const chats = world.addGroups(DOCKER_GROUPS);
  const daemon = await world.daemon();
  await daemon.ready();
  const bare = await openBareLine(bench);
  const sdk = await openBareSdk(bench, image);
  const inbound: number[] = [];
  const back: number[] = [];
  const bareIn: number[] = [];
  const bareOut: number[] = [];
  const sdkIn: number[] = [];
  await inTurns(bench.samples(DOCKER_SAMPLES), chats, async (chat, _folder, isWarmUp) => {
    const line = await bare.run();
    const followUp = await sdk.followUp();
    const one = await askOnce(world, chat, 'and now?');
    if (isWarmUp) return;
    inbound.push(world.model.requestedAt - one.askedAt);
    back.push(one.answeredAt - world.model.answeredAt);
    sdkIn.push(followUp.requestMs);
    bareIn.push(line.thereMs + followUp.requestMs);
    bareOut.push(followUp.resultMs + line.backMs - line.thereMs);
  });
  await daemon.stop();
  await sdk.close();
  await bare.close();
  await world.dispose();
  return {
    there: [
      {
        name: 'update → model request (SDK in a container)',
        unit: 'ms',
        measured: statsOf(inbound),
        limit: { name: `${THERE} + the SDK's own time for a follow-up`, stats: statsOf(bareIn) },
        aim: { kind: 'ratio', value: 1.5 },
        note: `the SDK's own part of the limit is ${statsOf(sdkIn).median.toFixed(1)} ms`,
      },
    ],
    back: [
      {
        name: "model's last byte → sendMessage (SDK in a container)",
        unit: 'ms',
        measured: statsOf(back),
        limit: { name: `the SDK's own time from last byte to result + ${BACK}`, stats: statsOf(bareOut) },
        aim: { kind: 'ratio', value: 1.5 },
      },
    ],
  };
}
