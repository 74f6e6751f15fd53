/** Agents that are wanted at the same moment start some at a time; nobody waits for one that hangs or is gone. */
import { expect, it } from 'vitest';
import { HOLD_MS } from '../../src/container-runner/start-gate.ts';
import type { TurnFile } from '../../src/protocol.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';

const AT_ONCE = 2;

/** Five groups that have just asked; their agents say nothing by themselves. */
async function fiveAsked() {
  const daemon = new InnerDaemon();
  daemon.startsAtOnce = AT_ONCE;
  daemon.agent.answer = () => 'hold';
  const groups = ['a', 'b', 'c', 'd', 'e'].map((folder) =>
    daemon.register(folder, { requiresTrigger: false }),
  );
  await daemon.start();
  for (const group of groups) await daemon.say(group, 'hello');
  const { turns } = daemon.agent;
  const started = async (count: number) => {
    await daemon.until(() => turns.length >= count);
    await daemon.clock.settle();
    expect(turns).toHaveLength(count);
  };
  const begins = (turn: TurnFile | undefined) => daemon.agent.event(turn, { type: 'turn_started' });
  return { daemon, groups, turns, started, begins };
}

it('the next one starts when one has begun to work', async () => {
  const { daemon, groups, turns, started, begins } = await fiveAsked();
  await started(AT_ONCE);
  begins(turns[1]);
  await started(AT_ONCE + 1);
  begins(turns[0]);
  begins(turns[2]);
  await started(5);
  for (const turn of turns) daemon.agent.finish(turn, { text: 'done' });
  await daemon.until(() => groups.every((group) => daemon.told(group).length === 1));
  expect(turns.map((turn) => turn.group_name)).toEqual(['a', 'b', 'c', 'd', 'e']);
});

it('or when one has ended, died or hung for a while', async () => {
  const { daemon, turns, started } = await fiveAsked();
  await started(AT_ONCE);
  daemon.agent.finish(turns[0], { text: 'done' });
  await started(3);
  const [, dying] = await daemon.agent.runtime.list();
  await dying?.remove();
  await started(4);
  await daemon.clock.advance(HOLD_MS);
  await started(5);
});

it('who waits for a start when the daemon stops is not started; its messages wait for the next daemon', async () => {
  const { daemon, groups, turns, started } = await fiveAsked();
  await started(AT_ONCE);
  await daemon.stop();
  await daemon.clock.advance(HOLD_MS);
  expect(turns).toHaveLength(AT_ONCE);
  daemon.agent.answer = () => ({ text: 'done' });
  await daemon.agent.close();
  await daemon.start();
  await daemon.until(() => groups.every((group) => daemon.told(group).length === 1));
});
