/**
 * Failures that speak: each has its own handling, the chat hears one plain sentence, and main hears of what only the
 * operator can put right: once, and once more when it is over, however often it is met and over restarts.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { NanoClawError } from '../../src/errors.ts';
import type { Group } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import type { Answer } from '../support/scripted-agent.ts';

let daemon: InnerDaemon;
let main: Group;
let family: Group;

beforeEach(() => {
  daemon = new InnerDaemon();
  main = daemon.register('main', { isMain: true });
  family = daemon.register('family');
});

const fails = (code: NonNullable<Answer['error']>['code'], resets_at?: string): Answer => ({
  status: 'error',
  error: { code, message: `${code}, as the test says`, ...(resets_at ? { resets_at } : {}) },
});
const turns = () =>
  daemon.db.sqlite.prepare('SELECT attempt, state, error_code, session_id FROM turns ORDER BY seq').all() as {
    attempt: number;
    state: string;
    error_code: string | null;
    session_id: string | null;
  }[];
const dispositions = () =>
  daemon.db.sqlite
    .prepare("SELECT disposition FROM messages WHERE sender = '1001' ORDER BY seq")
    .pluck()
    .all();
const heard = (group: Group, count: number) => daemon.until(() => daemon.told(group).length >= count);
const problems = () => daemon.app?.status().problems.map(({ kind }) => kind);

describe('a refused credential', () => {
  it('fails at once in each chat; main hears it once, also over a restart, and once when it is accepted again', async () => {
    daemon.agent.answer = () => fails('credential');
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await heard(family, 1);
    await daemon.say(family, '@Nina two');
    await heard(family, 2);
    expect(daemon.told(family)[1]).toMatch(/^I could not answer: the model refused the credential/);
    expect(dispositions()).toEqual(['failed', 'failed']);
    expect(problems()).toEqual(['credential']);

    await daemon.stop();
    await daemon.start();
    await daemon.say(family, '@Nina three');
    await heard(family, 3);
    expect(daemon.told(main)).toHaveLength(1);
    expect(daemon.told(main)[0]).toMatch(/^The model refuses the credential.*Renew it in \.env and restart/);

    daemon.agent.answer = () => ({ text: 'here I am' });
    await daemon.say(family, '@Nina four');
    await daemon.say(family, '@Nina five');
    await heard(family, 5);
    await heard(main, 2);
    expect(daemon.told(main).slice(1)).toEqual(['The model accepts the credential again.']);
    expect(problems()).toEqual([]);

    daemon.agent.answer = () => fails('credential');
    await daemon.say(family, '@Nina six');
    await heard(main, 3);
  });

  it('is told to a main group that is registered only later', async () => {
    daemon.db.groups.remove(main.chatJid);
    daemon.agent.answer = () => fails('credential');
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await heard(family, 1);
    main = daemon.register('main', { isMain: true, chatJid: '-1009' });
    await daemon.say(family, '@Nina two');
    await heard(main, 1);
  });
});

describe('a limit of the model account', () => {
  it('that says when it resets is waited for, also over a restart; the chat hears the time, and then its answer', async () => {
    daemon.agent.answer = () => fails('quota', '2026-11-02T10:30:00.000Z');
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await heard(family, 1);
    expect(daemon.told(family)).toEqual([
      'The limit of the model account is used up. Your message is kept; I try again at 2026-11-02 10:30.',
    ]);
    await heard(main, 1);
    expect(daemon.told(main)[0]).toMatch(/^The limit of the model account is used up, so answers wait/);

    daemon.agent.answer = () => ({ text: 'now' });
    await daemon.clock.advance(3_600_000);
    await daemon.stop();
    await daemon.start();
    await daemon.clock.advance(5_390_000);
    expect(daemon.agent.turns).toHaveLength(1);
    await daemon.clock.advance(20_000);
    await heard(family, 2);
    expect(daemon.told(family)[1]).toBe('now');
    expect(turns()).toMatchObject([
      { attempt: 1, state: 'retried' },
      { attempt: 2, state: 'done' },
    ]);
    await heard(main, 2);
    expect(daemon.told(main)[1]).toBe('The model account has room again.');
  });

  it('that resets too late is final', async () => {
    daemon.agent.answer = () => fails('quota', '2026-11-05T00:00:00.000Z');
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await heard(family, 1);
    expect(daemon.told(family)[0]).toMatch(/^I could not answer: the limit/);
    expect(turns()).toMatchObject([{ state: 'failed' }]);
  });

  it('can be given up with /stop: the next message does not wait, and is a first attempt', async () => {
    daemon.agent.answer = () => fails('quota', '2026-11-02T10:30:00.000Z');
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await heard(family, 1);
    daemon.agent.answer = () => ({ text: 'at once' });
    await daemon.say(family, '/stop');
    await heard(family, 2);
    expect(daemon.told(family)[1]).toBe('Stopped.');
    await daemon.say(family, '@Nina two');
    await heard(family, 3);
    expect(daemon.told(family)[2]).toBe('at once');
    expect(turns().at(-1)).toMatchObject({ attempt: 1, state: 'done' });
    expect(dispositions().filter((each) => each === 'stopped')).toHaveLength(1);
  });
});

describe('a conversation', () => {
  it('that has grown too long is left: the chat hears it, and is answered in a fresh one', async () => {
    daemon.agent.answer = () => ({ text: 'first', session: 'old' });
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await heard(family, 1);
    daemon.agent.answer = (turn) =>
      turn.session_id === 'old' ? fails('context_too_long') : { text: 'second', session: 'new' };
    await daemon.say(family, '@Nina two');
    await heard(family, 3);
    expect(daemon.told(family).slice(1)).toEqual([
      'Our conversation had grown too long, so I answer in a fresh one. Files and notes stay.',
      'second',
    ]);
    expect(turns().map(({ state, session_id }) => [state, session_id])).toEqual([
      ['done', null],
      ['retried', 'old'],
      ['done', null],
    ]);
    expect(daemon.db.sessions.of(family.folder, null)?.sessionId).toBe('new');
  });

  it('a message that is too long by itself is final, after one fresh conversation at most', async () => {
    daemon.agent.answer = ({ session_id }) => ({
      ...fails('context_too_long'),
      session: session_id ?? 'any',
    });
    daemon.db.sessions.set(family.folder, null, 'old', daemon.rules.now() as never);
    await daemon.start();
    await daemon.say(family, '@Nina one');
    await daemon.until(() => turns().at(-1)?.state === 'failed');
    expect(turns()).toHaveLength(2);
    await heard(family, 2);
    expect(daemon.told(family)[1]).toMatch(/more text than I can take in at once/);
  });
});

describe('an engine that is down', () => {
  const down = new NanoClawError('ENGINE_DOWN', 'The engine cannot be reached.', { fix: 'Start Docker.' });
  const setDown = (error: Error | null) => {
    daemon.agent.runtime.prepare = async () => {
      if (error) throw error;
    };
  };
  const WAITS = /^I cannot work just now\. Your message is kept/;

  it('at the start: after a minute who waits hears it once, main the reason; then all is answered, once', async () => {
    setDown(down);
    await daemon.start({ ready: false });
    await daemon.say(family, '@Nina one');
    await daemon.clock.advance(55_000);
    expect([daemon.told(family), daemon.told(main)]).toEqual([[], []]);
    await daemon.clock.advance(10_000);
    await heard(family, 1);
    expect(daemon.told(family)[0]).toMatch(WAITS);
    expect(daemon.told(main)).toEqual([
      'I cannot start agents, so messages wait: The engine cannot be reached. Start Docker.',
    ]);

    await daemon.stop();
    await daemon.start({ ready: false });
    await daemon.say(family, '@Nina two');
    await daemon.clock.advance(600_000);
    expect([daemon.told(family).length, daemon.told(main).length]).toEqual([1, 1]);

    setDown(null);
    await daemon.clock.advance(5000);
    await heard(family, 2);
    await heard(main, 2);
    expect(daemon.told(family).slice(1)).toEqual(['done']);
    expect(daemon.told(main)[1]).toBe('Agents can be started again.');
    expect(dispositions()).toEqual(['answered', 'answered']);
    expect(turns()).toMatchObject([{ attempt: 1, state: 'done' }]);
  });

  it('later, and only while an agent is launched: no attempt counts, nothing is repeated', async () => {
    await daemon.start();
    const { launch } = daemon.agent.runtime;
    daemon.agent.runtime.launch = async () => {
      throw down;
    };
    await daemon.say(family, '@Nina one');
    for (let n = 0; n < 60; n += 1) await daemon.clock.advance(5000);
    expect(daemon.told(family)).toHaveLength(1);
    expect(daemon.told(family)[0]).toMatch(WAITS);
    expect(daemon.told(main)).toHaveLength(1);
    daemon.agent.runtime.launch = launch;
    await daemon.clock.advance(5000);
    await heard(family, 2);
    await heard(main, 2);
    expect(daemon.told(family)[1]).toBe('done');
    expect(turns().at(-1)).toMatchObject({ attempt: 1, state: 'done' });
  });

  it('for less than a minute is nobody’s business', async () => {
    await daemon.start();
    setDown(down);
    await daemon.say(family, '@Nina one');
    await daemon.clock.advance(40_000);
    setDown(null);
    await daemon.clock.advance(5000);
    await heard(family, 1);
    await daemon.clock.advance(120_000);
    expect([daemon.told(family), daemon.told(main)]).toEqual([['done'], []]);
  });

  it('and is back while nobody waits: main hears that, too', async () => {
    await daemon.start();
    setDown(down);
    await daemon.say(family, '@Nina one');
    await daemon.clock.advance(65_000);
    await heard(main, 1);
    await daemon.say(family, '/stop');
    setDown(null);
    await daemon.clock.advance(40_000);
    await heard(main, 2);
    expect(problems()).toEqual([]);
  });

  it('because its image is missing is told as that', async () => {
    setDown(new NanoClawError('IMAGE_MISSING', 'The image x is not there.'));
    await daemon.start({ ready: false });
    await daemon.clock.advance(70_000);
    await heard(main, 1);
    expect(daemon.told(main)[0]).toBe(
      'The agents’ image is missing, so messages wait: The image x is not there.',
    );
    expect(daemon.told(family)).toEqual([]);
  });
});

describe('/stop', () => {
  it('ends a message that waits for a slot', async () => {
    daemon.agent.answer = () => 'hold';
    const others = [1, 2, 3, 4, 5].map((n) => daemon.register(`other${n}`));
    await daemon.start();
    for (const other of others) await daemon.say(other, '@Nina hold');
    await daemon.until(() => daemon.agent.turns.length === 5);
    await daemon.say(family, '@Nina one');
    expect(daemon.app?.status().queue.waiting).toEqual([family.chatJid]);
    await daemon.say(family, '/stop');
    await heard(family, 1);
    expect(daemon.told(family)).toEqual(['Stopped.']);
    daemon.agent.finish(daemon.agent.turns[0], { text: 'done' });
    await heard(others[0] as Group, 1);
    expect(daemon.agent.turns).toHaveLength(5);
    expect(dispositions().filter((each) => each === 'stopped')).toHaveLength(1);
  });

  it('ends a turn whose agent is being started, and a task that waits behind it', async () => {
    const { launch } = daemon.agent.runtime;
    const held = Promise.withResolvers<void>();
    daemon.agent.runtime.launch = async (request) => {
      await held.promise;
      return launch(request);
    };
    await daemon.start();
    const task = daemon.add(family, '2026-11-02T08:00:10');
    daemon.poke();
    await daemon.say(family, '@Nina one');
    await daemon.until(() => turns().length === 1);
    await daemon.clock.advance(15_000);
    await daemon.until(() => daemon.runs(task).length === 1);
    await daemon.say(family, '/stop');
    await heard(family, 1);
    held.resolve();
    await daemon.until(() => daemon.app?.status().queue.running.length === 0);
    expect(turns()).toMatchObject([{ state: 'stopped' }]);
    expect(dispositions().filter((each) => each === 'stopped')).toHaveLength(1);
    expect(daemon.runs(task)).toMatchObject([
      { state: 'finished', outcome: 'stopped', reason: 'by telegram:1001' },
    ]);
    expect(daemon.task(task).status).toBe('done');
    expect(daemon.told(family)).toEqual(['Stopped.']);
    expect(daemon.agent.turns).toEqual([]);
  });
});
