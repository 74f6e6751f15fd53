/**
 * The whole line, for real: a daemon as a process, a Bot API server and a Messages API server that it knows by their
 * addresses only, the real engine, the real image, and in it the real Claude Agent SDK, which reaches nothing but the
 * scripted Messages API through the daemon's proxy. The key is made up. Skipped by name without an engine or image;
 * with NANOCLAW_REQUIRE_DOCKER=1 that is a failure.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAIN_CHAT_ID } from '../../src/simulator/simulator.ts';
import { type BotApi, type Daemon, type Settings, startBotApi, TestHome } from '../support/daemon.ts';
import { createMessagesApi, type MessagesApi, type SeenRequest } from '../support/messages-api.ts';
import { docker, whyNoAgentImage } from './agent-container.ts';
import { containersOf, instanceOf, removeAll } from './docker-home.ts';
import { testEngine } from './engine-support.ts';

const whyNot = await whyNoAgentImage();
const KEY = `sk-ant-made-up-${randomUUID()}`;
/** A cold start on two busy cores. */
const COLD_MS = 60_000;
const ENGINE: Settings = process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {};

interface ContainerRow {
  name: string;
  engine_id: string;
}

/** The newest container of a group. */
function containerOf(home: TestHome, folder: string): ContainerRow {
  const row = home.row<ContainerRow>(
    'SELECT name, engine_id FROM containers WHERE group_folder = ? ORDER BY started_at DESC',
    folder,
  );
  if (!row) throw new Error(`${folder} has no container`);
  return row;
}

/** How many containers of this home run at once, at most, from now on: by the engine's own account. */
async function watchRunning(home: TestHome): Promise<{ most(): Promise<number> }> {
  const before = (await containersOf(home)).length;
  const changes: string[] = [];
  const label = `label=nanoclaw.instance=${instanceOf(home)}`;
  const filters = [label, 'type=container', 'event=start', 'event=die'].flatMap((each) => ['--filter', each]);
  const since = (Date.now() / 1000).toFixed(3);
  const events = spawn('docker', ['events', '--since', since, ...filters, '--format', '{{.Action}}']);
  events.stdout.setEncoding('utf8').on('data', (text: string) => {
    changes.push(...text.split('\n').filter(Boolean));
  });
  return {
    async most() {
      const ended = once(events, 'close');
      events.kill();
      await ended;
      let running = before;
      const counts = changes.map((action) => {
        running += action === 'start' ? 1 : -1;
        return running;
      });
      return Math.max(before, ...counts);
    },
  };
}

/** Runs a command as the container's own user; gives its output, or the code and the error. */
async function inside(container: string, ...command: string[]): Promise<string> {
  return await docker('exec', container, ...command);
}

