/**
 * What cannot be a task is refused with a sentence that names what is expected, through every door (an agent's mailbox,
 * the command line, a chat), and nothing is saved. Nor may a group see or touch another's tasks.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Db } from '../../src/db.ts';
import { scheduleTask } from '../../src/tasks.ts';
import { TestHome } from '../support/daemon.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { createMailboxWorld } from '../support/mailbox.ts';
import { FAMILY } from '../support/world.ts';

const MB = 1_000_000;
const GARDEN = '-1002';

const SCHEDULES: [what: string, type: string, value: string, expected: RegExp][] = [
  ['an empty cron', 'cron', '', /expected/],
  ['a blank cron', 'cron', '   ', /expected/],
  ['a cron of three fields', 'cron', '0 9 *', /exactly five fields .* got 3 fields/],
  ['a cron of six fields', 'cron', '0 0 9 * * 1', /exactly five fields .* got 6 fields/],
  ['an unknown shortcut', 'cron', '@reboot', /exactly five fields .*@daily/],
  ['the 31st of February', 'cron', '0 9 31 2 *', /never comes/],
  ['an hour that no clock shows', 'cron', '0 24 * * *', /hour field "24" .*expected 0-23/],
  ['an interval below a minute', 'interval', '59s', /at least 1 min and at most a year; got 59 s/],
  ['an interval above a year', 'interval', '367d', /at least 1 min and at most a year/],
  ['an interval beyond all calendars', 'interval', '999999999w', /at most a year/],
  ['an interval of nothing', 'interval', '0m', /expected a length like 15m/],
  ['an interval in words', 'interval', 'now and then', /expected a length like 15m/],
  ['a negative interval', 'interval', '-5m', /expected a length like 15m/],
  [
    'a once in the past',
    'once',
    '2026-11-02T07:59',
    /is in the past in UTC; expected a time that is still to come/,
  ],
  ['a once on the 31st of February', 'once', '2027-02-31T09:00', /expected a date and time like/],
  ['the same with an offset', 'once', '2027-02-31T09:00:00Z', /expected a date and time like/],
  ['a once in words', 'once', 'tomorrow', /expected a date and time like/],
];

const counts = (db: Db) => ({
  tasks: db.sqlite.prepare('SELECT count(*) FROM scheduled_tasks').pluck().get(),
  runs: db.sqlite.prepare('SELECT count(*) FROM task_runs').pluck().get(),
});
const NOTHING = { tasks: 0, runs: 0 };

describe('from an agent', () => {
  function agent() {
    const world = createMailboxWorld();
    const garden = world.register({ chatJid: GARDEN, name: 'Garden', folder: 'garden' });
    /** Leaves the command; returns the reason of the refusal, or undefined when it was not refused. */
    const refusal = (folder: string, command: Record<string, unknown>): string | undefined => {
      const id = randomUUID();
      world.drop(folder, 'tasks', { id, ...command });
      void world.ipc.drain(world.db.groups.byFolder(folder)?.folder ?? world.family.folder);
      const result = world.results(folder).find((each) => each.id === id);
      if (!result) throw new Error('there is no answer');
      return result.ok ? undefined : result.reason;
    };
    const schedule = (more: Record<string, unknown>, folder = 'family') =>
      refusal(folder, {
        type: 'schedule_task',
        prompt: 'look',
        schedule_type: 'cron',
        schedule_value: '0 9 * * *',
        ...more,
      });
    const rules = { db: world.db, now: () => world.clock.now(), defaultTimezone: 'UTC' };
    const add = () =>
      scheduleTask(
        rules,
        garden,
        { prompt: 'water', scheduleType: 'cron', scheduleValue: '0 9 * * *' },
        'test',
      );
    return { ...world, refusal, schedule, add };
  }

  it.each(SCHEDULES)('%s', (_, type, value, expected) => {
    const { schedule, db, refusal } = agent();
    expect(schedule({ schedule_type: type, schedule_value: value })).toMatch(expected);
    // A preview is no way around, nor does it say that it would be fine.
    expect(refusal('family', { type: 'preview_task', schedule_type: type, schedule_value: value })).toMatch(
      expected,
    );
    expect(counts(db)).toEqual(NOTHING);
  });

  it.each([
    ['an unknown zone', { timezone: 'Mars/Base' }, /no time zone; expected an IANA name like Europe\/Berlin/],
    ['no words', { prompt: '' }, /needs words that say what to do, or a script/],
    ['blank words', { prompt: ' \n ' }, /needs words that say what to do, or a script/],
    ['a megabyte of words', { prompt: 'x'.repeat(MB) }, /expected at most 8,000 characters/],
    ['an unknown type', { schedule_type: 'hourly' }, /schedule_type: .*expected/],
    ['an unknown context', { context_mode: 'shared' }, /context_mode: .*expected/],
    ['an unknown misfire choice', { misfire: 'never' }, /expected run_once, skip or within:/],
    ['a misfire choice without a length', { misfire: 'within:soon' }, /expected run_once, skip or within:/],
    ['another group', { chat_jid: GARDEN }, /only for this group's own chat and tasks/],
    ['main', { chat_jid: '1' }, /only for this group's own chat and tasks/],
    ['a chat that is not registered', { chat_jid: '-999' }, /only for this group's own chat and tasks/],
  ])('%s', (_, more, expected) => {
    const { schedule, db } = agent();
    expect(schedule(more)).toMatch(expected);
    expect(counts(db)).toEqual(NOTHING);
  });

  it('two megabytes are not even read, and said in the log', () => {
    const { drop, ipc, family, db, left, logged } = agent();
    drop('family', 'tasks', { id: randomUUID(), type: 'schedule_task', prompt: 'x'.repeat(2 * MB) });
    void ipc.drain(family.folder);
    expect(counts(db)).toEqual(NOTHING);
    expect(left('family')).toEqual([]);
    expect(logged('file_set_aside')).toHaveLength(1);
  });

  it('main may schedule for any group, but only for one that is registered', () => {
    const { schedule, db } = agent();
    expect(schedule({ chat_jid: '-999' }, 'main')).toContain('expected the chat_jid of a registered group');
    expect(counts(db)).toEqual(NOTHING);
    expect(schedule({ chat_jid: GARDEN }, 'main')).toBeUndefined();
    expect(db.tasks.all()).toMatchObject([{ folder: 'garden', chatJid: GARDEN, createdBy: 'agent:main' }]);
  });

  it.each(['pause_task', 'resume_task', 'cancel_task', 'run_task', 'update_task'])(
    '%s of a task that is unknown or another group’s: the same words for both',
    (type) => {
      const { refusal, add, db } = agent();
      const task = add();
      const unknown = refusal('family', { type, task_id: 'tnosuch' });
      const theirs = refusal('family', { type, task_id: task.id, prompt: 'mine now' });
      expect(unknown).toBe('there is no task "tnosuch"; expected the id of one of the listed tasks');
      expect(theirs).toBe(unknown?.replace('tnosuch', task.id));
      expect(db.tasks.byId(task.id)).toEqual(task);
      expect(counts(db)).toEqual({ tasks: 1, runs: 0 });
      expect(refusal('family', { type })).toMatch(/task_id/);
      expect(refusal('family', { type, task_id: 'x'.repeat(1000) })).toMatch(/task_id/);
    },
  );

  it('a change that is refused leaves the task as it was', () => {
    const { refusal, add, db } = agent();
    const task = add();
    for (const more of [
      { schedule_value: '0 9 31 2 *' },
      { timezone: 'Mars/Base' },
      { schedule_type: 'interval' },
      { schedule_type: 'once', schedule_value: '2020-01-01T09:00' },
      { misfire: 'within:soon', prompt: 'another' },
      { prompt: 'x'.repeat(8001) },
    ])
      expect(refusal('garden', { type: 'update_task', task_id: task.id, ...more })).toMatch(
        /expected|never comes/,
      );
    expect(db.tasks.byId(task.id)).toEqual(task);
  });

  it('what does not fit the task’s state is refused', () => {
    const { refusal, add, db } = agent();
    const { id } = add();
    const ask = (type: string) => refusal('garden', { type, task_id: id });
    expect(ask('resume_task')).toContain('is not paused');
    expect(ask('pause_task')).toBeUndefined();
    expect(ask('pause_task')).toContain('is paused already');
    expect(ask('run_task')).toBeUndefined();
    expect(ask('run_task')).toContain('is waiting to run or running already');
    expect(ask('cancel_task')).toBeUndefined();
    for (const type of ['pause_task', 'resume_task', 'cancel_task', 'run_task', 'update_task'])
      expect(ask(type)).toContain('is cancelled');
    expect(counts(db)).toEqual({ tasks: 1, runs: 1 });
  });

  it('no group has more than 500 open tasks', () => {
    const { schedule, add, db } = agent();
    db.transaction(() => {
      for (let n = 0; n < 500; n += 1) add();
    });
    expect(schedule({}, 'garden')).toContain('500 tasks already; cancel some first');
    expect(counts(db).tasks).toBe(500);
    expect(schedule({})).toBeUndefined();
  });
});

describe('from the command line', () => {
  let home: TestHome;
  beforeAll(() => {
    home = new TestHome();
    home.registerAll([{ chatJid: String(FAMILY), name: 'Family', folder: 'family' }]);
  });
  afterAll(() => home.dispose());

  const add = (...args: string[]) => home.nanoclaw('tasks', 'add', '--group', 'family', ...args);

  it('every kind of bad input', async () => {
    const long = 'x'.repeat(100_000);
    const cases: [expected: RegExp, code: number, result: ReturnType<typeof add>][] = [
      [/exactly five fields .* got nothing/, 1, add('look', '--schedule', '')],
      [/exactly five fields .* got 3 fields/, 1, add('look', '--schedule', '0 9 *')],
      [/exactly five fields .* got 6 fields/, 1, add('look', '--schedule', '0 0 9 * * 1')],
      [/never comes/, 1, add('look', '--schedule', '0 9 31 2 *')],
      [/at least 1 min/, 1, add('look', '--schedule', '59s')],
      [/at most a year/, 1, add('look', '--schedule', '367d')],
      [/expected a time that is still to come/, 1, add('look', '--schedule', '2020-01-01T09:00')],
      [/expected a date and time/, 1, add('look', '--schedule', '2027-02-31T09:00Z')],
      [/expected an IANA name/, 1, add('look', '--schedule', '@daily', '--tz', 'Mars/Base')],
      [/expected run_once, skip or within/, 1, add('look', '--schedule', '@daily', '--misfire', 'no')],
      [/expected group or isolated/, 1, add('look', '--schedule', '@daily', '--context', 'no')],
      [/needs words/, 1, add(' ', '--schedule', '@daily')],
      [/1000009 characters; expected at most 8000/, 1, add(...Array(10).fill(long), '--schedule', '@daily')],
      [
        /No registered group/,
        1,
        home.nanoclaw('tasks', 'add', 'look', '--group', 'no', '--schedule', '@daily'),
      ],
      [/--schedule/, 2, add('look')],
      [/needs words that say what to do, or a script/, 1, add('--schedule', '@daily')],
      ...['pause', 'resume', 'cancel', 'run', 'runs'].map(
        (verb): [RegExp, number, ReturnType<typeof add>] => [
          /there is no task "tnosuch"; expected the id of one of the listed tasks/,
          1,
          home.nanoclaw('tasks', verb, 'tnosuch'),
        ],
      ),
    ];
    for (const [expected, code, running] of cases) {
      const result = await running;
      expect(result.stderr).toMatch(expected);
      expect(result).toMatchObject({ stdout: '', code });
      // A sentence, never a stack.
      expect(result.stderr).not.toMatch(/^\s+at /m);
    }
    expect(home.row('SELECT count(*) AS n FROM scheduled_tasks')).toEqual({ n: 0 });
    expect(home.row('SELECT count(*) AS n FROM task_runs')).toEqual({ n: 0 });
  }, 40_000);
});

describe('from a chat', () => {
  it('main is told what was expected; another group’s words never touch a task', async () => {
    const daemon = new InnerDaemon();
    const main = daemon.register('main', { isMain: true });
    const family = daemon.register('family', { requiresTrigger: false });
    const garden = daemon.register('garden');
    const task = daemon.add(garden, '0 9 * * *');
    daemon.agent.answer = () => ({});
    await daemon.start();
    const bad = [
      '/pause',
      '/pause tnosuch',
      '/resume tnosuch',
      '/cancel tnosuch',
      '/run tnosuch',
      `/resume ${task.id}`,
    ];
    for (const text of bad) await daemon.say(main, text);
    await daemon.until(() => daemon.told(main).length === bad.length);
    const told = daemon.told(main);
    expect(told[0]).toBe('Which task shall be paused?');
    for (const text of told.slice(1, -1))
      expect(text).toMatch(/^That did not work: there is no task "tnosuch"; expected/);
    expect(told.at(-1)).toContain('is not paused');

    for (const verb of ['pause', 'cancel', 'run']) await daemon.say(family, `/${verb} ${task.id}`);
    await daemon.say(family, '/tasks');
    await daemon.until(() => daemon.told(family).length === 4);
    expect(daemon.told(family)).toEqual([
      ...['/pause', '/cancel', '/run'].map((name) => expect.stringContaining(`${name} `)),
      'There are no scheduled tasks.',
    ]);
    expect(daemon.task(task)).toEqual(task);
    expect(counts(daemon.db)).toEqual({ tasks: 1, runs: 0 });
  });
});
