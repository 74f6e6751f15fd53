/**
 * From a claimed run to its outcome: repeats with backoff, failures that are told, five in a row, quiet and gated runs,
 * sessions, what the agent is told, what was delivered. The whole daemon, with agents that do what the test says.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { groupPaths } from '../../src/mailbox/layout.ts';
import { type CurrentTasks, currentTasksSchema } from '../../src/protocol.ts';
import { removeGroup } from '../../src/registry.ts';
import { LOOK_MS } from '../../src/task-scheduler.ts';
import { cancelTask, pauseTask, updateTask } from '../../src/tasks.ts';
import { type Group, iso } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { failing } from '../support/scripted-agent.ts';
import { refusal } from '../support/scripted-telegram.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const REPEATS = [5000, 10_000, 20_000, 40_000, 80_000];

describe('a run', () => {
  it('is answered in the group, and everything about it is noted', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const task = daemon.add(family, '0 9 * * *');
    daemon.agent.answer = () => ({
      text: 'Sunny.',
      usage: { input_tokens: 120, output_tokens: 7, cost_usd: 0.25 },
    });
    await daemon.start();
    await daemon.clock.advance(HOUR);
    await daemon.until(() => daemon.runs(task)[0]?.delivered === 1);
    expect(daemon.told(family)).toEqual(['Sunny.']);
    expect(daemon.runs(task)).toEqual([
      {
        due: '2026-11-02T09:00:00.000Z',
        state: 'finished',
        outcome: 'ok',
        reason: null,
        origin: 'schedule',
        attempt: 1,
        missed: 0,
        lateness_ms: 0,
        error: null,
        delivered: 1,
        input_tokens: 120,
        output_tokens: 7,
        cost_usd: 0.25,
      },
    ]);
    expect(daemon.task(task)).toMatchObject({
      lastResult: 'ok',
      lastRun: '2026-11-02T09:00:00.000Z',
      failures: 0,
    });
    const [turn] = daemon.agent.turns;
    expect(turn).toMatchObject({ kind: 'task', attempt: 1, requests: ['look at the weather'] });
    expect(turn?.prompt).toContain(`<scheduled_task id="${task.id}"`);
    expect(turn?.prompt).not.toContain('late_by');
    expect(turn?.prompt).not.toContain('missed_runs');
    expect(turn).not.toHaveProperty('gate_script');
  });

  it('that is late is told so, and how many it stands for', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const task = daemon.add(family, '30 * * * *');
    daemon.clock.jump(5 * HOUR);
    await daemon.start();
    await daemon.until(() => daemon.runs(task).at(-1)?.outcome === 'ok');
    expect(daemon.agent.turns[0]?.prompt).toContain('late_by="30 min"');
    expect(daemon.agent.turns[0]?.prompt).toContain('missed_runs="4"');
    expect(daemon.runs(task).at(-1)).toMatchObject({ missed: 4, lateness_ms: HOUR / 2 });
    expect(daemon.runs(task).map(({ outcome }) => outcome)).toEqual([...Array(4).fill('skipped'), 'ok']);
  });

  it('that is asked for besides the schedule begins at once', async () => {
    const daemon = new InnerDaemon();
    const main = daemon.register('main', { isMain: true });
    const family = daemon.register('family');
    const task = daemon.add(family, '0 9 * * *');
    await daemon.start();
    await daemon.say(main, `/run ${task.id}`);
    await daemon.until(() => daemon.told(family).length === 1);
    expect(daemon.told(main)).toEqual([`Task ${task.id} runs as soon as its group has time.`]);
    expect(daemon.runs(task)).toMatchObject([{ origin: 'telegram:1001', outcome: 'ok' }]);
    expect(daemon.task(task).nextRun).toBe('2026-11-02T09:00:00.000Z');
  });

  it('ends a once, unless it was given another time meanwhile', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const done = daemon.add(family, '2026-11-02T08:10');
    const snoozed = daemon.add(family, '2026-11-02T08:20');
    daemon.agent.answer = (turn) => (turn.prompt.includes(snoozed.id) ? 'hold' : { text: 'done' });
    await daemon.start();
    await daemon.clock.advance(20 * MINUTE);
    await daemon.until(() => daemon.agent.turns.length === 2);
    const [, turn] = daemon.agent.turns;
    if (turn)
      daemon.agent.command(turn, {
        id: randomUUID(),
        type: 'update_task',
        task_id: snoozed.id,
        schedule_value: '2026-11-02T08:50',
      });
    await daemon.until(() => daemon.task(snoozed).nextRun !== null);
    daemon.agent.answer = () => ({ text: 'done' });
    daemon.agent.finish(turn, { text: 'Later.' });
    await daemon.until(() => daemon.runs(snoozed)[0]?.outcome === 'ok');
    expect(daemon.task(done)).toMatchObject({ status: 'done', nextRun: null, lastResult: 'ok' });
    expect(daemon.task(snoozed)).toMatchObject({ status: 'active', nextRun: '2026-11-02T08:50:00.000Z' });
    await daemon.clock.advance(HOUR);
    await daemon.until(() => daemon.task(snoozed).status === 'done');
    expect(daemon.runs(snoozed)).toHaveLength(2);
    expect(daemon.runs(done)).toHaveLength(1);
  });
});

describe('a run that fails', () => {
  it('is repeated as soon, when the clock is set back a day meanwhile', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const task = daemon.add(family, '0 9 * * *');
    daemon.agent.answer = () => failing;
    await daemon.start();
    await daemon.clock.advance(HOUR);
    await daemon.until(() => daemon.agent.turns.length === 1 && daemon.runs(task)[0]?.state === 'due');
    daemon.clock.jump(-24 * HOUR);
    await daemon.clock.advance((REPEATS[0] ?? 0) + LOOK_MS);
    await daemon.until(() => daemon.agent.turns.length > 1);
  });

  it('is repeated with growing waits, and then its group is told', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const task = daemon.add(family, '0 9 * * *');
    daemon.agent.answer = () => failing;
    await daemon.start();
    await daemon.clock.advance(HOUR);
    for (const [n, delayMs] of REPEATS.entries()) {
      await daemon.until(() => daemon.agent.turns.length === n + 1 && daemon.runs(task)[0]?.state === 'due');
      expect(daemon.runs(task)).toMatchObject([{ attempt: n + 1, error: 'as the test says', outcome: null }]);
      await daemon.clock.advance(delayMs - 1);
      expect(daemon.agent.turns).toHaveLength(n + 1);
      expect(daemon.telegram.asked).toEqual([]);
      await daemon.clock.advance(1);
    }
    await daemon.until(() => daemon.told(family).length === 1);
    expect(daemon.runs(task)).toMatchObject([
      { state: 'finished', outcome: 'failed', reason: 'agent', error: 'as the test says', attempt: 6 },
    ]);
    expect(daemon.agent.turns[1]?.prompt).toContain('This is attempt 2.');
    expect(daemon.told(family)[0]).toMatch(
      new RegExp(
        `^Task ${task.id} \\(“look at the weather”\\) has failed\\. .* \\(next run 2026-11-03 09:00:00 Tue \\(UTC\\)\\)$`,
      ),
    );
    expect(daemon.task(task)).toMatchObject({ status: 'active', failures: 1, lastResult: 'failed: agent' });
  });

  it('is not repeated past its own next instant', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const task = daemon.add(family, '1m');
    let fails = true;
    daemon.agent.answer = () => (fails ? failing : { text: 'done' });
    await daemon.start();
    await daemon.clock.advance(MINUTE);
    // 5 + 10 + 20 s, and 40 s more would be behind the next instant.
    for (const [n, delayMs] of REPEATS.slice(0, 3).entries()) {
      await daemon.until(() => daemon.agent.turns.length === n + 1 && daemon.runs(task)[0]?.state === 'due');
      await daemon.clock.advance(delayMs);
    }
    await daemon.until(() => daemon.told(family).length === 1);
    expect(daemon.runs(task)).toMatchObject([{ attempt: 4, outcome: 'failed' }]);
    fails = false;
    await daemon.clock.advance(25_000);
    await daemon.until(() => daemon.runs(task)[1]?.outcome === 'ok');
    expect(daemon.task(task)).toMatchObject({ failures: 0, lastResult: 'ok' });
  });

  it('keeps no message waiting meanwhile', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const task = daemon.add(family, '0 9 * * *');
    daemon.agent.answer = (turn) => (turn.kind === 'task' ? failing : { text: 'Hello.' });
    await daemon.start();
    await daemon.clock.advance(HOUR);
    await daemon.until(() => daemon.runs(task)[0]?.state === 'due' && daemon.runs(task)[0]?.attempt === 1);
    await daemon.say(family, '@Nina are you there?');
    await daemon.until(() => daemon.told(family).length === 1);
    expect(daemon.told(family)).toEqual(['Hello.']);
    expect(daemon.runs(task)).toMatchObject([{ state: 'due', attempt: 1 }]);
  });

  it('five times in a row pauses the task; its group and main are told', async () => {
    const daemon = new InnerDaemon();
    const main = daemon.register('main', { isMain: true });
    const family = daemon.register('family');
    const task = daemon.add(family, '1h');
    const other = daemon.add(family, '1d');
    daemon.agent.answer = () => ({ status: 'error', error: { code: 'max_turns', message: '400 steps' } });
    await daemon.start();
    for (let n = 1; n <= 5; n += 1) {
      await daemon.clock.advance(HOUR);
      await daemon.until(() => daemon.runs(task).filter(({ outcome }) => outcome === 'failed').length === n);
    }
    await daemon.until(() => daemon.told(main).length === 1 && daemon.told(family).length === 5);
    expect(daemon.task(task)).toMatchObject({
      status: 'paused',
      statusReason: 'failed 5 times in a row',
      nextRun: null,
      failures: 5,
    });
    expect(daemon.told(family).at(-1)).toMatch(
      /has failed 5 times in a row and is paused now\. .*more steps/,
    );
    expect(daemon.told(main)[0]).toBe(`In family: ${daemon.told(family).at(-1)}`);
    await daemon.clock.advance(3 * HOUR);
    expect(daemon.runs(task)).toHaveLength(5);
    expect(daemon.task(other).status).toBe('active');

    await daemon.say(main, `/resume ${task.id}`);
    await daemon.until(() => daemon.told(main).length === 2);
    expect(daemon.told(main)[1]).toContain('is active again, next run');
    expect(daemon.task(task)).toMatchObject({ status: 'active', failures: 0, statusReason: null });
  });

  it('four times and then well begins the count anew', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const task = daemon.add(family, '1h');
    const outcomes = ['f', 'f', 'f', 'f', 'ok', 'f', 'f', 'f', 'f'];
    daemon.agent.answer = () =>
      outcomes[daemon.agent.turns.length - 1] === 'ok'
        ? {}
        : { status: 'error', error: { code: 'credential', message: '401' } };
    await daemon.start();
    for (let n = 1; n <= outcomes.length; n += 1) {
      await daemon.clock.advance(HOUR);
      await daemon.until(() => daemon.runs(task).filter(({ state }) => state === 'finished').length === n);
    }
    expect(daemon.task(task)).toMatchObject({ status: 'active', failures: 4 });
  });
});

describe('nothing to say', () => {
  it.each([
    ['no text', {}],
    ['internal words only', { text: '<internal>nothing to say</internal>' }],
    ['blanks', { text: '  \n ' }],
  ])('sends nothing and says so: %s', async (_, answer) => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const task = daemon.add(family, '0 9 * * *');
    daemon.agent.answer = () => answer;
    await daemon.start();
    await daemon.clock.advance(HOUR);
    await daemon.until(() => daemon.runs(task)[0]?.state === 'finished');
    await daemon.clock.advance(MINUTE);
    expect(daemon.runs(task)).toMatchObject([{ outcome: 'quiet', delivered: null, attempt: 1 }]);
    expect(daemon.telegram.asked).toEqual([]);
    expect(daemon.task(task).lastResult).toBe('quiet');
  });

  it('the gate decides: the agent gets the script, and its no is noted', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const script = `echo '{"wakeAgent": false}'`;
    const task = daemon.add(family, '1h', { script });
    daemon.agent.answer = () => ({ gated: true });
    await daemon.start();
    await daemon.clock.advance(HOUR);
    await daemon.until(() => daemon.runs(task)[0]?.state === 'finished');
    expect(daemon.agent.turns[0]?.gate_script).toBe(script);
    expect(daemon.runs(task)).toMatchObject([{ outcome: 'gated', delivered: null }]);
    expect(daemon.telegram.asked).toEqual([]);
  });

  it('a script without a prompt is all: its output is the reply, or there is none', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const task = daemon.add(family, '1h', { prompt: '', script: 'df -h /\ndate' });
    const outputs = ['*42 %*', ''];
    daemon.agent.answer = () => ({ text: outputs.shift() ?? '', scripted: true });
    await daemon.start();
    await daemon.clock.advance(HOUR);
    await daemon.until(() => daemon.runs(task)[0]?.delivered === 1);
    expect(daemon.agent.turns[0]).toMatchObject({
      gate_script: 'df -h /\ndate',
      script_only: true,
      requests: ['script: df -h /'],
    });
    expect(daemon.told(family)).toEqual(['42 %']);
    await daemon.clock.advance(HOUR);
    await daemon.until(() => daemon.runs(task)[1]?.state === 'finished');
    expect(daemon.runs(task)).toMatchObject([{ outcome: 'ok' }, { outcome: 'quiet', delivered: null }]);
    // With words again, it is a gate.
    updateTask(daemon.rules, daemon.task(task), { prompt: 'look at it' });
    await daemon.clock.advance(HOUR);
    await daemon.until(() => daemon.agent.turns.length === 3);
    expect(daemon.agent.turns[2]).not.toHaveProperty('script_only');
  });

  it('a gate that fails is a failed run, and is told', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const task = daemon.add(family, '1m', { script: 'exit 3' });
    daemon.agent.answer = () => ({ status: 'error', error: { code: 'gate', message: 'exit code 3' } });
    await daemon.start();
    await daemon.clock.advance(MINUTE);
    for (const [n, delayMs] of REPEATS.slice(0, 3).entries()) {
      await daemon.until(() => daemon.agent.turns.length === n + 1 && daemon.runs(task)[0]?.state === 'due');
      await daemon.clock.advance(delayMs);
    }
    await daemon.until(() => daemon.told(family).length === 1);
    expect(daemon.told(family)[0]).toContain('The script of the task has failed.');
    expect(daemon.runs(task)).toMatchObject([{ outcome: 'failed', reason: 'gate', error: 'exit code 3' }]);
  });
});

describe('delivered', () => {
  it('becomes true only when it has arrived', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const task = daemon.add(family, '0 9 * * *');
    const { promise: network, resolve: connect } = Promise.withResolvers<void>();
    daemon.telegram.onSend = async (_, arrive) => {
      await network;
      return arrive();
    };
    await daemon.start();
    await daemon.clock.advance(HOUR);
    await daemon.until(() => daemon.telegram.asked.length === 1);
    expect(daemon.runs(task)).toMatchObject([{ outcome: 'ok', delivered: null }]);
    connect();
    await daemon.until(() => daemon.runs(task)[0]?.delivered === 1);
  });

  it('is false when Telegram refuses it', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const task = daemon.add(family, '0 9 * * *');
    daemon.telegram.onSend = () => {
      throw refusal(400, 'Bad Request: not this one');
    };
    await daemon.start();
    await daemon.clock.advance(HOUR);
    await daemon.until(() => daemon.runs(task)[0]?.delivered === 0);
    expect(daemon.runs(task)).toMatchObject([{ outcome: 'ok' }]);
  });

  it('is false when a part of it is refused', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const task = daemon.add(family, '0 9 * * *');
    daemon.agent.answer = () => ({ text: `${'first part '.repeat(400)}\n\n${'second part '.repeat(200)}` });
    daemon.telegram.onSend = (_, arrive) => {
      if (daemon.telegram.asked.length === 1) throw refusal(400, 'Bad Request: no');
      return arrive();
    };
    await daemon.start();
    await daemon.clock.advance(HOUR);
    await daemon.until(() => daemon.telegram.arrived.length > 0);
    await daemon.until(() => daemon.db.outbox.backlog().count === 0);
    expect(daemon.runs(task)[0]?.delivered).toBe(0);
  });
});

describe('the conversation', () => {
  it('is the group’s, unless the task is isolated: that one neither sees nor changes it', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    daemon.add(family, '2026-11-02T08:10', { contextMode: 'group' });
    daemon.add(family, '2026-11-02T08:20', { contextMode: 'isolated' });
    daemon.add(family, '2026-11-02T08:30', { contextMode: 'group' });
    daemon.agent.answer = () => ({ session: `session-${daemon.agent.turns.length}`, text: 'done' });
    await daemon.start();
    for (let n = 1; n <= 3; n += 1) {
      await daemon.clock.advance(10 * MINUTE);
      await daemon.until(() => daemon.told(family).length === n);
    }
    await daemon.say(family, '@Nina hello');
    await daemon.until(() => daemon.agent.turns.length === 4);
    expect(daemon.agent.turns.map(({ session_id }) => session_id)).toEqual([
      null,
      null,
      'session-1',
      'session-3',
    ]);
  });
});

describe('the queue', () => {
  it('takes a due task before messages, and then the messages before the next task', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family', { requiresTrigger: false });
    const kinds = () => daemon.agent.turns.map((turn) => turn.kind);
    daemon.agent.answer = () => 'hold';
    await daemon.start();
    await daemon.say(family, 'one');
    await daemon.until(() => kinds().length === 1);
    // While that turn goes on, three tasks come due and more is said.
    for (let n = 1; n <= 3; n += 1) daemon.add(family, `2026-11-02T08:0${n}`);
    daemon.poke();
    await daemon.until(() => true);
    await daemon.clock.advance(4 * MINUTE);
    await daemon.say(family, 'two');
    for (let n = 0; n < 5; n += 1) {
      await daemon.until(() => kinds().length === n + 1);
      if (n === 2) await daemon.say(family, 'three');
      // One turn ends later than the other begins: their order is that of the clock.
      await daemon.clock.advance(1000);
      expect(kinds()).toHaveLength(n + 1);
      daemon.agent.finish(daemon.agent.turns[n], { text: 'done' });
    }
    await daemon.until(() => kinds().length === 6);
    expect(kinds()).toEqual(['messages', 'task', 'messages', 'task', 'messages', 'task']);
    daemon.agent.finish(daemon.agent.turns[5], {});
    await daemon.until(() => daemon.app?.status().turnsRunning === 0);
  });
});

describe('while a run goes on', () => {
  it.each(['paused', 'cancelled'] as const)(
    'a task that is %s then is not repeated, nor run again after a restart',
    async (status) => {
      const daemon = new InnerDaemon();
      const family = daemon.register('family');
      const task = daemon.add(family, '0 9 * * *');
      daemon.agent.answer = () => 'hold';
      await daemon.start();
      await daemon.clock.advance(HOUR);
      await daemon.until(() => daemon.agent.turns.length === 1);
      if (status === 'paused') pauseTask(daemon.rules, daemon.task(task), 'test');
      else cancelTask(daemon.rules, daemon.task(task));
      await daemon.stop();
      await daemon.agent.runtime.list().then((agents) => Promise.all(agents.map((agent) => agent.remove())));
      await daemon.start();
      await daemon.clock.advance(10 * MINUTE);
      expect(daemon.agent.turns).toHaveLength(1);
      expect(daemon.runs(task)).toMatchObject([{ outcome: 'stopped', reason: `the task is ${status}` }]);
    },
  );

  it('a daemon that ends and comes back runs it again, uncounted', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const task = daemon.add(family, '0 9 * * *');
    daemon.agent.answer = () => 'hold';
    await daemon.start();
    await daemon.clock.advance(HOUR);
    await daemon.until(() => daemon.agent.turns.length === 1);
    await daemon.stop();
    await daemon.agent.runtime.list().then((agents) => Promise.all(agents.map((agent) => agent.remove())));
    daemon.agent.answer = () => ({ text: 'done' });
    await daemon.start();
    await daemon.until(() => daemon.told(family).length === 1);
    expect(daemon.runs(task)).toMatchObject([{ outcome: 'ok', attempt: 1 }]);
  });

  it('a group that is unregistered then gets no answer, and its task is paused', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family');
    const task = daemon.add(family, '0 9 * * *');
    daemon.agent.answer = () => 'hold';
    await daemon.start();
    await daemon.clock.advance(HOUR);
    await daemon.until(() => daemon.agent.turns.length === 1);
    const now = () => iso(daemon.clock.now());
    removeGroup({ db: daemon.db, home: daemon.home, assistantName: 'Nina', now }, family, 'test');
    daemon.agent.finish(daemon.agent.turns[0], failing);
    await daemon.until(() => daemon.runs(task)[0]?.state === 'finished');
    expect(daemon.task(task).status).toBe('paused');
    await daemon.clock.advance(24 * HOUR);
    expect(daemon.runs(task)).toHaveLength(1);
    expect(daemon.agent.turns).toHaveLength(1);
  });
});

describe('current_tasks.json', () => {
  const snapshot = (daemon: InnerDaemon, group: Group): CurrentTasks =>
    currentTasksSchema.parse(
      JSON.parse(
        readFileSync(
          path.join(groupPaths(daemon.home, group.folder).mailbox, 'in/current_tasks.json'),
          'utf8',
        ),
      ),
    );

  it('has the group’s own tasks, all of them for main, fresh before a turn and after a change', async () => {
    const daemon = new InnerDaemon();
    const main = daemon.register('main', { isMain: true });
    const family = daemon.register('family');
    const garden = daemon.register('garden');
    const first = daemon.add(family, '0 9 * * *', { timezone: 'Europe/Berlin' });
    const second = daemon.add(garden, '1h');
    const ids = (group: Group) => snapshot(daemon, group).tasks.map(({ id }) => id);
    let seen: string[] = [];
    daemon.agent.answer = () => {
      seen = ids(garden);
      return { text: 'done' };
    };
    await daemon.start();
    await daemon.clock.advance(HOUR);
    await daemon.until(() => daemon.told(garden).length === 1);
    expect(seen).toEqual([second.id]);
    await daemon.clock.advance(1000); // what the schedule changes is written out together
    expect(ids(main).sort()).toEqual([first.id, second.id].sort());
    expect(ids(garden)).toEqual([second.id]);
    expect(snapshot(daemon, garden).tasks[0]).toMatchObject({ last_result: 'ok', status: 'active' });
    expect(snapshot(daemon, main).tasks.find(({ id }) => id === first.id)).toMatchObject({
      next_run_local: expect.stringContaining('09:00:00'),
    });

    await daemon.say(main, `/pause ${second.id}`);
    await daemon.until(() => daemon.told(main).length === 1);
    expect(snapshot(daemon, garden).tasks[0]).toMatchObject({ status: 'paused', next_run: null });
    await daemon.say(main, `/cancel ${second.id}`);
    await daemon.until(() => daemon.told(main).length === 2);
    expect(ids(garden)).toEqual([]);
    expect(ids(main)).toEqual([first.id]);
  });
});