describe.skipIf(whyNot)(`Claude in containers${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  let model: MessagesApi;
  let api: BotApi;
  let home: TestHome;
  let daemon: Daemon;
  let family: number;

  /** Sets what the model answers from now on. */
  const answering = (script: (request: SeenRequest) => string) => model.use(script);
  const turnsOf = (folder: string) =>
    home.rows<{ state: string; attempt: number; container_id: string; input_tokens: number }>(
      'SELECT state, attempt, container_id, input_tokens FROM turns WHERE group_folder = ? ORDER BY queued_at',
      folder,
    );

  beforeAll(async () => {
    model = await createMessagesApi({ script: () => 'unscripted' });
    api = await startBotApi();
    home = new TestHome({ ...api.settings, ...ENGINE, MAX_CONCURRENT_CONTAINERS: '3', WARM_MEMORY_MB: '0' });
    writeFileSync(home.file('.env'), `ANTHROPIC_API_KEY=${KEY}\nANTHROPIC_BASE_URL=${model.url}\n`);
    family = api.group('Family');
    daemon = await home.start();
    await home.addGroup(family, 'family');
  });
  afterAll(async () => {
    await removeAll(home);
    await api.close();
    await model.close();
  });

  it(
    'answers cold, and then warm from the same container',
    async () => {
      answering((request) => (request.userText.includes('and then') ? 'Three.' : 'Two.'));
      expect(await api.ask(family, '@Nina one and one?', COLD_MS)).toBe('Two.');
      api.sim.say({ chat: family, from: 'anna', text: 'I would have known that' });
      expect(await api.ask(family, '@Nina and then?', COLD_MS)).toBe('Three.');

      const [first, second] = model.main();
      expect(first?.userText).toMatch(
        /<message id="1" sender="You" .*for_you="yes">@Nina one and one\?<\/message>/,
      );
      expect(second?.userText).toMatch(/sender="Anna"[^>]*>I would have known that<\/message>\n<message/);
      expect(second?.userText).not.toContain('one and one');
      const turns = turnsOf('family');
      expect(turns.map(({ state }) => state)).toEqual(['done', 'done']);
      expect(turns[1]?.container_id).toBe(turns[0]?.container_id);
      expect(turns[0]?.input_tokens).toBeGreaterThan(0);
    },
    2 * COLD_MS,
  );

  it('starts Node once beside Claude, and what it runs was compiled with the image', async () => {
    const { engine_id: id } = containerOf(home, 'family');
    const lines = (await docker('top', id, '-eo', 'pid,args')).split('\n').slice(1);
    const programs = lines.map((line) => line.trim().split(/\s+/)[1] ?? '');
    expect(programs.map((program) => path.basename(program)).sort()).toEqual([
      'claude',
      'docker-init',
      'node',
    ]);
    const compiled = await inside(id, 'sh', '-c', 'find /var/cache/nanoclaw -type f -size +64k | wc -l');
    // The SDK and our own; nobody in the container can change them.
    expect(Number(compiled)).toBeGreaterThanOrEqual(2);
    await expect(inside(id, 'sh', '-c', 'touch /var/cache/nanoclaw/*/x')).rejects.toThrow();
  });

  it('gives the model server the key, and the container never has it', async () => {
    expect(new Set(model.main().map(({ headers }) => headers['x-api-key']))).toEqual(new Set([KEY]));
    expect(new Set(model.main().map(({ headers }) => headers.authorization))).toEqual(new Set([undefined]));
    const { engine_id: id } = containerOf(home, 'family');
    const inspected = JSON.parse(await docker('inspect', id)) as { Config: { Labels: object } }[];
    expect(JSON.stringify(inspected)).not.toContain(KEY);
    expect(inspected[0]?.Config.Labels).toMatchObject({
      'nanoclaw.instance': instanceOf(home),
      'nanoclaw.group': 'family',
      'nanoclaw.protocol': '1',
    });
  });

  it(
    'sends what Claude says by its tool before the final answer, and tells Claude what became of it',
    async () => {
      model.use((request) =>
        request.toolResults.length > 0
          ? 'And this is the end.'
          : {
              content: [
                { toolUse: { name: 'mcp__nanoclaw__send_message', input: { text: 'A moment, I look.' } } },
              ],
            },
      );
      const before = api.answers(family).length;
      api.sim.say({ chat: family, from: 'you', text: '@Nina what is in the shed?' });
      await api.until(() => api.answers(family).length === before + 2, 'message and answer', COLD_MS);
      expect(api.answers(family).slice(before)).toEqual(['A moment, I look.', 'And this is the end.']);
      expect(model.main().at(-1)?.toolResults).toEqual([
        { text: expect.stringContaining('Accepted'), isError: false },
      ]);
      expect(home.rows('SELECT type, outcome FROM ipc_commands')).toEqual([
        { type: 'send_message', outcome: 'done' },
      ]);
    },
    COLD_MS,
  );

  it(
    'goes on in the same session after the container is gone',
    async () => {
      const session = home.rows("SELECT session_id FROM sessions WHERE group_folder = 'family'");
      const old = containerOf(home, 'family');
      await docker('rm', '-f', old.engine_id);
      await daemon.logged('agent_ended', (line) => line.container === old.name);

      answering(() => 'You asked about the shed.');
      expect(await api.ask(family, '@Nina what did I ask?', COLD_MS)).toBe('You asked about the shed.');
      const conversation = JSON.stringify(model.main().at(-1)?.body.messages);
      for (const earlier of ['one and one?', 'Two.', 'what is in the shed?', 'And this is the end.']) {
        expect(conversation).toContain(earlier);
      }
      expect(containerOf(home, 'family').name).not.toBe(old.name);
      expect(home.rows("SELECT session_id FROM sessions WHERE group_folder = 'family'")).toEqual(session);
    },
    COLD_MS,
  );

  it(
    'is not interrupted by a daemon that is killed and started again: the same container answers, once',
    async () => {
      const before = api.answers(family).length;
      let asked = () => {};
      const thinking = new Promise<void>((resolve) => {
        asked = resolve;
      });
      model.use(() => {
        asked();
        return { hang: 'headers' };
      });
      api.sim.say({ chat: family, from: 'you', text: '@Nina think for long' });
      await thinking;
      const { name } = containerOf(home, 'family');
      await daemon.kill('SIGKILL');
      answering(() => 'Thought it through.');
      daemon = await home.start();
      expect(daemon.log().find((line) => line.event === 'turn_adopted')).toMatchObject({ container: name });

      await api.until(() => api.answers(family).length > before, 'the answer', COLD_MS);
      await home.until(
        () => turnsOf('family').every(({ state }) => state === 'done'),
        'the turn to be settled',
      );
      expect(api.answers(family).slice(before)).toEqual(['Thought it through.']);
      expect(turnsOf('family').at(-1)).toMatchObject({ attempt: 1, container_id: name });
      // Still warm, and still with a model.
      answering(() => 'Still here.');
      expect(await api.ask(family, '@Nina still there?', COLD_MS)).toBe('Still here.');
      expect(containerOf(home, 'family').name).toBe(name);
    },
    COLD_MS,
  );

  it(
    'shows main the project read-only: the database while the daemon writes, the registrations, and no secret',
    async () => {
      await home.addGroup(MAIN_CHAT_ID, 'main', '--main');
      answering(() => 'Yes?');
      expect(await api.ask(MAIN_CHAT_ID, 'are you there?', COLD_MS)).toBe('Yes?');
      const { engine_id: main } = containerOf(home, 'main');
      expect(await inside(main, 'id', '-u')).not.toBe('0');

      const query = `SELECT timestamp, sender_name, content FROM messages WHERE chat_jid = '${family}' ORDER BY timestamp DESC LIMIT 10;`;
      const seen: string[] = [];
      for (let n = 0; n < 8; n += 1) {
        for (let m = 0; m < 20; m += 1) api.sim.say({ chat: family, from: 'anna', text: `note ${n}-${m}` });
        seen.push(await inside(main, 'sqlite3', '/workspace/project/data/nanoclaw.db', query));
      }
      await home.until(() => home.row("SELECT 1 FROM messages WHERE content = 'note 7-19'"), 'the last note');
      seen.push(await inside(main, 'sqlite3', '/workspace/project/data/nanoclaw.db', query));
      for (const rows of seen) expect(rows.split('\n')).toHaveLength(10);
      expect(seen.at(-1)).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z\|Anna\|note 7-/m);

      const groups = JSON.parse(await inside(main, 'cat', '/workspace/project/data/registered_groups.json'));
      expect(groups).toMatchObject({ [family]: { folder: 'family' }, [MAIN_CHAT_ID]: { is_main: true } });

      const refused =
        'cat /workspace/project/.env || ls -a /workspace/project | grep -x .env || echo nothing';
      expect(await inside(main, 'sh', '-c', `${refused} 2>/dev/null`)).toBe('nothing');
      const write =
        'for f in data/nanoclaw.db data/x x; do echo y >> /workspace/project/$f && echo written; done';
      expect(await inside(main, 'sh', '-c', `(${write}) 2>/dev/null; echo done`)).toBe('done');
    },
    2 * COLD_MS,
  );

  it(
    'puts each message into exactly one prompt, in order, for ten groups at once under a cap of three',
    async () => {
      const chats = Array.from({ length: 10 }, (_, n) => api.group(`Group ${n}`));
      home.registerAll(
        chats.map((chat, n) => ({ chatJid: String(chat), name: `Group ${n}`, folder: `g-${n}` })),
      );
      const before = model.main().length;
      const running = await watchRunning(home);
      answering((request) => `Seen: ${wordsIn(request.userText).join(' ')}`);
      const expected: string[] = [];
      for (const n of [0, 1, 2, 3]) {
        for (const [at, chat] of chats.entries()) {
          expected.push(`word-${at}-${n}-end`);
          api.sim.say({ chat, from: n % 2 ? 'you' : 'anna', text: `@Nina word-${at}-${n}-end` });
        }
      }
      const open =
        "SELECT count(*) AS n FROM messages WHERE content LIKE '%word-%' AND disposition = 'answered'";
      await home.until(() => home.row(open)?.n === expected.length, 'all to be answered', 3 * COLD_MS);
      await api.until(
        () => expected.every((word) => chats.some((chat) => api.answers(chat).join().includes(word))),
        'all answers',
        COLD_MS,
      );

      const prompts = model.main().slice(before);
      const inPrompts = prompts.flatMap(({ userText }) => wordsIn(userText));
      expect([...inPrompts].sort()).toEqual([...expected].sort());
      for (const [at, chat] of chats.entries()) {
        const inOrder = [0, 1, 2, 3].map((n) => `word-${at}-${n}-end`);
        expect(inPrompts.filter((word) => word.startsWith(`word-${at}-`))).toEqual(inOrder);
        expect(wordsIn(api.answers(chat).join('\n'))).toEqual(inOrder);
        // Each prompt holds one group's messages only.
        for (const { userText } of prompts.filter((p) => p.userText.includes(`word-${at}-`))) {
          expect(new Set(wordsIn(userText).map((word) => word.split('-')[1]))).toEqual(new Set([String(at)]));
        }
      }
      expect(await running.most()).toBe(3);
    },
    4 * COLD_MS,
  );

  it(
    'leaves the key nowhere but in .env: not in containers, nor in files, nor in the log',
    async () => {
      const containers = await containersOf(home);
      expect(containers.length).toBeGreaterThan(0);
      for (const id of containers) {
        expect(await docker('inspect', id)).not.toContain(KEY);
        expect(await docker('logs', id)).not.toContain(KEY);
        // A part of the key, so that the look does not find its own arguments in /proc.
        const look =
          'env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; grep -rlF "$0" /workspace /home/agent /tmp /etc; echo done';
        const found = await inside(id, 'sh', '-c', `(${look}) 2>/dev/null`, KEY.slice(0, -1));
        expect(found.endsWith('done')).toBe(true);
        expect(found).not.toContain(KEY);
        expect(found).not.toMatch(/^\/(workspace|home|tmp|etc)\//m);
      }
      for (const text of [daemon.output, home.read('nanoclaw.log')]) {
        expect(text).not.toContain(KEY);
        expect(text).not.toContain(api.sim.token);
      }
      const holders = filesBelow(home.dir).filter((file) => readFileSync(file).includes(KEY));
      expect(holders).toEqual([home.file('.env')]);
    },
    COLD_MS,
  );

  it(
    'tells the chat when the model refuses the key, and the operator where to renew it',
    async () => {
      model.use(() => ({ status: 401, message: 'invalid x-api-key' }));
      const text = await api.ask(family, '@Nina anybody there?', COLD_MS);
      expect(text).toBe(
        'I could not answer: the model refused the credential. The operator has to renew it.',
      );
      expect(await daemon.logged('problem', (line) => line.level === 'error')).toMatchObject({
        kind: 'credential',
      });
      answering(() => 'Now I am.');
      expect(await api.ask(family, '@Nina anybody there?', COLD_MS)).toBe('Now I am.');
    },
    2 * COLD_MS,
  );

  it('stops within ten seconds and takes its idle containers along', async () => {
    const asked = performance.now();
    expect(await daemon.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(await containersOf(home)).toEqual([]);
  }, 30_000);
});

const socket = whyNot === null ? testEngine().address : null;
const noSocket =
  whyNot ?? (socket && 'socketPath' in socket ? null : 'the Docker engine has no socket on this host');

describe.skipIf(noSocket)(
  `the offline agent in containers${noSocket ? ` (skipped: ${noSocket})` : ''}`,
  () => {
    let api: BotApi;
    let home: TestHome;
    let daemon: Daemon;
    let chat: number;

    beforeAll(async () => {
      api = await startBotApi();
      home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'docker' });
      home.settings.DOCKER_HOST = `unix://${home.file('engine.sock')}`;
      chat = api.group('Family');
      await home.addGroup(chat, 'family', '--no-trigger');
    });
    afterAll(async () => {
      await removeAll(home);
      await api.close();
    });

    it(
      'waits for an engine that is away, says so, and answers when it is there',
      async () => {
        daemon = home.spawn();
        expect(await daemon.logged('runtime_waiting')).toMatchObject({ level: 'warn' });
        api.sim.say({ chat, from: 'you', text: 'ping' });
        await home.until(() => home.row('SELECT 1 FROM messages'), 'the message to be stored');
        expect(JSON.parse((await home.nanoclaw('status', '--json')).stdout)).toMatchObject({
          connected: true,
          runtime: { name: 'docker', ready: false },
        });

        symlinkSync((socket as { socketPath: string }).socketPath, home.file('engine.sock'));
        await api.until(() => api.answers(chat).length > 0, 'the answer', COLD_MS);
        expect(api.answers(chat)).toEqual(['pong']);
        expect(await inside(containerOf(home, 'family').engine_id, 'id', '-u')).not.toBe('0');
      },
      2 * COLD_MS,
    );

    it(
      'sends a file that the agent wrote into its folder',
      async () => {
        const sent = api.sim.next('sent', (m) => m.document !== undefined, AbortSignal.timeout(COLD_MS));
        api.sim.say({ chat, from: 'you', text: 'send file notes/list.txt with text milk and bread' });
        expect((await sent).document).toMatchObject({ file_name: 'list.txt', file_size: 15 });
        expect(home.read('groups/family/notes/list.txt')).toBe('milk and bread\n');
      },
      COLD_MS,
    );

    it(
      'is not interrupted by a daemon that is stopped in order: the same container answers, once',
      async () => {
        await api.until(() => api.answers(chat).at(-1)?.startsWith('Accepted'), 'the answer before');
        const before = api.answers(chat).length;
        api.sim.say({ chat, from: 'you', text: 'slow 2' });
        await home.until(() => home.row("SELECT 1 FROM turns WHERE state = 'running'"), 'the turn to run');
        const { name, engine_id: id } = containerOf(home, 'family');
        expect(await daemon.kill('SIGTERM')).toEqual({ code: 0, signal: null });
        expect(await docker('inspect', '--format', '{{.State.Running}}', id)).toBe('true');

        daemon = await home.start();
        await api.until(() => api.answers(chat).length > before, 'the answer');
        expect(api.answers(chat).slice(before)).toEqual(['That took 2 seconds.']);
        expect(
          home.rows('SELECT state, attempt, container_id FROM turns WHERE container_id IS NOT NULL').at(-1),
        ).toBeDefined();
        expect(
          home.row<{ container_id: string }>("SELECT container_id FROM turns WHERE reply LIKE '%2 seconds%'")
            ?.container_id,
        ).toBe(name);
        expect(await api.ask(chat, 'ping')).toBe('pong');
        expect(containerOf(home, 'family').name).toBe(name);
      },
      COLD_MS,
    );

    it(
      'tries again when the container is killed in the middle of a turn, and tells nobody twice',
      async () => {
        const before = api.answers(chat).length;
        api.sim.say({ chat, from: 'you', text: 'slow 1' });
        await home.until(() => home.row("SELECT 1 FROM turns WHERE state = 'running'"), 'the turn to run');
        const killed = containerOf(home, 'family');
        await docker('kill', killed.engine_id);
        expect(await daemon.logged('turn_failed')).toMatchObject({ code: 'crash', retryInMs: 5000 });
        await api.until(() => api.answers(chat).length > before, 'the answer', COLD_MS);
        expect(api.answers(chat).slice(before)).toEqual(['That took 1 seconds.']);
        expect(containerOf(home, 'family').name).not.toBe(killed.name);
        expect(await containersOf(home)).toHaveLength(1);
      },
      COLD_MS,
    );

    it(
      'are left alone by the daemon of another home',
      async () => {
        const other = new TestHome({ ...ENGINE, CONTAINER_RUNTIME: 'docker' });
        try {
          const stranger = await other.start();
          expect(await stranger.kill('SIGTERM')).toEqual({ code: 0, signal: null });
          expect(await containersOf(home)).toHaveLength(1);
          expect(await api.ask(chat, 'ping')).toBe('pong');
        } finally {
          await removeAll(other);
        }
      },
      COLD_MS,
    );

    it(
      'removes the containers of groups that nobody wants any more when it starts',
      async () => {
        await daemon.kill('SIGKILL');
        await home.nanoclaw('groups', 'remove', 'family');
        daemon = await home.start();
        expect(daemon.log().some((line) => line.event === 'orphan_removed')).toBe(true);
        expect(await containersOf(home)).toEqual([]);
      },
      COLD_MS,
    );
  },
);

const wordsIn = (text: string): string[] => text.match(/word-\d+-\d+-end/g) ?? [];

function filesBelow(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}
