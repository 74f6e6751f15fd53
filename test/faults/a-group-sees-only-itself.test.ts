/**
 * The agent of one group tries to read, write or message another: through every command of the protocol, every field
 * that could name somebody, every place of its mailbox, in the whole daemon. Each attempt is refused and audited, or
 * does to its own group what it says, and the other group is what it was.
 * A new command, or a new field of a command, fails here until it is decided what it may name.
 */
import { randomUUID } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { groupPaths } from '../../src/mailbox/layout.ts';
import { COMMAND_DIRECTORY, type CommandType, commandSchema } from '../../src/protocol/commands.ts';
import { eventFileName, PROTOCOL_VERSION, type ResultFile } from '../../src/protocol.ts';
import type { Group } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';

const TYPES = commandSchema.options.map(({ shape }) => shape.type.value);
const fieldsOf = (type: CommandType): string[] =>
  Object.keys(commandSchema.options.find(({ shape }) => shape.type.value === type)?.shape ?? {});

/** A form of each command that its own group might use; those of main are refused whatever they say. */
const OWN: Record<CommandType, (world: Attacked) => Record<string, unknown>> = {
  send_message: () => ({ text: 'to whom?' }),
  send_file: () => ({ path: 'own.txt' }),
  react: () => ({ message_id: 1, emoji: '👍' }),
  ask_user: () => ({ question: 'who?', choices: ['we', 'they'], wait_s: 0 }),
  search_history: () => ({ query: 'secret' }),
  read_history: () => ({ message_id: 1 }),
  schedule_task: () => ({ prompt: 'look', schedule_type: 'interval', schedule_value: '2h' }),
  preview_task: () => ({ schedule_type: 'interval', schedule_value: '2h' }),
  pause_task: ({ ownTask }) => ({ task_id: ownTask }),
  resume_task: ({ ownTask }) => ({ task_id: ownTask }),
  cancel_task: ({ ownTask }) => ({ task_id: ownTask }),
  run_task: ({ ownTask }) => ({ task_id: ownTask }),
  update_task: ({ ownTask }) => ({ task_id: ownTask, prompt: 'changed' }),
  register_group: () => ({ chat_jid: '-5005', name: 'New', folder: 'new' }),
  unregister_group: ({ own }) => ({ chat_jid: own.chatJid }),
  refresh_groups: () => ({}),
};
const ONLY_MAIN: readonly CommandType[] = ['register_group', 'unregister_group', 'refresh_groups'];

/** How each field can name somebody else; an empty list where it names nobody. */
const NAMES_OTHERS: Record<string, (world: Attacked) => unknown[]> = {
  chat_jid: ({ other, main }) => [
    other.chatJid,
    main.chatJid,
    ` ${other.chatJid}`,
    `${other.chatJid}\0`,
    other.folder,
    '@friends',
    `../${other.folder}`,
    Number(other.chatJid),
    [other.chatJid],
    { $ne: null },
    "' OR 1=1 --",
  ],
  task_id: ({ otherTask, mainTask }) => [
    otherTask,
    mainTask,
    `#${otherTask}`,
    ` ${otherTask} `,
    otherTask.slice(0, 4),
    '%',
    `' OR id='${otherTask}`,
    [otherTask],
  ],
  path: ({ other, home, otherSecret }) => [
    `../${other.folder}/secret.txt`,
    otherSecret,
    `./../${other.folder}/secret.txt`,
    `sub/../../${other.folder}/secret.txt`,
    `/workspace/group/../${other.folder}/secret.txt`,
    `/workspace/group//../${other.folder}/secret.txt`,
    `/workspace/../${other.folder}/secret.txt`,
    `..\\${other.folder}\\secret.txt`,
    `%2e%2e/${other.folder}/secret.txt`,
    `file://${otherSecret}`,
    `/proc/self/cwd/groups/${other.folder}/secret.txt`,
    `/proc/self/root${otherSecret}`,
    'link-to-other',
    'link-to-folder/secret.txt',
    'hard-link',
    path.join(home, 'data', 'nanoclaw.db'),
    '../../data/nanoclaw.db',
    '../../.env',
    `own.txt\0/../../${other.folder}/secret.txt`,
  ],
  folder: ({ other }) => [other.folder, `../${other.folder}`, 'main', `./${other.folder}`, '/etc'],
  id: () => [],
  type: () => [],
  text: () => [],
  caption: () => [],
  emoji: () => [],
  question: () => [],
  choices: () => [],
  wait_s: () => [],
  // In the world of this test the message 2 is the other group's.
  message_id: () => [2, -1, '2', [1], { $ne: null }],
  name: () => [],
  trigger: () => [],
  requires_trigger: () => [],
  prompt: () => [],
  schedule_type: () => [],
  schedule_value: () => [],
  timezone: () => [],
  context_mode: () => [],
  misfire: () => [],
  script: () => [],
  run_missed: () => [],
  query: () => [],
  sender: () => [],
  since: () => [],
  until: () => [],
  topic: () => [],
  limit: () => [],
  direction: () => [],
  network: () => [],
  network_allow: () => [],
};

