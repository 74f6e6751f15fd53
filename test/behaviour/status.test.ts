/** What the daemon says about itself, at a glance: the same from the running daemon and from the database behind it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MIGRATIONS } from '../../src/db/migrations.ts';
import { databaseFile, openDatabase } from '../../src/db/open.ts';
import { createDb } from '../../src/db.ts';
import { readOverview } from '../../src/status/overview.ts';
import type { DaemonStatus } from '../../src/status.ts';
import type { ChatJid } from '../../src/types.ts';
import { startBotApi, TestHome } from '../support/daemon.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { createWorld, storeMessage } from '../support/world.ts';

async function family() {
  const api = await startBotApi();
  const home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  onTestFinished(async () => {
    await home.dispose();
    await api.close();
  });
  const chat = api.group('Family');
  home.registerAll([{ chatJid: String(chat), name: 'Family', folder: 'family' }]);
  const daemon = await home.start();
  const status = async () => (await (await fetch(`${await daemon.url()}/status`)).json()) as DaemonStatus;
  return { api, home, chat, daemon, status };
}

it('a turn passes through its phases, each stored when it is entered', async () => {
  const { api, home, chat, daemon, status } = await family();
  api.sim.say({ chat, from: 'you', text: '@Nina slow 30' });
  const running = await home.until(
    () => home.row<{ id: string }>('SELECT id FROM turns WHERE first_output_at IS NOT NULL'),
    'the first output',
  );
  const open = await status();
  expect(open.turns).toEqual([
    expect.objectContaining({
      id: running.id,
      group: 'family',
      kind: 'messages',
      attempt: 1,
      state: 'running',
      phase: 'reply',
      activity: expect.stringMatching(/^(thinking|working slowly)$/),
    }),
  ]);
  expect(open.perGroup).toEqual([
    expect.objectContaining({ folder: 'family', turn: running.id, openMessages: 1 }),
  ]);
  expect(open.agents).toEqual([
    { group: 'family', container: open.turns[0]?.container, state: 'busy', memoryBytes: null },
  ]);
  expect(open.messagesToday).toEqual({ open: 1 });

  api.sim.say({ chat, from: 'you', text: '/stop' });
  await daemon.logged('turn_ended');
  const times = home.row<Record<string, string>>(
    'SELECT asked_at, queued_at, agent_started_at, first_output_at, finished_at FROM turns',
  );
  const instants = Object.values(times ?? {});
  expect(instants).toHaveLength(5);
  expect([...instants].sort()).toEqual(instants);
  expect(times?.asked_at).toBe(
    home.row<{ received_at: string }>('SELECT received_at FROM messages ORDER BY seq')?.received_at,
  );
  const ended = await status();
  expect(ended.turns).toEqual([]);
  expect(ended.lastTurns).toEqual([expect.objectContaining({ id: running.id, state: 'stopped' })]);
  expect(ended.messagesToday).toMatchObject({ stopped: 1, host_command: 1 });
});

it('a sign of life is not yet a word of the model’s', async () => {
  const daemon = new InnerDaemon();
  const family = daemon.register('family');
  daemon.agent.answer = () => 'hold';
  await daemon.start();
  await daemon.say(family, '@Nina think');
  const turn = await daemon.until(() => daemon.agent.turns[0]);
  const open = () => daemon.app?.status().turns[0];
  expect(open()).toMatchObject({ phase: 'container', activity: null });
  daemon.agent.event(turn, { type: 'turn_started' });
  for (const activity of ['waiting', 'gate script', 'retrying', 'compacting']) {
    daemon.agent.event(turn, { type: 'progress', activity });
    await daemon.until(() => open()?.activity === activity);
    expect(open()).toMatchObject({ phase: 'first_output' });
  }
  daemon.agent.event(turn, { type: 'progress', activity: 'Bash' });
  await daemon.until(() => open()?.phase === 'reply');
  expect(open()).toMatchObject({ activity: 'Bash' });
});

it('message counts follow every change of a disposition, and those of a database that was there before', () => {
  const { db, register } = createWorld();
  const group = register();
  const jid = group.chatJid as ChatJid;
  const day = '2026-11-02';
  const given = () =>
    db.sqlite
      .prepare<[], { disposition: string; given: number }>('SELECT disposition, given FROM message_counts')
      .all();
  storeMessage(db, jid, 1);
  storeMessage(db, jid, 2, { disposition: 'not_for_nina', triggerKind: null });
  const edited = storeMessage(db, jid, 3, { disposition: 'not_for_nina', triggerKind: null });
  expect(db.overview.messages(day)).toEqual({ open: 1, not_for_nina: 2 });
  db.messages.replaceContent(
    edited,
    '@Nina hello',
    '2026-11-02T09:00:00.000Z' as never,
    null,
    'mention',
    null,
    null,
  );
  expect(db.overview.messages(day)).toEqual({ open: 2, not_for_nina: 1 });
  db.messages.disposeOpen(jid, 'unregistered', 'as the test says');
  expect(db.overview.messages(day)).toEqual({ unregistered: 2, not_for_nina: 1 });
  expect(given()).toEqual([
    { disposition: 'not_for_nina', given: 2 },
    { disposition: 'open', given: 2 },
    { disposition: 'unregistered', given: 2 },
  ]);
  const { messagesToday } = readOverview(db, Date.parse(`${day}T12:00:00Z`));
  expect(messagesToday).toEqual({ unregistered: 2, not_for_nina: 1 });
});

it('an older database brings its messages along into the counts', () => {
  const home = new TestHome();
  onTestFinished(() => home.dispose());
  openDatabase(
    databaseFile(home.dir),
    MIGRATIONS.filter(({ id }) => id < 3),
  ).close();
  home.write(`
    INSERT INTO messages (chat_jid, message_id, sender, sender_name, content, timestamp, disposition, received_at)
      VALUES ('-1', 1, '1', 'Anna', 'x', '2026-11-02T08:00:00.000Z', 'answered', '2026-11-02T08:00:00.000Z'),
             ('-1', 2, '1', 'Anna', 'x', '2026-11-02T08:00:00.000Z', 'answered', '2026-11-02T08:00:00.000Z'),
             ('-1', 3, '1', 'Anna', 'x', '2026-11-03T08:00:00.000Z', NULL, '2026-11-03T08:00:00.000Z');`);
  const db = createDb(databaseFile(home.dir));
  onTestFinished(() => db.close());
  expect(db.overview.messages('2026-11-02')).toEqual({ answered: 2 });
  expect(db.overview.messages('2026-11-03')).toEqual({ open: 1 });
});

it('main is told of everything, another group of what concerns it', async () => {
  const daemon = new InnerDaemon();
  const main = daemon.register('main', { isMain: true });
  const family = daemon.register('family');
  const secret = daemon.register('secretproject');
  daemon.add(family, '2h', { prompt: 'water the plants' });
  daemon.add(secret, '3h', { prompt: 'count the money' });
  daemon.agent.answer = (turn) =>
    turn.chat_jid === secret.chatJid
      ? { status: 'error', error: { code: 'max_turns', message: 'it took too many steps' } }
      : 'hold';
  await daemon.start();
  const answer = async (group: typeof main, text: string, count: number) => {
    await daemon.say(group, text);
    return daemon.until(() => daemon.told(group)[count - 1] ?? '');
  };
  await answer(secret, '@Nina go on', 1);
  await daemon.say(family, '@Nina think');
  await daemon.until(() => daemon.agent.turns.some((turn) => turn.chat_jid === family.chatJid));

  const told = await answer(main, '/status', 1);
  expect(told).toMatch(/Turns: 1 running, 0 waiting, 0 to be retried/);
  expect(told).toMatch(/• family: \d+ s, its agent is starting for \d+ s/);
  expect(told).toMatch(/• in 2 h 0 min, family: water the plants/);
  expect(told).toMatch(/Last error: .* ago, secretproject: max_turns: it took too many steps/);
  expect(told).toMatch(/Today \(UTC\): messages: 1 open, 1 failed/);
  expect(told).toMatch(/• family: .* ago, 1 unanswered/);

  const brief = await answer(family, '/status', 1);
  expect(brief).toMatch(/Here: I am at work on something: \d+ s, its agent is starting for \d+ s\.$/m);
  expect(brief).toMatch(/Next task here: in 2 h 0 min\.$/m);
  expect(brief).not.toMatch(/secret|money|main group|tokens/);
});

describe('nanoclaw status', () => {
  it('tells from the database what a stopped daemon has left, exit code 1', async () => {
    const { api, home, chat, daemon } = await family();
    await api.ask(chat, '@Nina ping');
    await daemon.logged('turn_ended');
    api.sim.faults.partition(true);
    api.sim.say({ chat, from: 'you', text: 'nobody hears this' });
    await daemon.kill('SIGTERM');
    const people = await home.nanoclaw('status');
    expect(people).toMatchObject({ code: 1, stderr: '' });
    expect(people.stdout).toContain(`The daemon is stopped (home ${home.dir}).`);
    expect(people.stdout).toContain('→ nanoclaw start');
    expect(people.stdout).toContain('Today (UTC): messages: 1 answered');
    expect(people.stdout).toMatch(/• family: .* ago, session 1 % full/);
    const { code, stdout } = await home.nanoclaw('status', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      running: false,
      connected: false,
      turns: [],
      lastTurns: [{ group: 'family', state: 'done', phasesMs: { queue: expect.any(Number) } }],
      messagesToday: { answered: 1 },
      perGroup: [{ folder: 'family', openMessages: 0 }],
      outbox: { count: 0 },
    });
  });

  it('--json has the keys that docs/operations.md tells of', async () => {
    const { home, daemon } = await family();
    const docs = readFileSync(path.resolve(import.meta.dirname, '../../docs/operations.md'), 'utf8');
    const undocumented = async () => {
      const { stdout } = await home.nanoclaw('status', '--json');
      return Object.keys(JSON.parse(stdout)).filter((key) => !docs.includes(`\`${key}\``));
    };
    expect(await undocumented()).toEqual([]);
    await daemon.kill('SIGTERM');
    expect(await undocumented()).toEqual([]);
  });

  it('--watch goes on until Ctrl-C, then 0: blocks one after the other, or lines of JSON', async () => {
    const { home } = await family();
    const watch = watched(home, process.execPath, [BIN, 'status', '--watch', '1']);
    await watch.shows((text) => text.split('Up since').length === 4);
    expect(await watch.end('SIGINT')).toEqual({ code: 0, signal: null });
    expect(watch.output()).not.toContain('\x1b');
    expect(watch.output()).toMatch(/\n\nUp since/);

    const json = watched(home, process.execPath, [BIN, 'status', '--watch', '--json']);
    await json.shows((text) => text.split('\n').length === 3);
    expect(await json.end('SIGINT')).toEqual({ code: 0, signal: null });
    for (const line of json.output().trim().split('\n'))
      expect(JSON.parse(line)).toMatchObject({ running: true, connected: true });
  });

  it.skipIf(process.platform !== 'linux')(
    '--watch redraws a terminal in place and leaves it as it was',
    async () => {
      const { home } = await family();
      const command = `exec ${process.execPath} ${BIN} status --watch 1`;
      const watch = watched(home, 'script', ['-qefc', command, '/dev/null']);
      await watch.shows((text) => text.split('Up since').length === 4);
      watch.type('\x03');
      expect(await watch.ended).toEqual({ code: 0, signal: null });
      const text = watch.output();
      expect(text.startsWith('\x1b[?25l')).toBe(true);
      // Cleared once; then each frame goes over the one before.
      expect(text.split('\x1b[2J')).toHaveLength(2);
      expect(text.split('\x1b[H').length).toBeGreaterThanOrEqual(4);
      expect(text.lastIndexOf('\x1b[?25h')).toBeGreaterThan(text.lastIndexOf('\x1b[?25l'));
      expect(text.lastIndexOf('\x1b[?7h')).toBeGreaterThan(text.lastIndexOf('\x1b[?7l'));
    },
  );

  it('refuses an interval that is none, exit code 2', async () => {
    const { home } = await family();
    for (const wrong of ['0', 'often', '86400']) {
      const { code, stderr, stdout } = await home.nanoclaw('status', '--watch', wrong);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain('expected a number of seconds from 1 to 3600');
    }
  });
});

const BIN = path.resolve(import.meta.dirname, '../../bin/nanoclaw');

interface Watching {
  output(): string;
  /** Resolves when what it has written so far passes. */
  shows(accept: (text: string) => boolean): Promise<void>;
  type(keys: string): void;
  end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** A command that goes on until it is ended. */
function watched(home: TestHome, command: string, args: string[]): Watching {
  const env = { ...home.environment({}), TERM: 'xterm' };
  const child: ChildProcess = spawn(command, args, { cwd: home.dir, env, stdio: 'pipe' });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  let heard = () => {};
  const listen = (chunk: string) => {
    text += chunk;
    heard();
  };
  child.stdout?.setEncoding('utf8').on('data', listen);
  child.stderr?.setEncoding('utf8').on('data', listen);
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return {
    output: () => text,
    ended,
    async shows(accept) {
      const seen = new Promise<void>((resolve) => {
        heard = () => {
          if (accept(text)) resolve();
        };
        heard();
      });
      const over = ended.then(() => Promise.reject(new Error(`it ended with:\n${text}`)));
      await Promise.race([seen, over]);
    },
    type: (keys) => void child.stdin?.write(keys),
    end(signal) {
      child.kill(signal);
      return ended;
    },
  };
}
