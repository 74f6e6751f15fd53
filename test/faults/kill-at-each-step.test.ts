/**
 * SIGKILL at each named step of docs/durability.md, and an exception at each: a real daemon, a message with a reply, one
 * with a command, a file, a task, an edit, a topic and a reaction, and a long one, on their way. The next daemon, or the same one, brings all to its
 * end: nothing lost, nothing doubled without the mark.
 */
import { rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { STEPS, type Step } from '../../src/lib/failpoint.ts';
import { Load } from '../support/load.ts';

const LIMIT_MS = 30_000;
/** Reached before anything can be asked. */
const AT_START: readonly Step[] = ['migration.applied', 'mirror.written'];

const AT_BOOT = (step: Step) => step.startsWith('recover.');
const RECOVERS = STEPS.filter(AT_BOOT);
const LONG = process.env.NANOCLAW_FAULTS === 'long';

/** A turn of two seconds is shown. */
const create = (options: { groups: number; registered?: boolean }) =>
  Load.create({ ...options, settings: { PROGRESS_AFTER: '1000' } });

let load: Load;
afterEach(async () => {
  await load.dispose();
});

/** Everything that reaches every step, spread over the chats, since one is sent a message a second. */
function sayAll(): void {
  const kinds = [
    'topic',
    'say',
    'file',
    'attach',
    'remind',
    'edit',
    'echo',
    'remember',
    'ping',
    'late',
    'context',
    'slow',
    'react',
    'ask',
  ] as const;
  const first = Math.floor(load.random() * load.groups.length);
  kinds.forEach((kind, n) => {
    load.say(kind, load.groups[(first + n) % load.groups.length]);
  });
}

/** Leaves a turn that is running. */
async function dieInATurn(): Promise<void> {
  const daemon = load.home.spawn({ FAILPOINTS: 'turn.running=kill' });
  load.say('echo');
  await daemon.exited;
}

async function killAt(step: Step): Promise<void> {
  const { home } = load;
  if (AT_BOOT(step)) await dieInATurn();
  // The database is newer than its mirror.
  rmSync(home.file('data/registered_groups.json'), { force: true });
  const daemon = home.spawn({ FAILPOINTS: `${step}=kill` });
  if (!AT_START.includes(step) && !AT_BOOT(step)) sayAll();
  expect(await daemon.exited).toEqual({ code: null, signal: 'SIGKILL' });
}

async function expectAllWell(limitMs: number): Promise<void> {
  const next = await load.home.start();
  load.say('echo');
  await load.settled(limitMs);
  expect(load.account().problems).toEqual([]);
  const mirror = JSON.parse(load.home.read('data/registered_groups.json')) as object;
  expect(Object.keys(mirror)).toHaveLength(load.groups.length);
  const errors = next.log().filter(({ level }) => level === 'error');
  expect(errors.filter(({ event }) => event !== 'send_unknown_twice')).toEqual([]);
}

describe('SIGKILL', () => {
  it('while the database is made', async () => {
    load = await create({ groups: 5, registered: false });
    await killAt('migration.applied');
    load.register();
    await expectAllWell(LIMIT_MS);
  });

  const steps = STEPS.filter((step) => step !== 'migration.applied');
  if (LONG) {
    it.each(steps)('at %s', async (step) => {
      load = await create({ groups: 5 });
      await killAt(step);
      await expectAllWell(LIMIT_MS);
    });
  } else {
    it(
      'at each other step, one after the other',
      async () => {
        load = await create({ groups: 15 });
        for (const step of steps) await killAt(step);
        await expectAllWell(3 * LIMIT_MS);
      },
      6 * LIMIT_MS,
    );
  }
});

describe('an exception', () => {
  const steps = STEPS.filter((step) => !AT_START.includes(step) && !RECOVERS.includes(step));

  async function survives(failpoints: string): Promise<void> {
    load = await create({ groups: 5 });
    const daemon = await load.home.start({ FAILPOINTS: failpoints });
    sayAll();
    sayAll();
    await load.settled(2 * LIMIT_MS);
    expect(load.account().problems).toEqual([]);
    expect(daemon.log().some(({ event }) => event === 'crashed')).toBe(false);
    expect(await daemon.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  }

  if (LONG) {
    it.each(steps)('at %s is survived without a restart', (step) => survives(`${step}=error`), 3 * LIMIT_MS);
  } else {
    it(
      'at each step is survived without a restart',
      () => survives(steps.map((step) => `${step}=error`).join(',')),
      3 * LIMIT_MS,
    );
  }

  it(
    "while an earlier daemon's turns are taken up is tried again",
    async () => {
      load = await create({ groups: 5 });
      await dieInATurn();
      const failpoints = RECOVERS.map((step) => `${step}=error`).join(',');
      const daemon = load.home.spawn({ FAILPOINTS: failpoints });
      await load.settled(2 * LIMIT_MS);
      expect(load.account().problems).toEqual([]);
      expect(daemon.log().filter(({ event }) => event === 'runtime_waiting')).toHaveLength(RECOVERS.length);
    },
    3 * LIMIT_MS,
  );
});

it('a daemon that stands still is ended from outside, and the next one goes on', async () => {
  load = await create({ groups: 5 });
  const daemon = load.home.spawn({ FAILPOINTS: 'event.taken=wedge@3' });
  sayAll();
  await load.home.until(
    () => load.home.row('SELECT sum(last_event) AS n FROM turns HAVING n >= 3'),
    'the third event',
  );
  await daemon.kill('SIGKILL');
  await expectAllWell(LIMIT_MS);
});
