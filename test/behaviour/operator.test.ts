/** What the operator does beside the daemon: tail the log, read the mirror, query the database, use the command line. */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { DEFAULT_CHOICES } from '../../src/types.ts';
import { type BotApi, type Daemon, startBotApi, TestHome } from '../support/daemon.ts';

const QUERY =
  "SELECT timestamp, sender_name, content FROM messages WHERE chat_jid = 'CHAT' ORDER BY timestamp DESC LIMIT 10;";
const noSqlite = spawnSync('sqlite3', ['--version']).error ? 'sqlite3 is not installed' : null;
if (noSqlite && process.env.NANOCLAW_REQUIRE_DOCKER === '1') throw new Error(noSqlite);

describe('beside a running daemon', () => {
  const words = 'words-that-no-log-may-hold';
  let api: BotApi;
  let home: TestHome;
  let daemon: Daemon;
  let chat: number;

  beforeAll(async () => {
    api = await startBotApi();
    home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
    daemon = await home.start();
    chat = api.group('Family');
    await home.addGroup(chat, 'family');
    await api.ask(chat, `@Nina ${words}`);
  });
  afterAll(async () => {
    await home.dispose();
    await api.close();
  });

  describe('nanoclaw.log', () => {
    it('is JSON lines, each with a time, a level and an event', async () => {
      await daemon.logged('turn_ended');
      const lines = daemon.log();
      expect(lines.length).toBeGreaterThan(4);
      for (const line of lines) {
        expect(line).toMatchObject({ level: expect.any(String), event: expect.stringMatching(/^[a-z_]+$/) });
        expect(new Date(line.time).toISOString()).toBe(line.time);
      }
    });

    it('warns of nothing while all is well', () => {
      expect(daemon.log().filter((line) => line.level !== 'info')).toEqual([]);
    });

    it('holds neither what people write, nor what is answered, nor the token, nor does the terminal', () => {
      for (const text of [home.read('nanoclaw.log'), daemon.output]) {
        expect(text).not.toContain(words);
        expect(text).not.toContain('cannot think');
        expect(text).not.toContain(api.sim.token);
        expect(text).not.toContain(api.sim.token.split(':')[1]);
      }
    });
  });

  describe('registered_groups.json', () => {
    const mirror = () => JSON.parse(home.read('data/registered_groups.json')) as Record<string, unknown>;

    it('follows every change while the daemon runs', async () => {
      const other = api.group('Garden');
      await home.addGroup(other, 'garden', '--timezone', 'Europe/Berlin');
      expect(Object.keys(mirror()).sort()).toEqual([String(chat), String(other)].sort());
      expect(mirror()[other]).toEqual({
        name: 'garden',
        folder: 'garden',
        ...DEFAULT_CHOICES,
        trigger: '@Nina',
        requires_trigger: true,
        is_main: false,
        timezone: 'Europe/Berlin',
        network: 'open',
        network_allow: [],
        provider: null,
        model: null,
        effort: null,
        max_turns: null,
        max_thinking: null,
        added_at: expect.stringMatching(/Z$/),
      });
      await home.nanoclaw('groups', 'set', 'garden', '--name', 'The garden', '--requires-trigger', 'no');
      expect(mirror()[other]).toMatchObject({ name: 'The garden', requires_trigger: false });
      expect(await api.ask(other, 'ping')).toBe('pong');
      await home.nanoclaw('groups', 'remove', 'garden');
      expect(Object.keys(mirror())).toEqual([String(chat)]);
    });
  });

  describe('nanoclaw groups', () => {
    it('lists for people and for scripts', async () => {
      const people = await home.nanoclaw('groups', 'list');
      expect(people.code).toBe(0);
      expect(people.stdout).toMatch(
        new RegExp(`^${chat} +family +family +@Nina +open +everyone +offline$`, 'm'),
      );
      const scripts = await home.nanoclaw('groups', 'list', '--json');
      expect(JSON.parse(scripts.stdout)).toEqual([
        expect.objectContaining({ chat_jid: String(chat), folder: 'family', is_main: false }),
      ]);
    });

    it('lists chats that the bot has seen and nobody registered', async () => {
      const stranger = api.group('Strangers');
      const confirmed = api.sim.next('update-confirmed', undefined, AbortSignal.timeout(10_000));
      api.sim.say({ chat: stranger, from: 'you', text: 'never to be stored' });
      await confirmed;
      const { stdout } = await home.nanoclaw('groups', 'list', '--available', '--json');
      const { available } = JSON.parse(stdout) as { available: unknown[] };
      expect(available).toContainEqual(
        expect.objectContaining({ chat_jid: String(stranger), name: 'Strangers', type: 'group' }),
      );
      for (const table of ['messages', 'inbox', 'chats']) {
        expect(JSON.stringify(home.rows(`SELECT * FROM ${table}`))).not.toContain('never to be stored');
      }
    });

    it('refuses with a reason: 1 for what cannot be, 2 for wrong usage', async () => {
      const refusals: [string[], number, RegExp][] = [
        [['add', '--chat', 'family', '--name', 'x', '--folder', 'x'], 2, /chat: expected a Telegram chat id/],
        [['add', '--chat', '-77', '--name', 'x', '--folder', '../up'], 2, /folder: expected 1 to 63 of a-z/],
        [['add', '--chat', '-77', '--name', 'x', '--folder', 'family'], 1, /belongs to another group/],
        [['add', '--chat', String(chat), '--name', 'x', '--folder', 'x'], 1, /is registered already/],
        [['remove', 'nobody'], 1, /No registered group .*\n→ nanoclaw groups list/],
        [['set', 'family', '--timezone', 'Mars/Olympus'], 2, /expected an IANA zone/],
        [['set', 'family', '--network', 'closed'], 2, /network: expected open, allowlist, none/],
        [['set', 'family', '--network', 'allowlist'], 2, /allow: expected at least one host/],
        [['set', 'family', '--allow', 'a.example'], 2, /expected together with --network allowlist/],
        [['set', 'family', '--network', 'allowlist', '--allow', 'http://x'], 2, /expected a host like/],
        [['add', '--chat', '-77'], 2, /required option/],
        [['paint'], 2, /unknown command|too many arguments/],
      ];
      const before = home.read('data/registered_groups.json');
      const results = await Promise.all(refusals.map(([args]) => home.nanoclaw('groups', ...args)));
      results.forEach(({ code, stderr, stdout }, at) => {
        const [args, expected, reason] = refusals[at] ?? [[], -1, /^$/];
        expect({ args, code, stdout }).toEqual({ args, code: expected, stdout: '' });
        expect(stderr).toMatch(reason);
        expect(stderr).not.toMatch(/\n {4}at /);
      });
      expect(home.read('data/registered_groups.json')).toBe(before);
    });
  });

  describe('nanoclaw status', () => {
    it('is 0 and says what is going on while all is well', async () => {
      const people = await home.nanoclaw('status');
      expect(people).toMatchObject({ code: 0, stderr: '' });
      expect(people.stdout).toContain('Telegram: connected as @nina_bot');
      expect(people.stdout).toContain('Agents: process, offline, ready');
      const scripts = await home.nanoclaw('status', '--json');
      expect(JSON.parse(scripts.stdout)).toMatchObject({
        running: true,
        connected: true,
        pid: daemon.pid,
        home: home.dir,
        runtime: { name: 'process', ready: true },
        outbox: { count: 0 },
      });
    });

    it('is 0 soon after a start, also when nobody writes', async () => {
      const quiet = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
      const other = await startBotApi();
      try {
        const started = await quiet.start(other.settings);
        await other.sim.next('poll', (poll) => poll.waiting, AbortSignal.timeout(10_000));
        expect(started.log().some((line) => line.level === 'warn')).toBe(false);
        expect(await quiet.nanoclawWith(other.settings, 'status')).toMatchObject({ code: 0 });
      } finally {
        await quiet.dispose();
        await other.close();
      }
    });

    it('is 1 while Telegram cannot be reached, and says so', async () => {
      api.sim.faults.partition(true);
      await daemon.logged('poll_failed');
      const { code, stdout } = await home.nanoclaw('status', '--json');
      api.sim.faults.partition(false);
      expect(code).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ running: true, connected: false });
      await daemon.logged('poll_recovered');
    });
  });

  describe.skipIf(noSqlite)(
    `the sqlite3 query of the manual${noSqlite ? ` (skipped: ${noSqlite})` : ''}`,
    () => {
      const query = () =>
        spawnSync('sqlite3', [home.file('data/nanoclaw.db'), QUERY.replace('CHAT', String(chat))], {
          encoding: 'utf8',
        });

      it('works while the daemon writes, newest first', async () => {
        const results: ReturnType<typeof query>[] = [];
        const stop = api.sim.on('update-confirmed', () => {
          results.push(query());
        });
        for (let n = 0; n < 60; n += 1) api.sim.say({ chat, from: 'anna', text: `line ${n} of many` });
        api.sim.say({ chat, from: 'you', text: '@Nina have you read it all?' });
        await api.until(() => api.answers(chat).some((text) => text.includes('read it all')), 'the answer');
        await home.until(
          () => home.row("SELECT 1 FROM messages WHERE content LIKE '%cannot think%all%'"),
          'all to be stored',
        );
        stop();
        results.push(query());
        expect(results.length).toBeGreaterThan(20);
        expect(
          results.map(({ status, stderr }) => `${status}${stderr}`).filter((end) => end !== '0'),
        ).toEqual([]);
        const rows = results.at(-1)?.stdout.trim().split('\n') ?? [];
        expect(rows).toHaveLength(10);
        expect(
          rows.every((row) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\|(Nina|You|Anna)\|/.test(row)),
        ).toBe(true);
        expect(rows.some((row) => row.includes('have you read it all?'))).toBe(true);
      });

      it('works with the daemon stopped', async () => {
        await daemon.kill('SIGTERM');
        expect(query()).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('|Anna|') });
      });
    },
  );
});

