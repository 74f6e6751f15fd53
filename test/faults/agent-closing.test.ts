/**
 * A message that comes while its group's idle agent is being closed is answered: by a new agent, once the old one is
 * gone. First with an end that the test holds open, then with real agents that close under a stream of messages.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { Load } from '../support/load.ts';

const IDLE_MS = 60_000;

describe('an idle agent that is being closed', () => {
  /** A daemon whose agents are removed only when the test says so. */
  function withSlowEnds() {
    const daemon = new InnerDaemon();
    daemon.settings = { IDLE_TIMEOUT: String(IDLE_MS) };
    const { launch } = daemon.agent.runtime;
    const launched: string[] = [];
    let living = 0;
    let most = 0;
    const ends: (() => void)[] = [];
    daemon.agent.runtime.launch = async (request) => {
      const container = await launch(request);
      launched.push(request.name);
      living += 1;
      most = Math.max(most, living);
      void container.exited.then(() => {
        living -= 1;
      });
      return {
        ...container,
        remove: () => new Promise<void>((removed) => ends.push(() => void container.remove().then(removed))),
      };
    };
    const release = () => {
      for (const end of ends.splice(0)) end();
    };
    return { daemon, launched, ends, release, most: () => most };
  }

  it('is not given the message; the next one is, after it has gone', async () => {
    const { daemon, launched, ends, release, most } = withSlowEnds();
    const family = daemon.register('family');
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await daemon.until(() => daemon.told(family).length === 1);
    await daemon.clock.advance(IDLE_MS);
    expect(ends).toHaveLength(1);
    expect(daemon.app?.status().agents).toMatchObject([{ state: 'closing' }]);

    await daemon.say(family, '@Nina two');
    await daemon.clock.advance(1000);
    expect(launched).toHaveLength(1);
    expect(daemon.agent.turns).toHaveLength(1);
    release();
    await daemon.until(() => daemon.told(family).length === 2);
    expect(launched).toHaveLength(2);
    expect(most()).toBe(1);
    expect(daemon.agent.turns.map(({ container }) => container)).toEqual(launched);
    release();
  });

  it('that ends by itself under the message costs it nothing', async () => {
    const { daemon, release } = withSlowEnds();
    const family = daemon.register('family');
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await daemon.until(() => daemon.told(family).length === 1);
    daemon.agent.answer = () => 'hold';
    await daemon.say(family, '@Nina two');
    await daemon.until(() => daemon.agent.turns.length === 2);
    daemon.agent.answer = () => ({ text: 'after all' });
    await daemon.agent.close();
    const until = daemon.until(() => daemon.agent.turns.length >= 3);
    release();
    await daemon.clock.advance(30_000);
    await until;
    await daemon.until(() => daemon.told(family).length === 2);
    expect(daemon.told(family)).toEqual(['done', 'after all']);
    release();
  });
});

describe('an agent that was started but could not be noted', () => {
  it('is gone before the next one is started', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const { launch } = daemon.agent.runtime;
    let living = 0;
    let most = 0;
    daemon.agent.runtime.launch = async (request) => {
      const container = await launch(request);
      living += 1;
      most = Math.max(most, living);
      void container.exited.then(() => {
        living -= 1;
      });
      return container;
    };
    daemon.db.sqlite.exec(`CREATE TRIGGER full BEFORE UPDATE OF engine_id ON containers
      BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END`);
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await daemon.until(() => most === 1 && living === 0);
    daemon.db.sqlite.exec('DROP TRIGGER full');
    await daemon.clock.advance(30_000);
    await daemon.until(() => daemon.told(family).includes('done'));
    expect(most).toBe(1);
    expect(living).toBe(1);
  });
});

describe('real agents', () => {
  let load: Load;
  afterEach(async () => {
    await load.dispose();
  });

  it('that close after a second, in the middle of messages that come about then: each is answered', async () => {
    load = await Load.create({
      groups: 12,
      settings: { IDLE_TIMEOUT: '1000', MAX_CONCURRENT_CONTAINERS: '12' },
    });
    await load.home.start();
    const ROUNDS = 6;
    const started = () => load.home.row<{ n: number }>('SELECT count(*) AS n FROM containers')?.n ?? 0;
    await Promise.all(
      load.groups.map(async (group, at) => {
        for (let round = 0; round < ROUNDS; round += 1) {
          const before = load.api.answers(group.chat).length;
          load.say('echo', group);
          await load.api.until(() => load.api.answers(group.chat).length > before, 'the answer', 30_000);
          // The instant is what this is about: around the agent's last.
          await new Promise((resolve) => setTimeout(resolve, 940 + ((at * 17 + round * 31) % 120)));
        }
      }),
    );
    await load.settled();
    expect(load.account().problems).toEqual([]);
    expect(load.account().figures.answers).toBe(load.groups.length * ROUNDS);
    // Not all were warm still.
    expect(started()).toBeGreaterThan(load.groups.length);
  }, 90_000);

  const hundreds = async (settings: Record<string, string>) => {
    load = await Load.create({ groups: 20, settings: { MAX_CONCURRENT_CONTAINERS: '2', ...settings } });
    await load.home.start();
    for (let n = 0; n < 200; n += 1) load.say('echo', load.groups[n % 20]);
    await load.settled(120_000);
    const { problems, figures } = load.account();
    expect(problems).toEqual([]);
    expect(figures.messages).toBe(200);
    return load.home.mostAgentsAtOnce();
  };

  it('two hundred messages over twenty chats under a cap of two, without memory for more: never more than two live', async () => {
    expect(await hundreds({ WARM_MEMORY_MB: '0' })).toBe(2);
  }, 150_000);

  it('with memory for ten that wait, each chat is answered all the same, and those that live are no more than that', async () => {
    // Processes cannot be measured: each counts 256 MiB.
    const most = await hundreds({ WARM_MEMORY_MB: '2560' });
    expect(most).toBeGreaterThan(2);
    expect(most).toBeLessThanOrEqual(13);
  }, 150_000);
});
