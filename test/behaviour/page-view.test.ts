/** What the status page is told: bounded however much there is, and right about schedules and days. */
import { expect, it } from 'vitest';
import { readOverview } from '../../src/status/overview.ts';
import { createPageView } from '../../src/status/page-view.ts';
import type { DaemonStatus } from '../../src/status.ts';
import type { ChatJid } from '../../src/types.ts';
import { createWorld, storeMessage } from '../support/world.ts';

function createView() {
  const world = createWorld();
  const { db, clock } = world;
  const status = (): DaemonStatus => ({
    pid: 1,
    startedAt: '2026-11-02T07:00:00.000Z' as DaemonStatus['startedAt'],
    now: new Date(clock.now()).toISOString() as DaemonStatus['now'],
    home: world.home,
    url: '',
    provider: 'offline',
    runtime: { name: 'process', ready: true, problem: null },
    network: { enforced: true, reason: null },
    poller: { lastSuccessAt: clock.now(), problem: null, bot: null } as unknown as DaemonStatus['poller'],
    pendingAtTelegram: null,
    queue: { running: [], waiting: [], backingOff: [] },
    agents: [],
    turnsRunning: 0,
    memory: { rssBytes: 123_456_789, heapUsedBytes: 0 },
    failpoints: 0,
    senders: { file: '', problem: null, unknown: [] },
    problems: [],
    ...readOverview(db, clock.now()),
    groups: db.groups.all().length,
  });
  const view = createPageView({
    db,
    clock,
    status,
    assistantName: 'Nina',
    simulator: false,
    timezone: 'UTC',
  });
  return { ...world, view };
}

it('stays small with a thousand groups, tasks, turns and long messages, and says how many more there are', () => {
  const { db, view } = createView();
  db.transaction(() => {
    // Not through the registry, which writes each group's folder.
    const group = db.sqlite.prepare(
      `INSERT INTO registered_groups (chat_jid, name, folder, "trigger", requires_trigger, is_main, added_at)
       VALUES (?, ?, ?, '@Nina', 1, 0, '2026-11-02T08:00:00.000Z')`,
    );
    for (let n = 1; n <= 1000; n += 1) {
      group.run(String(-n), `Group ${n}`, `group-${n}`);
      storeMessage(db, String(-n) as ChatJid, n, { content: `${n} ${'words '.repeat(500)}` });
    }
    const task = db.sqlite.prepare(
      `INSERT INTO scheduled_tasks (id, group_folder, chat_jid, prompt, schedule_type, schedule_value, timezone,
         context_mode, misfire, status, anchor, next_run, created_by, created_at)
       VALUES (?, ?, ?, ?, 'cron', '*/5 * * * *', 'Europe/Berlin', 'group', 'skip', 'active', ?, ?, 'test', ?)`,
    );
    const turn = db.sqlite.prepare(
      `INSERT INTO turns (id, chat_jid, group_folder, kind, state, attempt, chain, queued_at, finished_at, error_code, error)
       VALUES (?, ?, ?, 'messages', 'failed', 1, ?, ?, ?, 'agent_failed', ?)`,
    );
    const at = '2026-11-02T08:00:00.000Z';
    for (let n = 1; n <= 1000; n += 1) {
      task.run(`t${n}`, `group-${n}`, String(-n), 'prompt '.repeat(500), at, '2026-11-02T08:05:00.000Z', at);
      turn.run(`u${n}`, String(-n), `group-${n}`, `u${n}`, at, at, 'error '.repeat(500));
    }
  });
  const sections = view();
  expect(JSON.stringify(sections).length).toBeLessThan(64_000);
  expect([sections.groups.total, sections.groups.shown.length]).toEqual([1000, 20]);
  expect([sections.tasks.total, sections.tasks.shown.length]).toEqual([1000, 12]);
  expect([sections.messages.length, sections.ended.length, sections.errors.length]).toEqual([25, 12, 5]);
  expect(sections.messages[0]?.text).toMatch(/^1000 words .*…$/);
});