describe('with the daemon stopped', () => {
  it('the network of a group can be set and is audited', async () => {
    const home = new TestHome({ CONTAINER_RUNTIME: 'process' });
    onTestFinished(() => home.dispose());
    await home.addGroup(-4242, 'later', '--network', 'none');
    const set = async (...args: string[]): Promise<unknown> => {
      const { code, stdout, stderr } = await home.nanoclaw('groups', 'set', 'later', ...args, '--json');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return JSON.parse(stdout);
    };
    const hosts = ['--allow', 'Example.ORG', '--allow', '*.example.org:8443'];
    const list = ['example.org', '*.example.org:8443'];
    const allowed = { network: 'allowlist', network_allow: list };
    expect(await set('--network', 'allowlist', ...hosts)).toMatchObject(allowed);
    expect(await set('--name', 'Later')).toMatchObject({ name: 'Later', ...allowed });
    expect(await set('--network', 'open')).toMatchObject({ network: 'open' });
    expect(await set('--network', 'allowlist')).toMatchObject(allowed);
    expect(
      home.rows("SELECT actor, detail FROM audit_log WHERE action = 'set_group' ORDER BY id LIMIT 2"),
    ).toEqual([
      {
        actor: 'operator',
        detail: 'network: none → allowlist; network_allow:  → example.org,*.example.org:8443',
      },
      { actor: 'operator', detail: 'name: later → Later' },
    ]);
  });

  it('groups can be registered and listed, and status says that it is stopped, exit code 1', async () => {
    const home = new TestHome({ CONTAINER_RUNTIME: 'process' });
    onTestFinished(() => home.dispose());
    await home.addGroup(-4242, 'later', '--trigger', '@Helper');
    const list = await home.nanoclaw('groups', 'list', '--json');
    expect(list.code).toBe(0);
    expect(JSON.parse(list.stdout)).toMatchObject([{ chat_jid: '-4242', trigger: '@Helper' }]);
    const status = await home.nanoclaw('status');
    expect(status.code).toBe(1);
    expect(status.stdout).toContain('The daemon is stopped');
    const json = await home.nanoclaw('status', '--json');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ running: false, connected: false, groups: 1 });
  });
});
