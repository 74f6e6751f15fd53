/**
 * SIGKILL at moments that nobody chose, again and again, while people in twenty groups keep writing, tasks come due and
 * agents use their tools: nothing lost, nothing repeated without the mark, nothing left open. Real processes. The short
 * form kills twice a dozen times, from a fixed seed and from a fresh one; NANOCLAW_FAULTS=long kills 200 times. The figures
 * are printed; NANOCLAW_FAULTS_SEED repeats a run, as far as a machine can.
 */
import { watch } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { Load } from '../support/load.ts';

const LONG = process.env.NANOCLAW_FAULTS === 'long';
const GROUPS = 20;
const KILLS = LONG ? 200 : 12;
/** Things said before each kill. */
const PER_KILL = LONG ? 4 : 8;
const FRESH = Number(process.env.NANOCLAW_FAULTS_SEED ?? Date.now() % 1_000_000);
/** A second a reply in each chat, twenty a minute: a long run's last replies take their time. */
const SETTLE_MS = LONG ? 600_000 : 120_000;

let load: Load;
afterEach(async () => {
  await load.dispose();
});

it.each(LONG ? [FRESH] : [1, FRESH])(
  `killed ${KILLS} times under a load of ${GROUPS} groups (seed %i)`,
  async (seed) => {
    const startedAt = performance.now();
    load = await Load.create({ groups: GROUPS, seed, settings: { MAX_CONCURRENT_CONTAINERS: '4' } });
    for (const group of load.groups.slice(0, 3)) load.tick(group, '5s');
    for (let kill = 0; kill < KILLS; kill += 1) {
      const daemon = load.home.spawn();
      const moment = changes(1 + Math.floor(load.random() ** 2 * 120));
      for (let n = 0; n < PER_KILL; n += 1) load.say();
      await moment;
      for (let turns = Math.floor(load.random() * 40); turns > 0; turns -= 1) await new Promise(setImmediate);
      await daemon.kill('SIGKILL');
    }
    const killedAt = performance.now();

    const daemon = await load.home.start();
    await load.stopTicking();
    await load.settled(SETTLE_MS);
    const { problems, figures } = load.account();
    const seconds = (from: number) => Math.round((performance.now() - from) / 100) / 10;
    const table = {
      seed,
      kills: KILLS,
      ...figures,
      seconds: seconds(startedAt),
      toSettle: seconds(killedAt),
    };
    console.log(`killed at random: ${JSON.stringify(table)}`);
    expect(problems).toEqual([]);
    const errors = load.home
      .log()
      .filter(({ level, event }) => level === 'error' && event !== 'send_unknown_twice');
    expect(errors).toEqual([]);
    expect(await daemon.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  },
  SETTLE_MS + 600_000,
);

/**
 * Resolves after so many signs of what the daemon does, whatever they are (a call, a write to a file of its data), or when
 * it has nothing more to do.
 */
function changes(count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    let idle = setTimeout(() => done(), 2000);
    const done = () => {
      clearTimeout(idle);
      watcher.close();
      stop();
      resolve();
    };
    const one = () => {
      left -= 1;
      clearTimeout(idle);
      idle = setTimeout(done, 500);
      if (left <= 0) done();
    };
    const watcher = watch(load.home.file('data'), one);
    const stop = load.api.sim.on('call', one);
  });
}
