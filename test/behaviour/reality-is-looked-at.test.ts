/**
 * Once a minute the daemon looks at what there really is: containers that nobody needs go, an agent that has vanished
 * without a word ends its turn, and what waits without having been called is called.
 */
import { expect, it } from 'vitest';
import { RECONCILE_MS } from '../../src/container-runner/reconcile.ts';
import { NanoClawError } from '../../src/errors.ts';
import type { AgentContainer } from '../../src/runtime/agent-runtime.ts';
import type { Folder } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { storeMessage } from '../support/world.ts';

/** The default of IDLE_TIMEOUT. */
const IDLE_MS = 1_800_000;

/** A container of this instance that no daemon asked for. */
function stray(folder: string, removed: string[]): AgentContainer {
  const name = `nanoclaw-${folder}-deadbeef`;
  return {
    name,
    id: name,
    folder: folder as Folder,
    exited: new Promise(() => {}),
    remove: async () => void removed.push(name),
  };
}

it('a container that nobody needs is removed; the one at work and the idle one stay', async () => {
  const daemon = new InnerDaemon();
  const [family, garden] = [daemon.register('family'), daemon.register('garden')];
  await daemon.start();
  await daemon.say(garden, '@Nina hello');
  await daemon.until(() => daemon.told(garden).length === 1);
  daemon.agent.answer = () => 'hold';
  await daemon.say(family, '@Nina hello');
  const turn = await daemon.until(() => daemon.agent.turns.find((each) => each.chat_jid === family.chatJid));

  const removed: string[] = [];
  const real = daemon.agent.runtime.list;
  daemon.agent.runtime.list = async () => [...(await real()), stray('family', removed)];
  await daemon.clock.advance(RECONCILE_MS);
  await daemon.until(() => removed.length > 0);
  expect(removed).toEqual(['nanoclaw-family-deadbeef']);
  expect(daemon.app?.status().agents.map(({ group, state }) => `${group} ${state}`)).toEqual([
    'garden idle',
    'family busy',
  ]);
  daemon.agent.finish(turn, { text: 'after all' });
  await daemon.until(() => daemon.told(family).length === 1);
  expect(daemon.told(family)).toEqual(['after all']);
});

it('an agent that the runtime does not have is gone at the second look, and its turn is tried again', async () => {
  const daemon = new InnerDaemon();
  const family = daemon.register('family');
  await daemon.start();
  daemon.agent.answer = () => 'hold';
  await daemon.say(family, '@Nina hello');
  await daemon.until(() => daemon.agent.turns.length === 1);
  const real = daemon.agent.runtime.list;
  daemon.agent.runtime.list = async () => [];
  await daemon.clock.advance(RECONCILE_MS);
  expect(daemon.app?.status().turnsRunning).toBe(1);
  await daemon.clock.advance(RECONCILE_MS);
  daemon.agent.runtime.list = real;
  daemon.agent.answer = () => ({ text: 'hello' });
  await daemon.until(() => daemon.app?.status().queue.backingOff.length === 1);
  await daemon.clock.advance(5000);
  await daemon.until(() => daemon.told(family).length === 1);
  expect(daemon.told(family)).toEqual(['hello']);
  expect(daemon.testLog.events('agent_missing')).toHaveLength(1);
});

it('a runtime that cannot be asked changes nothing, and is asked again', async () => {
  const daemon = new InnerDaemon();
  const family = daemon.register('family');
  await daemon.start();
  await daemon.say(family, '@Nina hello');
  await daemon.until(() => daemon.told(family).length === 1);
  let asked = 0;
  daemon.agent.runtime.list = async () => {
    asked += 1;
    throw new Error('the engine is away');
  };
  for (let minute = 0; minute < 3; minute += 1) await daemon.clock.advance(RECONCILE_MS);
  expect(asked).toBe(3);
  expect(daemon.app?.status().agents).toHaveLength(1);
});

it('a message that nobody was told of is answered within a minute', async () => {
  const daemon = new InnerDaemon();
  const family = daemon.register('family');
  await daemon.start();
  storeMessage(daemon.db, family.chatJid, 77);
  await daemon.clock.advance(RECONCILE_MS);
  await daemon.until(() => daemon.told(family).length === 1);
  expect(daemon.told(family)).toEqual(['done']);
});

it('an agent that cannot be removed while the engine is away is removed before its group gets another', async () => {
  const daemon = new InnerDaemon();
  const family = daemon.register('family');
  await daemon.start();
  const happened: string[] = [];
  let isAway = true;
  const { launch } = daemon.agent.runtime;
  daemon.agent.runtime.launch = async (request) => {
    happened.push('launched');
    const container = await launch(request);
    const remove = async () => {
      if (isAway) throw new NanoClawError('ENGINE_DOWN', 'the engine is away');
      happened.push('removed');
      await container.remove();
    };
    return { ...container, remove };
  };
  await daemon.say(family, '@Nina hello');
  await daemon.until(() => daemon.told(family).length === 1);
  await daemon.clock.advance(IDLE_MS); // its time is over
  await daemon.say(family, '@Nina are you there?');
  await daemon.clock.advance(10_000);
  expect(happened).toEqual(['launched']);
  isAway = false;
  await daemon.clock.advance(10_000);
  await daemon.until(() => daemon.told(family).length === 2);
  expect(happened).toEqual(['launched', 'removed', 'launched']);
});
