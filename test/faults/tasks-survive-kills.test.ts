/**
 * Tasks of real daemons that are killed with SIGKILL: between the claim and the run, and at moments that nobody chose
 * with tasks due every second. Each due instant keeps its one row, and every answer arrives.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { databaseFile } from '../../src/db/open.ts';
import type { Task } from '../../src/db/tasks.ts';
import { createDb } from '../../src/db.ts';
import { REPEAT_MARK } from '../../src/format.ts';
import { scheduleTask, type TaskInput } from '../../src/tasks.ts';
import { chatJid } from '../../src/types.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';
import { seeded } from '../support/random.ts';

let api: BotApi;
let home: TestHome;

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process', TASK_MIN_INTERVAL: '1000' });
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

interface RunRow {
  task_id: string;
  due: string;
  state: string;
  outcome: string | null;
  attempt: number;
}
const runs = (): RunRow[] =>
  home.rows<RunRow>('SELECT task_id, due, state, outcome, attempt FROM task_runs ORDER BY task_id, due');

/** While no daemon runs. */
function addTask(chat: number, input: Partial<TaskInput>): Task {
  const db = createDb(databaseFile(home.dir));
  try {
    const group = db.groups.byJid(chatJid(chat));
    if (!group) throw new Error(`no group ${chat}`);
    const rules = { db, now: Date.now, defaultTimezone: 'UTC', limits: { minIntervalMs: 1000 } };
    const defaults: TaskInput = { prompt: 'ping', scheduleType: 'interval', scheduleValue: '1s' };
    return scheduleTask(rules, group, { ...defaults, ...input }, 'test');
  } finally {
    db.close();
  }
}

function oneGroup(): number {
  const chat = api.group('Family');
  home.registerAll([{ chatJid: String(chat), name: 'Family', folder: 'family' }]);
  return chat;
}

it('killed between the claim and the run: the run is done by the next daemon, once', async () => {
  const chat = oneGroup();
  const soon = new Date(Date.now() + 1500).toISOString();
  const task = addTask(chat, { scheduleType: 'once', scheduleValue: soon });
  // Without an engine a run is claimed and waits.
  const daemon = home.spawn({ CONTAINER_RUNTIME: 'docker', DOCKER_HOST: 'unix:///nonexistent/docker.sock' });
  await home.until(() => runs().length === 1, 'the claim');
  await daemon.kill('SIGKILL');
  expect(runs()).toEqual([{ task_id: task.id, due: soon, state: 'due', outcome: null, attempt: 0 }]);

  await home.start();
  await home.until(() => runs()[0]?.state === 'finished', 'the run');
  await api.until(() => api.answers(chat).length > 0, 'the answer');
  await home.until(() => home.row('SELECT 1 FROM task_runs WHERE delivered = 1'), 'the note of the delivery');
  expect(runs()).toEqual([{ task_id: task.id, due: soon, state: 'finished', outcome: 'ok', attempt: 1 }]);
  expect(api.answers(chat)).toEqual(['pong']);
  expect(home.row('SELECT status, next_run FROM scheduled_tasks')).toEqual({
    status: 'done',
    next_run: null,
  });
});

it('killed while the run goes on: it is begun again, and answered once', async () => {
  const chat = oneGroup();
  const task = addTask(chat, {
    prompt: 'slow 1',
    scheduleType: 'once',
    scheduleValue: new Date(Date.now() + 1500).toISOString(),
  });
  const daemon = await home.start();
  await home.until(() => home.row("SELECT 1 FROM turns WHERE state = 'running'"), 'the turn');
  await daemon.kill('SIGKILL');
  await home.start();
  await home.until(() => runs()[0]?.state === 'finished', 'the run');
  await api.until(() => api.answers(chat).length > 0, 'the answer');
  expect(runs()).toMatchObject([{ task_id: task.id, outcome: 'ok', attempt: 1 }]);
  expect(api.answers(chat)).toEqual(['That took 1 seconds.']);
});

