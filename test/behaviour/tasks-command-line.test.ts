/**
 * nanoclaw tasks …, as an operator or a script meets it: what it prints, with --json and without, its exit codes, and
 * that the preview needs nothing at all: no daemon, no settings, no home.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestHome } from '../support/daemon.ts';
import { tempFolder } from '../support/world.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

describe('preview', () => {
  /** In an empty folder, with nothing in the environment but PATH. */
  function preview(...args: string[]) {
    const cwd = tempFolder();
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [path.join(ROOT, 'bin/nanoclaw'), 'tasks', 'preview', ...args],
      { cwd, env: { PATH: process.env.PATH ?? '', HOME: cwd }, encoding: 'utf8' },
    );
    expect(readdirSync(cwd)).toEqual([]);
    return { status, stdout, stderr };
  }
  const json = (...args: string[]): unknown => {
    const { status, stdout, stderr } = preview(...args, '--json');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return JSON.parse(stdout);
  };

  it('prints exactly the zone, the instants and the notes', () => {
    expect(
      json('30 2 * * 0', '--tz', 'Europe/Berlin', '--from', '2026-03-20T00:00:00Z', '--count', '3'),
    ).toEqual({
      timezone: 'Europe/Berlin',
      next: ['2026-03-22T01:30:00.000Z', '2026-03-29T01:30:00.000Z', '2026-04-05T00:30:00.000Z'],
      notes: [
        'Before 2026-03-29 03:30 the clocks are set forward in Europe/Berlin and jump over the time that was meant: it runs then instead.',
      ],
    });
  });

  it('says what a repeated hour does', () => {
    expect(json('30 2 * * 0', '--tz', 'Europe/Berlin', '--from', '2026-10-20T00:00:00Z')).toEqual({
      timezone: 'Europe/Berlin',
      next: [
        '2026-10-25T00:30:00.000Z',
        '2026-11-01T01:30:00.000Z',
        '2026-11-08T01:30:00.000Z',
        '2026-11-15T01:30:00.000Z',
        '2026-11-22T01:30:00.000Z',
      ],
      notes: [expect.stringMatching(/set back in Europe\/Berlin .* twice: it runs the first time only/)],
    });
  });

  it('reads --from without an offset on the clock of the task’s zone, not of this process', () => {
    const next = (from: string) =>
      (json('0 9 * * *', '--tz', 'Pacific/Auckland', '--from', from, '--count', '1') as { next: string[] })
        .next;
    expect(next('2026-06-01T08:00')).toEqual(['2026-05-31T21:00:00.000Z']);
    expect(next('2026-06-01T10:00')).toEqual(['2026-06-01T21:00:00.000Z']);
    expect(next('2026-06-01T08:00:00Z')).toEqual(['2026-06-01T21:00:00.000Z']);
    expect(next('2026-06-01')).toEqual(['2026-05-31T21:00:00.000Z']);
  });

  it('says the rule for days when both fields are given', () => {
    const both = json('0 9 13 * 5', '--tz', 'UTC', '--from', '2026-11-01T00:00:00Z', '--count', '2');
    expect(both).toEqual({
      timezone: 'UTC',
      next: ['2026-11-06T09:00:00.000Z', '2026-11-13T09:00:00.000Z'],
      notes: ['Day of month and day of week are both given: it runs when either of them matches.'],
    });
  });

  it('knows intervals and dates, and is quiet when there is nothing to say', () => {
    expect(json('90m', '--tz', 'UTC', '--from', '2026-11-01T00:00:00Z', '--count', '2')).toEqual({
      timezone: 'UTC',
      next: ['2026-11-01T01:30:00.000Z', '2026-11-01T03:00:00.000Z'],
      notes: [],
    });
    expect(json('2026-12-24T18:00', '--tz', 'America/New_York', '--from', '2026-11-01T00:00:00Z')).toEqual({
      timezone: 'America/New_York',
      next: ['2026-12-24T23:00:00.000Z'],
      notes: [],
    });
  });

  it('without anything: five instants to come in this machine’s zone; for people, in its time', () => {
    const { next, notes, ...rest } = json('@daily') as { next: string[]; notes: string[]; timezone: string };
    expect(rest).toEqual({ timezone: expect.any(String) });
    expect(next).toHaveLength(5);
    for (const at of next) expect(at).toMatch(ISO);
    expect(Date.parse(next[0] ?? '')).toBeGreaterThan(Date.now());
    expect(notes).toEqual([]);
    const text = preview(
      '0 9 * * *',
      '--tz',
      'Europe/Berlin',
      '--from',
      '2026-06-01T00:00:00Z',
      '--count',
      '1',
    );
    expect(text).toMatchObject({
      status: 0,
      stdout: '2026-06-01T07:00:00.000Z  2026-06-01 09:00:00 Mon Europe/Berlin\n',
    });
  });

  it.each([
    [['0 9 *'], 1, /exactly five fields/],
    [['0 9 31 2 *'], 1, /never comes/],
    [['10s'], 1, /at least 1 min/],
    [['999999999w'], 1, /at most a year/],
    [['2020-01-01T09:00'], 1, /still to come/],
    [['@daily', '--tz', 'Mars/Base'], 1, /expected an IANA name/],
    [['@daily', '--from', 'soon'], 2, /--from: expected an instant/],
    [['@daily', '--count', '0'], 2, /--count: expected a whole number/],
    [[], 2, /schedule/],
  ])('%j ends with %i and a sentence', (args, code, expected) => {
    const { status, stdout, stderr } = preview(...args);
    expect({ status, stdout }).toEqual({ status: code, stdout: '' });
    expect(stderr).toMatch(expected);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe('without a daemon', () => {
  let home: TestHome;
  beforeAll(() => {
    home = new TestHome({ TZ: 'Europe/Berlin' });
    home.registerAll([
      { chatJid: '-1001', name: 'Family', folder: 'family' },
      { chatJid: '-1002', name: 'Garden', folder: 'garden', timezone: 'America/New_York' },
    ]);
  });
  afterAll(() => home.dispose());

  const ok = async (...args: string[]) => {
    const result = await home.nanoclaw('tasks', ...args);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    return result.stdout;
  };
  const asJson = async <T>(...args: string[]): Promise<T> => JSON.parse(await ok(...args, '--json')) as T;

  interface TaskJson {
    id: string;
    status: string;
    next_run: string | null;
    [key: string]: unknown;
  }

  it('a task from its beginning to its end', async () => {
    expect(await ok('list')).toBe('No tasks.\n');
    expect(await asJson('list')).toEqual([]);

    const added = await asJson<TaskJson & { preview: { next: string[]; timezone: string } }>(
      ...['add', 'look', 'at the weather', '--group', '-1001', '--schedule', '7m'],
      ...['--context', 'isolated', '--misfire', 'within:2h'],
    );
    const { preview, ...task } = added;
    expect(task).toEqual({
      id: expect.stringMatching(/^t[a-z0-9]{5}$/),
      group_folder: 'family',
      chat_jid: '-1001',
      prompt: 'look at the weather',
      schedule_type: 'interval',
      schedule_value: '7m',
      timezone: 'Europe/Berlin',
      context_mode: 'isolated',
      misfire: 'within:2h',
      status: 'active',
      status_reason: null,
      next_run: expect.stringMatching(ISO),
      last_run: null,
      last_result: null,
      created_by: 'operator',
      created_at: expect.stringMatching(ISO),
    });
    // What is promised is what was saved, to the millisecond.
    expect(preview).toMatchObject({
      timezone: 'Europe/Berlin',
      next: [task.next_run, ...Array(4).fill(expect.stringMatching(ISO))],
    });
    const { id } = task;

    const inGarden = await asJson<TaskJson>('add', 'water', '--group', 'garden', '--schedule', '0 9 * * *');
    expect(inGarden).toMatchObject({ timezone: 'America/New_York', schedule_type: 'cron' });
    expect((await asJson<TaskJson[]>('list')).map((each) => each.id).sort()).toEqual(
      [id, inGarden.id].sort(),
    );
    expect(await asJson<TaskJson[]>('list', '--group', 'family')).toEqual([task]);
    expect(await ok('list')).toMatch(
      new RegExp(`^TASK +GROUP +SCHEDULE +NEXT +LAST +WHAT\n.*${id} +family +every 7 min +next run `),
    );
    expect(await ok('runs', id)).toBe('It has not run yet.\n');
    expect(await asJson('runs', id)).toEqual([]);

    expect(await asJson('run', id)).toMatchObject({ id, status: 'active', next_run: task.next_run });
    expect(await asJson('runs', id)).toEqual([
      {
        due: expect.stringMatching(ISO),
        state: 'due',
        outcome: null,
        reason: null,
        origin: 'operator',
        attempts: 0,
        missed: 0,
        turn_id: null,
        started_at: null,
        finished_at: null,
        lateness_ms: null,
        error: null,
        input_tokens: null,
        output_tokens: null,
        cost_usd: null,
        delivered: null,
      },
    ]);
    expect((await home.nanoclaw('tasks', 'run', id)).code).toBe(1);

    expect(await asJson('pause', `#${id}`)).toMatchObject({
      status: 'paused',
      next_run: null,
      status_reason: 'paused by the operator',
    });
    expect(await ok('runs', id)).toMatch(
      /DUE +OUTCOME +LATE +ATTEMPTS +DELIVERED +WHY\n.* skipped .* the task was paused\n$/,
    );
    expect((await home.nanoclaw('tasks', 'pause', id)).stderr).toBe(`task ${id} is paused already\n`);
    const resumed = await asJson<TaskJson>('resume', id);
    expect(resumed).toMatchObject({ status: 'active', status_reason: null });
    const elapsed = (at: string | null) =>
      (Date.parse(at ?? '') - Date.parse(String(task.created_at))) / 420_000;
    expect(elapsed(resumed.next_run)).toBe(1);
    await ok('pause', id);
    expect(await ok('resume', id, '--missed')).toMatch(
      /is active again, next run .* \(Europe\/Berlin\)\.\n$/,
    );
    expect((await asJson<{ origin: string }[]>('runs', id)).map(({ origin }) => origin)).toContain('resume');

    expect(await ok('cancel', id)).toBe(`Task ${id} is cancelled.\n`);
    expect((await asJson<TaskJson[]>('list')).map((each) => each.id)).toEqual([inGarden.id]);
    expect((await asJson<TaskJson[]>('list', '--all')).map(({ status }) => status).sort()).toEqual([
      'active',
      'cancelled',
    ]);
    expect((await home.nanoclaw('tasks', 'resume', id)).stderr).toBe(`task ${id} is cancelled\n`);
  }, 60_000);
});
