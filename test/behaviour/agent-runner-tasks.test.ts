/** Scheduled tasks from the agent's side, as the real process: asking for them, being woken by them, their sessions. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CurrentTasks } from '../../src/protocol.ts';
import { AgentMailbox, AgentProcess } from '../support/agent-mailbox.ts';

let mailbox: AgentMailbox;
let agent: AgentProcess;

beforeEach(() => {
  mailbox = new AgentMailbox();
  agent = new AgentProcess(mailbox);
});

afterEach(async () => {
  await agent.kill();
  mailbox.remove();
});

type Values = Parameters<AgentMailbox['turn']>[1];
const run = (request: string, values: Values = {}) => mailbox.finished(mailbox.turn(request, values));
const runTask = (prompt: string, values: Values = {}) => run(prompt, { kind: 'task', ...values });

const listed: CurrentTasks['tasks'][number] = {
  id: 't2k4m9',
  group_folder: 'test',
  chat_jid: '-100200300',
  prompt: 'send me\nan overview',
  schedule_type: 'cron',
  schedule_value: '0 9 * * 1-5',
  timezone: 'Europe/Berlin',
  context_mode: 'group',
  misfire: 'run_once',
  status: 'active',
  next_run: '2026-11-03T08:00:00.000Z',
  next_run_local: '2026-11-03 09:00:00 Tue',
  last_run: null,
  last_result: null,
};

describe('asking for tasks', () => {
  test('"in 10 seconds" is an instant; the answer is the one of the host', async () => {
    const turn = mailbox.turn('remind me in 10 seconds to stretch');
    const from = Date.now();
    const detail = 'Scheduled as t2k4m9: once …, next run 2026-11-02 12:00:11 Mon (Europe/Berlin).';
    const command = await mailbox.answer('tasks', { ok: true, detail });
    const { schedule_value, ...rest } = command as Extract<typeof command, { type: 'schedule_task' }>;
    expect(rest).toEqual({
      id: command.id,
      type: 'schedule_task',
      prompt: 'Reminder: stretch',
      schedule_type: 'once',
    });
    expect(schedule_value).toMatch(/Z$/);
    const inMs = Date.parse(schedule_value) - from;
    expect(inMs).toBeGreaterThan(5_000);
    expect(inMs).toBeLessThan(12_000);
    expect((await mailbox.finished(turn)).text).toBe(detail);
  });

  test('a time of day is meant in the zone of the group', async () => {
    mailbox.turn('remind me tomorrow at 18:00 to call Ann', { timezone: 'Pacific/Kiritimati' });
    const command = await mailbox.answer('tasks', { ok: true, detail: 'Scheduled.' });
    const there = (ms: number) =>
      new Intl.DateTimeFormat('en-CA', { timeZone: 'Pacific/Kiritimati' }).format(ms);
    expect(command).toMatchObject({
      type: 'schedule_task',
      prompt: 'Reminder: call Ann',
      schedule_value: `${there(Date.now() + 86_400_000)}T18:00`,
      timezone: 'Pacific/Kiritimati',
    });
  });

  test.each([
    [
      'every weekday at 9 send me an overview',
      { type: 'schedule_task', prompt: 'send me an overview', schedule_value: '0 9 * * 1-5' },
    ],
    ['preview 0 9 * * 1-5', { type: 'preview_task', schedule_type: 'cron', schedule_value: '0 9 * * 1-5' }],
    ['pause t2k4m9', { type: 'pause_task', task_id: 't2k4m9' }],
    ['resume t2k4m9 and run what was missed', { type: 'resume_task', task_id: 't2k4m9', run_missed: true }],
    ['cancel T2K4M9', { type: 'cancel_task', task_id: 't2k4m9' }],
    ['run t2k4m9', { type: 'run_task', task_id: 't2k4m9' }],
  ])('%s', async (request, expected) => {
    const turn = mailbox.turn(request);
    const command = await mailbox.answer('tasks', { ok: false, reason: 'there is no task "t2k4m9"' });
    expect(command).toMatchObject(expected);
    expect((await mailbox.finished(turn)).text).toBe('refused: there is no task "t2k4m9"');
  });

  test('a request without a time is asked back, and leaves no command', async () => {
    expect((await run('remind me to stretch')).text).toContain('did not understand when');
    expect(mailbox.commands('tasks')).toEqual([]);
    expect((await run('help')).text).toContain('`remind me');
  });
});

describe('listing tasks', () => {
  test('shows the snapshot: what runs next comes first, nothing is left out', async () => {
    mailbox.currentTasks([
      { ...listed, id: 'tpause', status: 'paused', next_run: null, next_run_local: null, last_result: 'ok' },
      { ...listed, context_mode: 'isolated' },
    ]);
    expect((await run('list my tasks')).text).toBe(
      '2 scheduled tasks:\n' +
        '- t2k4m9: cron 0 9 * * 1-5 (Europe/Berlin), next run 2026-11-03 09:00:00 Tue, isolated: “send me an overview”\n' +
        '- tpause: cron 0 9 * * 1-5 (Europe/Berlin), paused, last result ok: “send me an overview”',
    );
    mailbox.currentTasks([]);
    expect((await run('my tasks')).text).toBe('There are no scheduled tasks.');
  });

  test('main sees whose they are, also where the list is long', async () => {
    mailbox.currentTasks(
      Array.from({ length: 300 }, (_, n) => ({ ...listed, id: `t${n}`, prompt: 'x'.repeat(8000) })),
    );
    const { text } = await run('list my tasks', { is_main: true });
    expect(text).toContain('300 scheduled tasks:');
    expect(text).toContain(`group test: “${'x'.repeat(80)}…”`);
    expect(text).toContain('and 200 more');
  });

  test('a list that is not there or not understood is said to be unknown, not empty', async () => {
    expect((await run('list my tasks')).text).toContain('cannot be read');
    mailbox.currentTasks('{ no json');
    expect((await run('list my tasks')).text).toContain('cannot be read');
  });
});

describe('a due task', () => {
  test.each([
    ['Reminder: stretch', '⏰ stretch'],
    ['The bins go out today', 'The bins go out today'],
    ['every minute hello', 'every minute hello'],
    ['ping', 'pong'],
  ])('%s → %s', async (prompt, text) => {
    expect(await runTask(prompt)).toMatchObject({ text, end: { status: 'ok' } });
    expect(mailbox.commands('tasks')).toEqual([]);
  });

  test('may have nothing to say', async () => {
    const { events, end } = await runTask('say nothing');
    expect(end.status).toBe('ok');
    expect(end.gated).toBeUndefined();
    expect(events.some((event) => event.type === 'text')).toBe(false);
  });

  test('that fails says why', async () => {
    expect((await runTask('fail')).end).toMatchObject({ status: 'error', error: { code: 'agent' } });
  });
});

test('an isolated task runs in a fresh session, and the conversation goes on in the old one', async () => {
  const sessionOf = ({ events }: Awaited<ReturnType<typeof run>>) => {
    const event = events.find((candidate) => candidate.type === 'session');
    return event?.type === 'session' ? event : undefined;
  };
  const ours = sessionOf(await run('my name is Ann'));
  const session_id = ours?.session_id ?? '';

  const isolated = await runTask('what did I say before?', { session_id: null });
  expect(isolated.text).toContain('nothing in this session');
  expect(sessionOf(isolated)?.fresh).toBe(false);
  expect(sessionOf(isolated)?.session_id).not.toBe(session_id);
  const again = await runTask('what did I say before?', { session_id: null });
  expect(again.text).toContain('nothing in this session');

  const next = await run('what did I say before?', { session_id });
  expect(sessionOf(next)).toBeUndefined();
  expect(next.text).toBe('In this session you said:\n- my name is Ann');
  const inGroup = await runTask('what did I say before?', { session_id });
  expect(inGroup.text).toContain('my name is Ann');
});
