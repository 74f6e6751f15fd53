/**
 * Commands that change something, beside a running daemon: it acts at once. Its clock stands still here or moves by less
 * than it would take to look by itself, so what it does it was told to do.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { LOOK_MS } from '../../src/task-scheduler.ts';
import type { Group } from '../../src/types.ts';
import { runCli } from '../support/cli.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';

let daemon: InnerDaemon;
let main: Group;
let family: Group;

beforeEach(async () => {
  daemon = new InnerDaemon();
  main = daemon.register('main', { isMain: true });
  family = daemon.register('family');
  await daemon.start();
});

async function nanoclaw(...args: string[]): Promise<Record<string, unknown>> {
  const environment = () => ({ NANOCLAW_HOME: daemon.home, TZ: 'UTC', PATH: process.env.PATH ?? '' });
  const { code, stdout, stderr } = await runCli({ environment }, {}, ...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** Some changes are written together, half a second later. */
async function soon(look: () => unknown): Promise<void> {
  const startedAt = daemon.clock.monotonic();
  await daemon.until(async () => {
    if (daemon.clock.monotonic() - startedAt < LOOK_MS / 2) await daemon.clock.advance(500);
    return look();
  });
  expect(daemon.clock.monotonic() - startedAt).toBeLessThan(LOOK_MS);
}

function snapshot(group: Group, name: string): string {
  try {
    return readFileSync(path.join(daemon.home, 'data', 'ipc', group.folder, 'in', `${name}.json`), 'utf8');
  } catch {
    return '';
  }
}
const tasksOf = (group: Group) => {
  const text = snapshot(group, 'current_tasks');
  const { tasks } = (text === '' ? { tasks: [] } : JSON.parse(text)) as {
    tasks: { id: string; status: string }[];
  };
  return tasks.map(({ id, status }) => ({ id, status }));
};

it('tasks: what is added, paused, resumed and cancelled stands in the group’s list; what is run runs', async () => {
  const schedule = ['--group', 'family', '--schedule', '3h'];
  const { id } = (await nanoclaw('tasks', 'add', 'water the plants', ...schedule)) as { id: string };
  await soon(() => tasksOf(family)[0]?.id === id && tasksOf(main)[0]?.id === id);
  await nanoclaw('tasks', 'pause', id);
  await soon(() => tasksOf(family)[0]?.status === 'paused');
  await nanoclaw('tasks', 'resume', id);
  await soon(() => tasksOf(family)[0]?.status === 'active');
  await nanoclaw('tasks', 'run', id);
  await daemon.until(() => daemon.told(family).length === 1);
  await nanoclaw('tasks', 'cancel', id);
  await soon(() => tasksOf(family).length === 0);
});

it('groups: main’s list of chats and the mirror follow what is added, changed and removed', async () => {
  const garden = () =>
    (
      JSON.parse(readFileSync(path.join(daemon.home, 'data', 'registered_groups.json'), 'utf8')) as Record<
        string,
        { name: string } | undefined
      >
    )['-77'];
  daemon.db.sqlite.exec(`INSERT INTO chats (chat_jid, name, type, first_seen, last_activity)
    VALUES ('-77', 'The garden', 'group', '2026-11-01T00:00:00.000Z', '2026-11-01T00:00:00.000Z')`);
  await nanoclaw('groups', 'add', '--chat', '-77', '--name', 'Garden', '--folder', 'garden');
  await soon(() => snapshot(main, 'available_groups').includes('"garden"'));
  expect(garden()?.name).toBe('Garden');
  await nanoclaw('groups', 'set', 'garden', '--name', 'Allotment');
  await soon(
    () => snapshot(main, 'available_groups').includes('Allotment') || garden()?.name === 'Allotment',
  );
  await nanoclaw('groups', 'remove', 'garden');
  await soon(() => !snapshot(main, 'available_groups').includes('"garden"'));
  expect(garden()).toBeUndefined();
});

it('turns retry: what failed for good is answered', async () => {
  daemon.agent.answer = () => ({
    status: 'error',
    error: { code: 'context_too_long', message: 'as the test says' },
  });
  const question = await daemon.say(family, '@Nina hello');
  const fate = () => daemon.db.trace(family.chatJid, question)?.message.disposition;
  await daemon.until(() => fate() === 'failed');
  daemon.agent.answer = () => ({ text: 'hello yourself' });
  const [turn] = daemon.agent.turns;
  const asked = await nanoclaw('turns', 'retry', (turn?.id ?? '').slice(0, 8));
  expect(asked).toEqual({ turn: turn?.id, group: 'family', task: null });
  await daemon.until(() => fate() === 'answered');
  expect(daemon.told(family).at(-1)).toBe('hello yourself');
});
