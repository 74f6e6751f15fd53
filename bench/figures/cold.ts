/**
 * The first message of a group without a container: update offered to the poller → request of the real SDK at the
 * model. Beside it `docker run` of the same image with the same mounts and limits, and in it the SDK's first request without
 * NanoClaw. In turns; each container is removed before the next is asked for.
 */
import type { BenchContext, Row } from '../figure.ts';
import { askOnce } from '../support/asking.ts';
import { bareColdMs, type Inspected } from '../support/bare-sdk.ts';
import { agentImage, docker, openClaudeWorld } from '../support/containers.ts';
import { statsOf } from '../support/stats.ts';

const SAMPLES = 15;

export async function cold(bench: BenchContext): Promise<Row[]> {
  const image = await agentImage(bench, 'cold');
  if (image === null) return [];
  const samples = bench.samples(SAMPLES);
  const world = await openClaudeWorld(bench, image);
  const chats = world.addGroups(1 + samples);
  const daemon = await world.daemon();
  await daemon.ready();
  const measured: number[] = [];
  const bare: number[] = [];
  for (const chat of chats) {
    const { askedAt } = await askOnce(world, chat, 'hello?');
    const requestedAt = world.model.requestedAt;
    const [container] = JSON.parse(await docker('inspect', await world.container())) as [Inspected];
    await world.removeContainers();
    const bareMs = await bareColdMs(bench, image, container);
    if (chat === chats[0]) continue; // warms the file cache
    measured.push(requestedAt - askedAt);
    bare.push(bareMs);
  }
  await daemon.stop();
  await world.dispose();
  return [
    {
      name: 'update → model request, no container yet',
      unit: 'ms',
      measured: statsOf(measured),
      limit: {
        name: '`docker run` of the same image with the same mounts and limits, and the SDK’s first request',
        stats: statsOf(bare),
      },
      aim: { kind: 'ratio', value: 1.15 },
    },
  ];
}
