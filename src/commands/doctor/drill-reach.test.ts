/** How lines judge what a probe brought: those whose failure a test cannot bring about on every machine. */
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../docker/engine.ts';
import { internet, metadata, otherContainer } from './drill-reach.ts';
import type { DrillWorld } from './drill-world.ts';
import type { ProbeSteps } from './probe.ts';

type Answer = (step: keyof ProbeSteps, targets: readonly unknown[], container: string) => string;

/** A world whose containers report what `answer` says for each target. */
function world(answer: Answer): DrillWorld {
  const exec = async (container: string, command: readonly string[]) => {
    const [, , , step = '', input = ''] = command;
    if (input === '') return { code: 0, stdout: '', stderr: '' };
    const { targets } = JSON.parse(Buffer.from(input, 'base64').toString()) as { targets: unknown[] };
    const results = targets.map((target) => answer(step as keyof ProbeSteps, [target].flat(), container));
    return { code: 0, stdout: JSON.stringify({ results }), stderr: '' };
  };
  const json = async () => ({ NetworkSettings: { Networks: { bridge: { IPAddress: '172.17.0.9' } } } });
  const engine = { exec, json } as unknown as Engine;
  const containers = { family: 'f', work: 'w', main: 'm' };
  return { engine, containers, network: { enforced: true, reason: null } } as unknown as DrillWorld;
}

const held: Answer = (step) => (step === 'proxy' ? '403' : 'ENETUNREACH');

describe('metadata', () => {
  it('passes when all is refused, fails when one answers, or when the proxy would have tried', async () => {
    expect(await metadata(world(held))).toMatchObject({ state: 'ok' });
    const open: Answer = (step, [host]) =>
      step === 'connect' && host === '169.254.169.254' ? 'connected' : held(step, [], '');
    expect(await metadata(world(open))).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('169.254.169.254'),
    });
    const tried: Answer = (step, targets) =>
      step === 'proxy' && targets[0] === '[fd00:ec2::254]:80' ? '502' : held(step, [], '');
    expect(await metadata(world(tried))).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('502'),
    });
  });
});

describe('internet', () => {
  it('fails when any container gets out directly, or a policy lets through what it should not', async () => {
    expect(await internet(world(held))).toMatchObject({ state: 'ok' });
    for (const who of ['f', 'w', 'm']) {
      const open: Answer = (step, _, container) =>
        step === 'connect' && container === who ? 'connected' : held(step, [], '');
      expect(await internet(world(open))).toMatchObject({
        state: 'fail',
        seen: expect.stringContaining('1.1.1.1'),
      });
    }
    for (const who of ['w', 'm']) {
      const open: Answer = (step, _, container) =>
        step === 'proxy' && container === who ? '200' : held(step, [], '');
      expect(await internet(world(open))).toMatchObject({
        state: 'fail',
        seen: expect.stringContaining('200'),
      });
    }
  });
});

describe('other-container', () => {
  it('fails when the victim is reached, and when it could not be made to listen', async () => {
    const listens: Answer = (_, [host], container) =>
      container === 'w' && host === '127.0.0.1' ? 'connected' : 'ECONNREFUSED';
    expect(await otherContainer(world(listens))).toMatchObject({ state: 'ok' });
    const reached: Answer = (step, targets, container) =>
      targets[0] === '172.17.0.9' ? 'connected' : listens(step, targets, container);
    expect(await otherContainer(world(reached))).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('172.17.0.9'),
    });
    expect(await otherContainer(world(held))).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('listen'),
    });
  });
});
