import { describe, expect, it } from 'vitest';
import { silentLogger } from '../log.ts';
import type { Folder } from '../types.ts';
import type { Agent } from './agent.ts';
import { createWarmBudget } from './warm-budget.ts';

const MB = 1024 * 1024;

/** Agents as the pool keeps them, each with its memory; null: nobody can measure it. */
function pool(options: { cap: number; warmMb: number; launching?: number }) {
  const living: Agent[] = [];
  const closed: string[] = [];
  const memory = new Map<string, number | null>();
  const asked: string[] = [];
  const budget = createWarmBudget({
    log: silentLogger(),
    cap: options.cap,
    warmBytes: options.warmMb * MB,
    agents: () => [...living],
    launching: () => options.launching ?? 0,
    async memoryOf(name) {
      asked.push(name);
      const mb = memory.get(name);
      if (mb === undefined) throw new Error('the engine does not answer');
      return mb === null ? null : mb * MB;
    },
    async close(agent) {
      agent.state = 'closing';
      closed.push(agent.folder);
      living.splice(living.indexOf(agent), 1);
    },
  });
  return {
    budget,
    closed,
    asked,
    /** Its turn is over. */
    async rests(folder: string, mb: number | null | undefined, idleSince: number) {
      const agent = addAgent(folder, 'idle', idleSince);
      if (mb !== undefined) memory.set(agent.container.name, mb);
      budget.rests(agent);
      await new Promise(setImmediate);
    },
    works: (folder: string) => addAgent(folder, 'busy', 0),
  };

  function addAgent(folder: string, state: Agent['state'], idleSince: number): Agent {
    const container = { name: `nanoclaw-${folder}` } as Agent['container'];
    const common = { mounts: '', provider: null, notes: [], isNoted: true, begun() {} };
    const agent: Agent = { container, folder: folder as Folder, state, idleSince, ...common };
    living.push(agent);
    return agent;
  }
}

describe('agents that wait', () => {
  it('stay up to the cap whatever they use, and nobody measures them', async () => {
    const { rests, closed, asked } = pool({ cap: 2, warmMb: 0 });
    await rests('a', 900, 1);
    await rests('b', 900, 2);
    expect(closed).toEqual([]);
    expect(asked).toEqual([]);
  });

  it('beyond the cap go, the least recently used first, until the others fit', async () => {
    const { rests, closed } = pool({ cap: 1, warmMb: 700 });
    await rests('oldest', 300, 1);
    await rests('old', 300, 2);
    expect(closed).toEqual([]);
    await rests('new', 300, 3);
    expect(closed).toEqual(['oldest']);
  });

  it('do not count while they work', async () => {
    const { rests, works, closed } = pool({ cap: 3, warmMb: 400 });
    for (const folder of ['a', 'b', 'c']) works(folder);
    await rests('waits', 300, 1);
    expect(closed).toEqual([]);
  });

  it('count as 256 MiB when nobody knows, also when the engine does not answer', async () => {
    const { rests, closed } = pool({ cap: 1, warmMb: 600 });
    await rests('a', null, 1);
    await rests('b', undefined, 2);
    expect(closed).toEqual([]);
    await rests('c', null, 3);
    expect(closed).toEqual(['a']);
  });
});

describe('before a launch', () => {
  it('without a budget one that waits gives way, so that never more than the cap live', async () => {
    const { budget, rests, closed } = pool({ cap: 2, warmMb: 0, launching: 1 });
    await rests('a', 100, 2);
    await rests('b', 100, 1);
    await budget.makeRoom();
    expect(closed).toEqual(['b']);
  });

  it('within the budget nobody has to go', async () => {
    const { budget, rests, closed } = pool({ cap: 1, warmMb: 1000, launching: 1 });
    await rests('a', 100, 1);
    await rests('b', 100, 2);
    await budget.makeRoom();
    expect(closed).toEqual([]);
  });

  it('where all work there is nothing to give up', async () => {
    const { budget, works, closed } = pool({ cap: 1, warmMb: 0, launching: 1 });
    works('a');
    await budget.makeRoom();
    expect(closed).toEqual([]);
  });
});
