/** What goes into the audit log: every attempt on another group, what main does elsewhere, what the operator changes. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemRandom } from '../../src/lib/random.ts';
import { COMMAND_DIRECTORY, type CommandType } from '../../src/protocol/commands.ts';
import { registerGroup } from '../../src/registry.ts';
import { scheduleTask } from '../../src/tasks.ts';
import { TestHome } from '../support/daemon.ts';
import { createMailboxWorld, send } from '../support/mailbox.ts';
import { outboxRows } from '../support/world.ts';

const WORK = '-2002';

function createHarness() {
  const world = createMailboxWorld();
  const work = registerGroup(world.registry, { chatJid: WORK, name: 'Work', folder: 'work' }, 'test');
  const rules = { db: world.db, now: () => world.clock.now(), defaultTimezone: 'UTC' };
  const task = scheduleTask(
    { ...rules, random: systemRandom },
    work,
    { prompt: 'report', scheduleType: 'interval', scheduleValue: '2h' },
    'test',
  );
  const audited = (outcome: string) =>
    world.db.audit
      .list({ limit: 1000 })
      .filter((entry) => entry.outcome === outcome && entry.actor !== 'test')
      .reverse();
  return { ...world, work, task, audited };
}

describe('a group that reaches for another one', () => {
  it('is refused by every command there is, and each attempt is noted', async () => {
    const { ipc, family, drop, results, audited, task, db } = createHarness();
    const here = { chat_jid: WORK };
    const theirs = { task_id: task.id };
    const schedule = { prompt: 'x', schedule_type: 'interval', schedule_value: '2h' };
    const attempts: Record<CommandType, object | null> = {
      send_message: { ...here, text: 'hello from elsewhere' },
      ask_user: { ...here, question: 'who?', choices: ['we', 'they'] },
      send_file: { ...here, path: 'CLAUDE.md' },
      react: { ...here, message_id: 1, emoji: '👍' },
      search_history: { ...here, query: 'anything' },
      read_history: here,
      schedule_task: { ...here, ...schedule },
      preview_task: null, // changes nothing and names no other group
      pause_task: theirs,
      resume_task: theirs,
      cancel_task: theirs,
      run_task: theirs,
      update_task: { ...theirs, prompt: 'mine now' },
      register_group: { chat_jid: '-3003', name: 'New', folder: 'new' },
      unregister_group: here,
      refresh_groups: {},
    };
    const state = () => ({
      outbox: outboxRows(db),
      groups: db.groups.all(),
      tasks: db.tasks.all(),
      runs: db.sqlite.prepare('SELECT * FROM task_runs').all(),
    });
    const before = state();
    const tried = Object.entries(attempts).filter(([, payload]) => payload !== null) as [
      CommandType,
      object,
    ][];
    for (const [type, payload] of tried) {
      drop('family', COMMAND_DIRECTORY[type], { id: randomUUID(), type, ...payload });
      await ipc.drain(family.folder);
    }
    expect(state()).toEqual(before);
    expect(results('family').map(({ ok }) => ok)).toEqual(tried.map(() => false));
    expect(audited('refused').map(({ actor, group, action }) => [actor, group, action])).toEqual(
      tried.map(([type]) => ['agent:family', 'family', type]),
    );
  });

  it('cannot fill the log with attempts', async () => {
    const { family, drop, drainAll, audited, db } = createHarness();
    for (let i = 0; i < 60; i += 1)
      drop('family', 'messages', send(`attempt ${i}`, randomUUID(), { chat_jid: WORK }));
    await drainAll(family.folder);
    db.audit.flush();
    const rows = audited('refused');
    expect(rows.length).toBeLessThan(5);
    expect(rows.reduce((sum, { times }) => sum + times, 0)).toBe(60);
  });
});

describe('main', () => {
  it('is noted for what it does in other groups, and not for what concerns itself', async () => {
    const { ipc, main, drop, audited, task } = createHarness();
    const id = () => randomUUID();
    const commands: [string, object][] = [
      ['messages', send('to myself')],
      ['messages', send('a secret for Work', id(), { chat_jid: WORK })],
      ['tasks', { id: id(), type: 'pause_task', task_id: task.id }],
    ];
    for (const [directory, command] of commands) {
      drop('main', directory, command);
      await ipc.drain(main.folder);
    }
    const rows = audited('done').filter(({ actor }) => actor === 'agent:main');
    expect(rows.map(({ action, group }) => [action, group])).toEqual([
      ['send_message', 'work'],
      ['pause_task', 'work'],
    ]);
    expect(JSON.stringify(rows)).not.toContain('secret');
  });
});

describe('the operator', () => {
  it('is noted for what they change by the command line', async () => {
    const home = new TestHome({ CONTAINER_RUNTIME: 'process' });
    onTestFinished(() => home.dispose());
    home.settings.HOME = home.dir;
    await home.addGroup(-7, 'work');
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await home.nanoclaw(...args, '--json');
      if (code !== 0) throw new Error(stderr);
      return JSON.parse(stdout) as { id?: string };
    };
    const { id = '' } = await run('tasks', 'add', '--group', 'work', '--schedule', '2h', 'report');
    await run('tasks', 'pause', id);
    await run('groups', 'set', 'work', '--senders', 'admins');
    await run('groups', 'remove', 'work');
    const entries = (await run('audit')) as unknown as { actor: string; action: string; detail: string }[];
    expect(entries.map(({ actor, action }) => `${actor} ${action}`)).toEqual([
      'operator register_group',
      'operator schedule_task',
      'operator pause_task',
      'operator set_senders',
      'operator unregister_group',
    ]);
  });
});
