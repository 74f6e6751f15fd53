/**
 * A daemon and its containers that are made to fail: killed at the steps around a container, killed at random under load,
 * a container killed in its turn, an engine that goes away in the middle of one. A real engine, the real image, in it the
 * offline agent. NANOCLAW_FAULTS=long kills 24 times. The figures are printed.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { Step } from '../../src/lib/failpoint.ts';
import type { Settings } from '../support/daemon.ts';
import { Load } from '../support/load.ts';
import { docker, whyNoAgentImage } from './agent-container.ts';
import { CuttableEngine } from './cuttable-engine.ts';
import { containersOf, removeAll } from './docker-home.ts';

const whyNot = await whyNoAgentImage();
const LONG = process.env.NANOCLAW_FAULTS === 'long';
const KILLS = LONG ? 24 : 4;
const SEED = Number(process.env.NANOCLAW_FAULTS_SEED ?? Date.now() % 1_000_000);
/** A cold start on two busy cores. */
const COLD_MS = 90_000;
const DOCKER: Settings = {
  CONTAINER_RUNTIME: 'docker',
  AGENT_PROVIDER: 'offline',
  MAX_CONCURRENT_CONTAINERS: '3',
  WARM_MEMORY_MB: '0',
  ...(process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {}),
};
const AROUND_A_CONTAINER: readonly Step[] = [
  'turn.queued',
  'agent.started',
  'turn.staged',
  'turn.running',
  'turn.shown',
  'event.taken',
  'turn.settled',
  'recover.drained',
  'recover.turn',
  'recover.ended',
];
const RUNNING = "SELECT container_id FROM turns WHERE state = 'running'";