/** Keys that no command has: they must change nothing about who is meant. */
const foreignKeys = ({ other, otherTask }: Attacked) => ({
  group_folder: other.folder,
  group: other.folder,
  asker: 'main',
  is_main: true,
  isMain: true,
  target: other.chatJid,
  thread_id: 7,
  message_thread_id: 7,
  turn: randomUUID(),
  turn_id: randomUUID(),
  message_id: 77,
  reply_to: 77,
  reply_to_message_id: 77,
  taskId: otherTask,
  __proto__: { isMain: true },
});

interface Attacked {
  daemon: InnerDaemon;
  home: string;
  main: Group;
  own: Group;
  other: Group;
  ownTask: string;
  otherTask: string;
  mainTask: string;
  otherSecret: string;
}

async function createAttacked(): Promise<Attacked> {
  const daemon = new InnerDaemon();
  const { home } = daemon;
  const main = daemon.register('main', { isMain: true });
  const own = daemon.register('family');
  const other = daemon.register('friends');
  const [ownTask, otherTask, mainTask] = [own, other, main].map((group) => daemon.add(group, '3h').id);
  const otherSecret = path.join(groupPaths(home, other.folder).groupDir, 'secret.txt');
  writeFileSync(otherSecret, 'SECRET of friends');
  const { groupDir } = groupPaths(home, own.folder);
  writeFileSync(path.join(groupDir, 'own.txt'), 'own');
  symlinkSync(otherSecret, path.join(groupDir, 'link-to-other'));
  symlinkSync(path.dirname(otherSecret), path.join(groupDir, 'link-to-folder'));
  daemon.agent.answer = () => 'hold';
  await daemon.start();
  for (const group of [own, other]) await daemon.say(group, `@Nina hello from ${group.folder}`);
  await daemon.until(() => daemon.agent.turns.length === 2);
  if (!ownTask || !otherTask || !mainTask) throw new Error('no tasks');
  return { daemon, home, main, own, other, ownTask, otherTask, mainTask, otherSecret };
}

/** All that the other group and main have: rows, files, messages to be sent. */
function belongings({ daemon, home, main, other }: Attacked): unknown {
  const rows = (sql: string, ...values: string[]) => daemon.db.sqlite.prepare(sql).all(...values);
  return [main, other].map(({ chatJid, folder }) => ({
    outbox: rows('SELECT text, file_path FROM outbox WHERE chat_jid = ?', chatJid),
    tasks: rows('SELECT * FROM scheduled_tasks WHERE group_folder = ?', folder),
    runs: rows('SELECT * FROM task_runs WHERE chat_jid = ?', chatJid),
    group: rows('SELECT * FROM registered_groups WHERE chat_jid = ?', chatJid),
    messages: rows('SELECT seq, content, disposition, turn_id FROM messages WHERE chat_jid = ?', chatJid),
    turns: rows('SELECT id, state, last_event, reply FROM turns WHERE chat_jid = ?', chatJid),
    sessions: rows('SELECT session_id FROM sessions WHERE group_folder = ?', folder),
    commands: rows('SELECT * FROM ipc_commands WHERE group_folder = ?', folder),
    files: [groupPaths(home, folder).groupDir, groupPaths(home, folder).homeDir].flatMap(contents),
    mailbox: readdirSync(path.join(groupPaths(home, folder).mailbox, 'in', 'results')),
  }));
}

