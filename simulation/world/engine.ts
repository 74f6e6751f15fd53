/**
 * The container engine: it outlives the daemons, is away for a while now and then, and its containers go on or die as it
 * pleases. What runs in a container is agent.ts.
 */
import { NanoClawError } from '../../src/errors.ts';
import type {
  AgentContainer,
  AgentExit,
  AgentLaunch,
  AgentRuntime,
} from '../../src/runtime/agent-runtime.ts';
import type { Folder } from '../../src/types.ts';
import type { AgentLife } from './agent.ts';
import { Agent } from './agent.ts';
import type { Daemon } from './daemon.ts';
import type { Rng } from './rng.ts';
import type { World } from './world.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const BETWEEN_OUTAGES = 4 * DAY;
const OUTAGE = 12 * MINUTE;

export class SimulatedEngine {
  readonly containers = new Map<string, Agent>();
  readonly #world: World;
  readonly #rng: Rng;
  readonly #life: AgentLife;
  #down = false;

  constructor(world: World, life: AgentLife) {
    this.#world = world;
    this.#life = life;
    this.#rng = world.rng('engine');
    this.#world.timeline.in(this.#rng.around(BETWEEN_OUTAGES), () => {
      this.#goDown();
    });
  }

  #goDown(): void {
    const { timeline } = this.#world;
    if (!this.#world.faults) return;
    this.#down = true;
    this.#world.count('engine outages');
    const takesAll = this.#rng.chance(0.5);
    this.#world.note('engine down', { takesAll });
    if (takesAll)
      for (const agent of this.living()) agent.end({ code: 137, oomKilled: false, lastOutput: '' });
    timeline.in(this.#rng.around(OUTAGE), () => {
      this.#down = false;
      this.#world.note('engine up', {});
      for (const agent of this.containers.values()) agent.tellWatchers();
      timeline.in(this.#rng.around(BETWEEN_OUTAGES), () => {
        this.#goDown();
      });
    });
  }

  living(): Agent[] {
    return [...this.containers.values()].filter((agent) => agent.alive);
  }

  of(folder: string): Agent[] {
    return this.living().filter((agent) => agent.folder === folder);
  }

  connection(daemon: Daemon): AgentRuntime {
    /** A request that the daemon waits for; its effect happens at the engine's side all the same. */
    const ask = <T>(where: string, leastMs: number, mostMs: number, work: () => T): Promise<T> => {
      daemon.touch(where);
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      const { timeline } = this.#world;
      const half = Math.ceil(this.#rng.between(leastMs, mostMs) / 2);
      const goesOut = this.#rng.chance(0.7);
      timeline.in(half, () => {
        if (!daemon.alive && !goesOut) return;
        let result: T;
        try {
          if (this.#down) throw new NanoClawError('ENGINE_DOWN', 'the Docker engine does not answer');
          result = work();
        } catch (error) {
          timeline.in(half, () => reject(error as Error), daemon);
          return;
        }
        timeline.in(half, () => resolve(result), daemon);
      });
      return promise;
    };
    return {
      name: 'docker',
      prepare: () => ask('engine.prepare', 2, 20, () => {}),
      launch: (launch) =>
        ask('engine.launch', 200, 3000, () => this.#launch(launch, !daemon.alive)).then((agent) =>
          this.#handle(daemon, agent),
        ),
      list: () =>
        ask('engine.list', 2, 40, () => [...this.containers.values()]).then((all) =>
          all.map((agent) => this.#handle(daemon, agent)),
        ),
      memoryOf: async () => null,
      networkEnforcement: () => ({ enforced: true, reason: null }),
      close: async () => {},
    };
  }

  #launch(launch: AgentLaunch, isStray: boolean): Agent {
    if (this.#world.faults && this.#rng.chance(0.01))
      throw new NanoClawError('ENGINE_REFUSED', 'the Docker engine refuses the container');
    if (this.containers.has(launch.name)) throw new Error(`the name ${launch.name} is taken`);
    // A stray is given no turn, and goes at the next look.
    const others = this.of(launch.folder).filter((other) => !other.isStray && !isStray);
    if (others.length > 0)
      this.#world.violated(
        'G2',
        `group ${launch.folder} has two agents at once: ${others[0]?.name} and ${launch.name}`,
      );
    const agent = new Agent(this.#world, this.#life, launch.name, launch.folder, isStray);
    this.containers.set(launch.name, agent);
    this.#world.count('agents');
    this.#world.note('container started', { name: launch.name });
    return agent;
  }

  /** The container as one daemon sees it: its end is told to that daemon, a moment later. */
  #handle(daemon: Daemon, agent: Agent): AgentContainer {
    const { promise, resolve } = Promise.withResolvers<AgentExit>();
    const tell = () => {
      if (this.#down) return; // told when the engine is back
      const exit = agent.exit;
      if (exit) this.#world.timeline.in(this.#rng.between(1, 80), () => resolve(exit), daemon);
    };
    agent.watchers.push({ daemon, tell });
    tell();
    return {
      name: agent.name,
      id: agent.name,
      folder: agent.folder as Folder,
      exited: promise,
      remove: () => this.#remove(daemon, agent),
    };
  }

  #remove(daemon: Daemon, agent: Agent): Promise<void> {
    daemon.touch('engine.remove');
    const { timeline } = this.#world;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    timeline.in(this.#rng.between(5, 400), () => {
      if (this.#down) {
        timeline.in(
          1,
          () => reject(new NanoClawError('ENGINE_DOWN', 'the Docker engine does not answer')),
          daemon,
        );
        return;
      }
      agent.end({ code: 137, oomKilled: false, lastOutput: '' });
      this.containers.delete(agent.name);
      timeline.in(this.#rng.between(1, 20), () => resolve(), daemon);
    });
    return promise;
  }
}