describe.skipIf(whyNot)(`daemon and containers${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  let load: Load;
  afterEach(async () => {
    await removeAll(load.home);
    await load.api.close();
  });

  /** All is settled, and as many containers live as the daemon knows. */
  async function expectAllWell(limitMs = 2 * COLD_MS): Promise<void> {
    await load.settled(limitMs);
    expect(load.account().problems).toEqual([]);
    const known = load.home.rows('SELECT name FROM containers WHERE ended_at IS NULL');
    expect(await containersOf(load.home)).toHaveLength(known.length);
  }

  async function begin(settings: Settings = {}, groups = 3): Promise<void> {
    load = await Load.create({ groups, seed: SEED, settings: { ...DOCKER, ...settings } });
  }

  it(
    'killed at each step around a container, one after the other',
    async () => {
      await begin({}, 6);
      for (const step of AROUND_A_CONTAINER) {
        if (step === 'recover.turn') {
          const before = load.home.spawn({ FAILPOINTS: 'turn.running=kill' });
          load.say('echo');
          await before.exited;
        }
        const daemon = load.home.spawn({ FAILPOINTS: `${step}=kill` });
        for (const kind of ['echo', 'say', 'file'] as const) load.say(kind);
        expect(await daemon.exited).toEqual({ code: null, signal: 'SIGKILL' });
      }
      const last = load.home.spawn();
      await last.logged('ready', () => true, COLD_MS);
      load.say('echo');
      await expectAllWell();
    },
    6 * COLD_MS,
  );

  it(
    `killed ${KILLS} times at random (seed ${SEED})`,
    async () => {
      await begin({}, 6);
      const startedAt = performance.now();
      const isQuiet = () =>
        load.home.row<{ n: number }>('SELECT count(*) AS n FROM messages WHERE disposition IS NULL')?.n === 0;
      for (let kill = 0; kill < KILLS; kill += 1) {
        const daemon = load.home.spawn();
        await daemon.logged('ready', () => true, COLD_MS);
        for (let n = 0; n < 4; n += 1) load.say();
        const { chat } = load.pick(load.groups);
        load.api.sim.say({ chat, from: 'anna', text: '@Nina slow 2' });
        let left = 1 + Math.floor(load.random() * 150);
        let seen = false;
        await load.home.until(
          () => {
            seen ||= load.home.row(RUNNING) !== undefined;
            left -= 1;
            return left <= 0 || (seen && isQuiet());
          },
          'the moment',
          COLD_MS,
        );
        await daemon.kill('SIGKILL');
      }
      const last = load.home.spawn();
      await last.logged('ready', () => true, COLD_MS);
      await expectAllWell(3 * COLD_MS);
      // Where a turn was going on, its container went on with it.
      const adopted = load.home.log().filter(({ event }) => event === 'turn_adopted').length;
      const seconds = Math.round((performance.now() - startedAt) / 1000);
      const table = { seed: SEED, kills: KILLS, ...load.account().figures, adopted, seconds };
      if (LONG) expect(adopted).toBeGreaterThan(0);
      console.log(`killed at random, with containers: ${JSON.stringify(table)}`);
    },
    20 * COLD_MS,
  );

  it(
    'a daemon killed during a turn and started again: the same container answers, once',
    async () => {
      await begin({}, 1);
      const [group] = load.groups;
      const first = await load.home.start();
      load.api.sim.say({ chat: group?.chat ?? 0, from: 'you', text: '@Nina slow 4' });
      const turn = await load.home.until(
        () => load.home.row<{ container_id: string }>(RUNNING),
        'the turn',
        COLD_MS,
      );
      await first.kill('SIGKILL');
      await load.home.start();
      await load.api.until(() => load.api.answers(group?.chat ?? 0).length > 0, 'the answer', COLD_MS);
      await load.settled(COLD_MS);
      expect(load.api.answers(group?.chat ?? 0)).toEqual(['That took 4 seconds.']);
      expect(load.home.rows('SELECT state, attempt, container_id FROM turns')).toEqual([
        { state: 'done', attempt: 1, container_id: turn.container_id },
      ]);
    },
    4 * COLD_MS,
  );

  it(
    'messages that come about the instant in which idle containers close: each is answered',
    async () => {
      const IDLE_MS = 1000;
      const ROUNDS = 4;
      await begin({ IDLE_TIMEOUT: String(IDLE_MS) }, 3);
      await load.home.start();
      await Promise.all(
        load.groups.map(async (group, at) => {
          for (let round = 0; round < ROUNDS; round += 1) {
            const before = load.api.answers(group.chat).length;
            load.say('echo', group);
            await load.api.until(
              () => load.api.answers(group.chat).length > before,
              'the answer',
              2 * COLD_MS,
            );
            // A container takes a while to close: from just before it begins until well within.
            const within = -20 + ((at + load.groups.length * round) * 400) / (load.groups.length * ROUNDS);
            await new Promise((resolve) => setTimeout(resolve, IDLE_MS + within));
          }
        }),
      );
      await expectAllWell();
      expect(load.account().figures.answers).toBe(load.groups.length * ROUNDS);
      const started = load.home.rows('SELECT name FROM containers').length;
      expect(started).toBeGreaterThan(load.groups.length);
    },
    10 * COLD_MS,
  );

  it(
    'a container that is killed in its turn: the next attempt answers, once',
    async () => {
      await begin({}, 1);
      const [group] = load.groups;
      await load.home.start();
      load.api.sim.say({ chat: group?.chat ?? 0, from: 'you', text: '@Nina slow 3' });
      const turn = await load.home.until(
        () => load.home.row<{ container_id: string }>(RUNNING),
        'the turn',
        COLD_MS,
      );
      await docker('kill', turn.container_id);
      await load.api.until(() => load.api.answers(group?.chat ?? 0).length > 0, 'the answer', COLD_MS);
      await load.settled(COLD_MS);
      expect(load.api.answers(group?.chat ?? 0)).toEqual(['That took 3 seconds.']);
      expect(load.home.rows('SELECT state, attempt, error_code FROM turns ORDER BY seq')).toEqual([
        { state: 'retried', attempt: 1, error_code: 'crash' },
        { state: 'done', attempt: 2, error_code: null },
      ]);
    },
    4 * COLD_MS,
  );

  it(
    'an engine that restarts in the middle of turns: one that survived answers, one that did not begins again',
    async () => {
      const engine = new CuttableEngine();
      await engine.open();
      try {
        await begin({ DOCKER_HOST: `unix://${engine.path}` }, 2);
        const [kept, lost] = load.groups;
        await load.home.start();
        for (const group of load.groups)
          load.api.sim.say({ chat: group.chat, from: 'you', text: '@Nina slow 3' });
        const turns = await load.home.until(
          () => {
            const rows = load.home.rows<{ container_id: string; group_folder: string }>(
              "SELECT container_id, group_folder FROM turns WHERE state = 'running'",
            );
            return rows.length === 2 && rows;
          },
          'both turns',
          COLD_MS,
        );
        engine.cut();
        const gone = turns.find((turn) => turn.group_folder === lost?.folder);
        await docker('rm', '-f', gone?.container_id ?? '');
        // What comes meanwhile waits.
        load.say('echo', kept);
        await engine.open();
        await load.settled(2 * COLD_MS);
        expect(load.account().problems).toEqual([]);
        expect(load.api.answers(lost?.chat ?? 0)).toEqual(['That took 3 seconds.']);
        expect(load.api.answers(kept?.chat ?? 0)[0]).toEqual('That took 3 seconds.');
        expect(
          load.home.rows('SELECT state FROM turns WHERE group_folder = ? ORDER BY seq', lost?.folder),
        ).toEqual([{ state: 'retried' }, { state: 'done' }]);
        const [first] = load.home.rows<{ state: string }>(
          'SELECT state FROM turns WHERE group_folder = ? ORDER BY seq',
          kept?.folder,
        );
        expect(first?.state).toBe('done');
      } finally {
        await load.home.killAll();
        engine.cut();
      }
    },
    6 * COLD_MS,
  );
});