const contents = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => {
    const file = path.join(directory, name);
    return statSync(file).isFile() ? `${name}: ${readFileSync(file, 'utf8')}` : name;
  });

/** Refusals of one minute that are alike are one row in the audit log. */
const nextMinute = ({ daemon }: Attacked): void => daemon.clock.jump(60_000);

interface Outcome {
  result: ResultFile | null;
  /** Refusals of this agent that were noted since. */
  audited: string[];
  /** What is to be sent to its own chat since. */
  sent: string[];
}

/** Leaves the file as the agent of `own` would, and lets the daemon look. */
async function attempt(world: Attacked, leave: (mailbox: string, id: string) => void): Promise<Outcome> {
  const { daemon, own } = world;
  const id = randomUUID();
  const { mailbox } = groupPaths(world.home, own.folder);
  const since = daemon.db.audit.list({ limit: 1 })[0]?.id ?? 0;
  const sentBefore = toOwn(world).length;
  leave(mailbox, id);
  await daemon.clock.advance(5000);
  const file = path.join(mailbox, 'in', 'results', `${id}.json`);
  const noted = daemon.db.audit.list({ group: own.folder, afterId: since, limit: 100 });
  return {
    result: existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as ResultFile) : null,
    audited: noted
      .filter(({ actor, outcome }) => actor === `agent:${own.folder}` && outcome === 'refused')
      .map(({ action }) => action),
    sent: toOwn(world).slice(sentBefore),
  };
}

const toOwn = ({ daemon, own }: Attacked): string[] =>
  daemon.db.sqlite
    .prepare<[string], string>('SELECT text FROM outbox WHERE chat_jid = ? ORDER BY id')
    .pluck()
    .all(own.chatJid);

function command(type: CommandType, directory: string, fields: Record<string, unknown>) {
  return (mailbox: string, id: string) =>
    writeFileSync(
      path.join(mailbox, 'out', directory, `${id}.json`),
      JSON.stringify({ ...fields, id, type }),
    );
}

it('the table knows every command and every field', () => {
  expect(Object.keys(OWN).sort()).toEqual([...TYPES].sort());
  const fields = new Set(TYPES.flatMap(fieldsOf));
  expect([...fields].filter((field) => !(field in NAMES_OTHERS))).toEqual([]);
});

describe.each(TYPES)('%s', (type) => {
  it('that names another group in any of its fields is refused and audited', async () => {
    const world = await createAttacked();
    const before = belongings(world);
    const hardLink = path.join(groupPaths(world.home, world.own.folder).groupDir, 'hard-link');
    let tried = 0;
    for (const field of fieldsOf(type)) {
      for (const value of NAMES_OTHERS[field]?.(world) ?? []) {
        nextMinute(world);
        if (value === 'hard-link' && !existsSync(hardLink)) linkSync(world.otherSecret, hardLink);
        const fields = { ...OWN[type](world), [field]: value };
        const outcome = await attempt(world, command(type, COMMAND_DIRECTORY[type], fields));
        const what = `${type} with ${field} ${JSON.stringify(value)}`;
        expect(outcome.result, what).toMatchObject({ ok: false });
        expect(JSON.stringify(outcome), what).not.toContain('SECRET');
        expect(outcome.sent, what).toEqual([]);
        expect(outcome.audited, what).not.toEqual([]);
        tried += 1;
      }
    }
    expect(belongings(world)).toEqual(before);
    expect(tried > 0).toBe(fieldsOf(type).some((field) => (NAMES_OTHERS[field]?.(world) ?? []).length > 0));
  });

  it('with keys that it does not have does to its own group what it would have done without them', async () => {
    const world = await createAttacked();
    const before = belongings(world);
    if (type === 'resume_task') world.daemon.db.tasks.setStatus(world.ownTask, 'paused', 'for the test');
    const given = { ...foreignKeys(world), ...OWN[type](world) };
    const outcome = await attempt(world, command(type, COMMAND_DIRECTORY[type], given));
    expect(outcome.result?.ok).toBe(!ONLY_MAIN.includes(type));
    if (ONLY_MAIN.includes(type)) expect(outcome.audited).toEqual([type]);
    expect(belongings(world)).toEqual(before);
  });

  it('is nobody’s in another directory of the mailbox', async () => {
    const world = await createAttacked();
    const before = belongings(world);
    for (const directory of ['messages', 'tasks', 'events'].filter((d) => d !== COMMAND_DIRECTORY[type])) {
      nextMinute(world);
      const outcome = await attempt(world, command(type, directory, OWN[type](world)));
      expect(outcome.result?.ok ?? false).toBe(false);
      expect(outcome.audited).toEqual(['mailbox_file']);
      expect(outcome.sent).toEqual([]);
    }
    expect(belongings(world)).toEqual(before);
  });
});