it('a running daemon notices at once what the command line changes', async () => {
  const chat = oneGroup();
  await home.start();
  const added = await home.nanoclaw(
    'tasks',
    'add',
    'ping',
    '--group',
    'family',
    '--schedule',
    '0 0 1 1 *',
    '--json',
  );
  const { id } = JSON.parse(added.stdout) as { id: string };
  expect((await home.nanoclaw('tasks', 'run', id)).code).toBe(0);
  await api.until(() => api.answers(chat)[0] === 'pong', 'the answer', 5000);

  // Due in two seconds: sooner than the daemon would look by itself.
  const at = new Date(Date.now() + 2000).toISOString();
  const more = await home.nanoclaw('tasks', 'add', 'ping', '--group', 'family', '--schedule', at);
  expect(more.stderr).toBe('');
  await api.until(() => api.answers(chat)[1] === 'pong', 'the second answer', 5000);
  const [run] = home.rows<{ lateness_ms: number }>(
    "SELECT lateness_ms FROM task_runs WHERE origin = 'schedule'",
  );
  expect(run?.lateness_ms).toBeLessThan(1000);
});

it.each([1, 2])(
  'killed six times at random with tasks due every second (seed %i)',
  async (seed) => {
    const random = seeded(seed);
    const chats = [api.group('One'), api.group('Two')];
    home.registerAll(chats.map((chat, n) => ({ chatJid: String(chat), name: `G${n}`, folder: `g-${n}` })));
    const tasks = chats.map((chat) => addTask(chat, {}));

    for (let round = 0; round < 6; round += 1) {
      const daemon = home.spawn();
      await calls(1 + Math.floor(random() * 7));
      for (let turns = Math.floor(random() * 40); turns > 0; turns -= 1) await new Promise(setImmediate);
      await daemon.kill('SIGKILL');
    }

    await home.start();
    await home.until(
      () => runs().filter(({ outcome }) => outcome === 'ok').length >= 6,
      'some more runs',
      30_000,
    );
    for (const { id } of tasks) expect((await home.nanoclaw('tasks', 'pause', id)).code).toBe(0);
    const open = "SELECT count(*) AS n FROM task_runs WHERE state <> 'finished'";
    const unsent = "SELECT count(*) AS n FROM outbox WHERE state NOT IN ('sent', 'failed')";
    await home.until(() => home.row(open)?.n === 0, 'all runs to end', 30_000);
    await home.until(() => home.row(unsent)?.n === 0, 'all to be sent', 60_000);

    // Given up is only what was cut off twice, when it was sent and when it was sent again.
    const givenUp = home.rows<{ chat_jid: string; repeated: number; delivered: number | null }>(
      `SELECT o.chat_jid, o.repeated, r.delivered FROM outbox o JOIN task_runs r ON r.turn_id = o.turn_id
       WHERE o.state = 'failed'`,
    );
    expect(givenUp.filter(({ repeated, delivered }) => repeated !== 1 || delivered === 1)).toEqual([]);

    for (const [n, task] of tasks.entries()) {
      const own = runs().filter(({ task_id: id }) => id === task.id);
      // Every second from the first one, without a gap and without a repeat.
      const first = Date.parse(task.anchor) + 1000;
      expect(own.map(({ due }) => due)).toEqual(
        own.map((_, at) => new Date(first + at * 1000).toISOString()),
      );
      expect(own.every(({ outcome }) => outcome === 'ok' || outcome === 'skipped')).toBe(true);
      const ok = own.filter(({ outcome }) => outcome === 'ok').length;
      const told = api.answers(chats[n] ?? 0);
      const answers = told.filter((text) => !text.includes('may not have arrived'));
      const repeats = answers.filter((text) => text.startsWith(REPEAT_MARK));
      expect(answers.filter((text) => text !== 'pong' && text !== `${REPEAT_MARK}pong`)).toEqual([]);
      // A repeat brings what did not arrive, or is the same text again.
      expect(answers.length - repeats.length).toBeLessThanOrEqual(ok);
      const lost = givenUp.filter(({ chat_jid: chat }) => chat === String(chats[n])).length;
      expect(answers.length).toBeGreaterThanOrEqual(ok - lost);
      if (lost > 0) expect(told.length).toBeGreaterThan(answers.length);
    }
    // One reply for each run that went well, in the turn that it names.
    const twice = home.rows(
      `SELECT r.id, count(o.id) AS n FROM task_runs r LEFT JOIN outbox o ON o.turn_id = r.turn_id
       WHERE r.outcome = 'ok' GROUP BY r.id HAVING n <> 1`,
    );
    expect(twice).toEqual([]);
    expect(home.row('SELECT count(*) AS n FROM outbox WHERE turn_id IS NOT NULL')?.n).toBe(
      runs().filter(({ outcome }) => outcome === 'ok').length,
    );
  },
  120_000,
);

/** Resolves when the daemon has made so many calls to Telegram. */
function calls(count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    const stop = api.sim.on('call', () => {
      left -= 1;
      if (left > 0) return;
      stop();
      resolve();
    });
  });
}
