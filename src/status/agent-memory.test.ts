import { expect, it } from 'vitest';
import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createAgentMemory } from './agent-memory.ts';

function world(read: (name: string) => Promise<number | null>) {
  const clock = createFakeClock();
  const containers = ['one'];
  const asked: string[] = [];
  const memory = createAgentMemory({
    containers: () => containers,
    read: (name) => {
      asked.push(name);
      return read(name);
    },
    clock,
  });
  return { clock, containers, asked, memory };
}

it('an answer serves for ten seconds, and a new agent is asked for at once', async () => {
  const { clock, containers, asked, memory } = world(async () => 1000);
  expect(memory.known('one')).toBe(null);
  await memory.ask();
  await memory.ask();
  expect(memory.known('one')).toBe(1000);
  expect(asked).toEqual(['one']);
  containers.push('two');
  await memory.ask();
  expect(asked).toEqual(['one', 'one', 'two']);
  await clock.advance(10_000);
  await memory.ask();
  expect(asked).toHaveLength(5);
});

it('those who ask at the same time share one question', async () => {
  const { asked, memory } = world(async () => 1);
  await Promise.all([memory.ask(), memory.ask(), memory.ask()]);
  expect(asked).toEqual(['one']);
});

it('an engine that refuses or does not answer keeps nobody waiting for long', async () => {
  const refusing = world(() => Promise.reject(new Error('gone')));
  await refusing.memory.ask();
  expect(refusing.memory.known('one')).toBe(null);

  const silent = world(() => new Promise(() => {}));
  let isOver = false;
  const asking = silent.memory.ask().then(() => {
    isOver = true;
  });
  await silent.clock.advance(1900);
  expect(isOver).toBe(false);
  await silent.clock.advance(200);
  await asking;
  expect(isOver).toBe(true);
});