describe('the mailbox itself', () => {
  it('brings nothing of another group by links, and takes no event for its turn', async () => {
    const world = await createAttacked();
    const theirs = groupPaths(world.home, world.other.folder).mailbox;
    const theirTurn = world.daemon.agent.turns.find(({ chat_jid }) => chat_jid === world.other.chatJid);
    if (!theirTurn) throw new Error('the other group has no turn');
    const planted = path.join(theirs, 'planted.json');
    writeFileSync(planted, JSON.stringify({ id: randomUUID(), type: 'send_message', text: 'SECRET' }));
    const before = belongings(world);

    const event = (n: number, more: Record<string, unknown>) => (mailbox: string) =>
      writeFileSync(
        path.join(mailbox, 'out', 'events', eventFileName(theirTurn.id, n)),
        JSON.stringify({ protocol: PROTOCOL_VERSION, turn: theirTurn.id, n, ...more }),
      );
    for (const more of [
      { type: 'text', text: 'in their name' },
      { type: 'session', session_id: 'mine', fresh: false },
      { type: 'turn_finished', status: 'ok' },
    ]) {
      for (const n of [1, 2, 999_999]) await attempt(world, event(n, more));
    }
    await attempt(world, (mailbox) => {
      writeFileSync(path.join(mailbox, 'out', 'events', eventFileName(theirTurn.id, 2)), 'not JSON');
    });
    expect(belongings(world)).toEqual(before);

    const places: [string, (mailbox: string, id: string) => void][] = [
      [
        'a link to a file',
        (mailbox, id) => symlinkSync(planted, path.join(mailbox, 'out/messages', `${id}.json`)),
      ],
      ['a second name', (mailbox, id) => linkSync(planted, path.join(mailbox, 'out/messages', `${id}.json`))],
      [
        'a relative link',
        (mailbox, id) =>
          symlinkSync('../../../friends/planted.json', path.join(mailbox, 'out/messages', `${id}.json`)),
      ],
    ];
    for (const [what, leave] of places) {
      nextMinute(world);
      const outcome = await attempt(world, leave);
      expect(outcome.audited, what).toEqual(['mailbox_file']);
      expect(outcome.sent, what).toEqual([]);
    }
    const mine = groupPaths(world.home, world.own.folder).mailbox;
    for (const directory of ['messages', 'tasks', 'events']) {
      rmSync(path.join(mine, 'out', directory), { recursive: true });
      symlinkSync(theirs, path.join(mine, 'out', directory));
    }
    mkdirSync(path.join(mine, 'out', 'friends'));
    const outcome = await attempt(world, () => {});
    expect(outcome.sent).toEqual([]);
    expect(existsSync(planted)).toBe(true);
    expect(belongings(world)).toEqual(before);
  });
});
