/** A connection to the engine that breaks while agents run: no exit is missed, none is invented. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Engine } from '../../src/docker/engine.ts';
import { watchEvents } from '../../src/docker/events.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { removeNetworks } from '../../src/runtime/docker-network.ts';
import { createDockerRuntime } from '../../src/runtime/docker-runtime.ts';
import { CuttableEngine } from './cuttable-engine.ts';
import { TEST_IMAGE, TestHome, testEngine, whyNoDocker } from './engine-support.ts';

const whyNot = await whyNoDocker();

describe.skipIf(whyNot)(`losing the engine${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  const direct = testEngine();
  const cuttable = new CuttableEngine();
  const home = new TestHome();
  const runtime = createDockerRuntime({
    engine: new Engine({ dockerHost: `unix://${cuttable.path}` }),
    instanceId: home.instanceId,
    image: TEST_IMAGE,
    projectRoot: home.dir,
    stateDir: join(home.dir, 'data/run'),
    limits: { memoryMb: 64 },
  });
  afterAll(async () => {
    await Promise.all((await runtime.list()).map((container) => container.remove()));
    await runtime.close();
    await removeNetworks(direct, home.instanceId);
    cuttable.cut();
    direct.close();
    home.dispose();
  });

  it('learns of an end that came while the engine was away, and of none that did not', async () => {
    await cuttable.open();
    await runtime.prepare();
    const ends = await runtime.launch(
      home.launch('ends', 'until [ -e /workspace/group/go ]; do sleep 0.1; done; exit 9\n'),
    );
    const stays = await runtime.launch(home.launch('stays', 'sleep 600 & wait\n'));
    const vanishes = await runtime.launch(home.launch('vanishes', 'sleep 600 & wait\n'));
    let staysEnded = false;
    void stays.exited.then(() => {
      staysEnded = true;
    });

    cuttable.cut();
    await expect(runtime.launch(home.launch('down', 'true\n'))).rejects.toMatchObject({
      code: 'ENGINE_DOWN',
    });
    const end = await direct.wait(ends.id, 'not-running');
    await direct.exec(ends.id, ['touch', '/workspace/group/go']);
    await end.ended;
    await direct.removeContainer(vanishes.id);

    await cuttable.open();
    expect(await ends.exited).toMatchObject({ code: 9 });
    expect(await vanishes.exited).toEqual({ code: null, oomKilled: false, lastOutput: '' });
    expect(staysEnded).toBe(false);
    await stays.remove();
    await stays.exited;
  });

  it('watches events across a cut, and says that some may be missing', async () => {
    const through = new Engine({ dockerHost: `unix://${cuttable.path}` });
    const stop = new AbortController();
    const seen: string[] = [];
    const gap = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const again = Promise.withResolvers<void>();
    const filters = {
      type: ['container'],
      event: ['start'],
      label: [`nanoclaw.instance=${home.instanceId}`],
    };
    const watching = watchEvents(
      through,
      systemClock,
      {
        filters,
        onEvent: ({ Actor }) => {
          seen.push(Actor.Attributes['nanoclaw.group'] ?? '');
          if (seen.includes('second')) again.resolve();
          else started.resolve();
        },
        onGap: () => gap.resolve(),
      },
      stop.signal,
    );
    await runtime.prepare();
    await runtime.launch(home.launch('first', 'sleep 600 & wait\n'));
    await started.promise;
    cuttable.cut();
    await cuttable.open();
    await gap.promise;
    await runtime.launch(home.launch('second', 'sleep 600 & wait\n'));
    await again.promise;
    stop.abort();
    await watching;
    through.close();
    expect(new Set(seen)).toEqual(new Set(['first', 'second']));
  });
});