it('tells the runs of a week, an hour ahead of their being asked for, and none of a schedule that makes no sense', async () => {
  const { db, register, view, clock } = createView();
  register();
  const add = (id: string, type: string, value: string, next: string) =>
    db.sqlite
      .prepare(
        `INSERT INTO scheduled_tasks (id, group_folder, chat_jid, prompt, schedule_type, schedule_value, timezone,
           context_mode, misfire, status, anchor, next_run, created_by, created_at)
         VALUES (?, 'family', '-1001', 'x', ?, ?, 'Europe/Berlin', 'group', 'skip', 'active', '2026-11-02T08:00:00.000Z', ?, 'test', 'x')`,
      )
      .run(id, type, value, next);
  add('weekly', 'cron', '0 9 * * 1', '2026-11-09T08:00:00.000Z');
  add('daily', 'cron', '0 9 * * *', '2026-11-03T08:00:00.000Z');
  add('often', 'interval', '5m', '2026-11-02T08:05:00.000Z');
  add('once', 'once', '2026-12-24T18:00', '2026-12-24T17:00:00.000Z');
  add('broken', 'cron', 'not a cron', '2026-11-02T09:00:00.000Z');
  const runs = () => Object.fromEntries(view().tasks.shown.map((task) => [task.id, task.runs]));
  expect(runs()).toMatchObject({
    weekly: ['2026-11-09T08:00:00.000Z'],
    once: ['2026-12-24T17:00:00.000Z'],
    broken: ['2026-11-02T09:00:00.000Z'],
  });
  expect(runs().daily).toHaveLength(7);
  expect(runs().often).toHaveLength(60);
  await clock.advance(86_400_000);
  expect(runs().daily?.at(-1)).toBe('2026-11-10T08:00:00.000Z');
});

it('tells what each group has used since the first of the month, in the daemon’s zone, the most first', () => {
  const { db, clock, register, view } = createView();
  register();
  expect(view().usage.month).toEqual({ from: '2026-11-01', total: 0, shown: [] });
  const rows = Array.from(
    { length: 25 },
    (_, i) => `('g${i}', '2026-11-01', '', 't', ${i}, ${i * 10}, ${i}, ${i / 100})`,
  );
  db.sqlite.exec(`INSERT INTO usage_ledger VALUES ${rows.join(', ')}, ('family', '2026-11-02', '1001', '', 2, 5000, 50, 0.5),
    ('family', '2026-11-01', '1002', '', 1, 1000, 10, 0.25), ('family', '2026-10-31', '1001', '', 9, 9000, 90, 9)`);
  clock.jump(20_000);
  const { total, shown } = view().usage.month;
  expect(total).toBe(26);
  expect(shown).toHaveLength(20);
  expect(shown[0]).toEqual({ group: 'family', turns: 3, inputTokens: 6000, outputTokens: 60, costUsd: 0.75 });
  expect(shown[1]).toMatchObject({ group: 'g24', turns: 24 });
});

it('sums up fourteen days, those without use too', () => {
  const { db, register, view } = createView();
  const { chatJid } = register();
  storeMessage(db, chatJid, 1, { receivedAt: '2026-11-02T07:00:00.000Z' as never });
  storeMessage(db, chatJid, 2, { receivedAt: '2026-10-30T07:00:00.000Z' as never });
  storeMessage(db, chatJid, 3, { receivedAt: '2026-09-01T07:00:00.000Z' as never });
  db.sqlite.exec(`INSERT INTO model_usage (group_folder, day, requests, failures, input_tokens, output_tokens, cost_usd)
    VALUES ('family', '2026-11-02', 2, 1, 100, 20, 0.5), ('other', '2026-11-02', 1, 0, 1000, 200, 0.25)`);
  const { usage } = view();
  expect(usage.days).toHaveLength(14);
  expect(usage.days[0]).toMatchObject({ day: '2026-10-20', messages: 0, requests: 0 });
  expect(usage.days[10]).toMatchObject({ day: '2026-10-30', messages: 1 });
  expect(usage.days[13]).toEqual({
    day: '2026-11-02',
    messages: 1,
    requests: 3,
    failures: 1,
    inputTokens: 1100,
    outputTokens: 220,
    costUsd: 0.75,
  });
  expect(usage.groups).toEqual([
    { group: 'other', tokens: 1200, costUsd: 0.25 },
    { group: 'family', tokens: 120, costUsd: 0.5 },
  ]);
});
