/**
 * A real daemon against a Bot API server that it knows by address and token only: every message that is meant for
 * Nina is answered once, whatever comes at once, in whatever order, and however often the same update is handed out.
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BotApi, type Daemon, startBotApi, TestHome } from '../support/daemon.ts';

const OPEN = 'SELECT count(*) AS n FROM messages WHERE disposition IS NULL';
const UNSENT = "SELECT count(*) AS n FROM outbox WHERE state <> 'sent'";

describe('a daemon with a warm agent', () => {
  let api: BotApi;
  let home: TestHome;
  let daemon: Daemon;

  beforeAll(async () => {
    api = await startBotApi();
    home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
    daemon = await home.start();
  });
  afterAll(async () => {
    await home.dispose();
    await api.close();
  });

  it('answers in a group that is added while it runs, and not before', async () => {
    const chat = api.group('Late');
    const confirmed = api.sim.next('update-confirmed', undefined, AbortSignal.timeout(10_000));
    api.sim.say({ chat, from: 'you', text: '@Nina too early' });
    await confirmed;
    expect(home.rows('SELECT * FROM messages')).toEqual([]);
    expect(home.rows('SELECT name FROM chats')).toEqual([{ name: 'Late' }]);

    await home.addGroup(chat, 'late');
    expect(await api.ask(chat, '@Nina ping')).toBe('pong');
    expect(home.rows('SELECT content FROM messages WHERE is_bot_message = 0')).toEqual([
      { content: '@Nina ping' },
    ]);
  });

  it('shows that it types while a turn runs', async () => {
    const chat = api.group('Typing');
    await home.addGroup(chat, 'typing', '--no-trigger');
    const typing = api.sim.next('typing', (seen) => seen.chatId === chat, AbortSignal.timeout(10_000));
    await api.ask(chat, 'ping');
    expect((await typing).action).toBe('typing');
  });

  it('runs a follow-up that comes during a turn as the next turn, in the same agent', async () => {
    const chat = api.group('Follow-up');
    await home.addGroup(chat, 'follow-up');
    api.sim.say({ chat, from: 'you', text: '@Nina slow 0.7' });
    await home.until(
      () => home.row("SELECT 1 FROM turns WHERE group_folder = 'follow-up' AND state = 'running'"),
      'the turn to run',
    );
    api.sim.say({ chat, from: 'anna', text: '@Nina and this?' });
    await api.until(() => api.answers(chat).length === 2, 'both answers');

    expect(api.answers(chat)).toEqual([
      'That took 0.7 seconds.',
      'I am the offline agent and cannot think. You said: “and this?”',
    ]);
    const turns = home.rows<{ state: string; container_id: string; queued_at: string; finished_at: string }>(
      "SELECT state, container_id, queued_at, finished_at FROM turns WHERE group_folder = 'follow-up' ORDER BY queued_at",
    );
    expect(turns.map(({ state }) => state)).toEqual(['done', 'done']);
    const [first, second] = turns;
    expect(second?.container_id).toBe(first?.container_id);
    expect(Date.parse(second?.queued_at ?? '')).toBeGreaterThanOrEqual(Date.parse(first?.finished_at ?? ''));
  });

  it('keeps what a group remembers to that group', async () => {
    const [mine, theirs] = [api.group('Mine'), api.group('Theirs')];
    await home.addGroup(mine, 'mine', '--no-trigger');
    await home.addGroup(theirs, 'theirs', '--no-trigger');
    expect(await api.ask(mine, 'remember that the key is under the mat')).toBe('Noted.');
    expect(await api.ask(theirs, 'what do you remember')).toBe('I remember nothing yet.');
    expect(await api.ask(mine, 'what do you remember')).toContain('the key is under the mat');
    expect(home.read('groups/mine/MEMORY.md')).toContain('- the key is under the mat');
  });

  it('sends what the agent says by a tool before the final answer', async () => {
    const chat = api.group('Tools');
    await home.addGroup(chat, 'tools', '--no-trigger');
    api.sim.say({ chat, from: 'you', text: 'say I am on it' });
    await api.until(() => api.answers(chat).length === 2, 'the message and the answer');
    expect(api.answers(chat)).toEqual(['I am on it', expect.stringMatching(/^Accepted/)]);
  });

  it('loses none of 300 messages that come in one second into 20 groups, and answers none twice', async () => {
    const chats = Array.from({ length: 20 }, (_, n) => api.group(`Busy ${n}`));
    await daemon.kill('SIGTERM');
    home.registerAll(
      chats.map((chat, n) => ({ chatJid: String(chat), name: `Busy ${n}`, folder: `busy-${n}` })),
    );
    daemon = await home.start();
    const date = Math.floor(Date.now() / 1000);
    const words: string[] = [];
    for (let n = 0; n < 15; n += 1) {
      chats.forEach((chat, at) => {
        const word = `word-${at}-${n}-end`;
        words.push(word);
        api.sim.say({ chat, from: n % 2 ? 'you' : 'anna', text: `@Nina ${word}`, date });
      });
    }

    const said = () => chats.map((chat) => api.answers(chat).join('\n'));
    await api.until(
      () => words.every((word) => said().some((text) => text.includes(word))),
      '300 answers',
      60_000,
    );
    await home.until(
      () => home.row(`${OPEN}`)?.n === 0 && home.row(UNSENT)?.n === 0,
      'everything to be settled',
    );

    chats.forEach((_, at) => {
      const here = said()[at] ?? '';
      const found = [...here.matchAll(/word-\d+-\d+-end/g)].map(([word]) => word);
      expect(found).toEqual(Array.from({ length: 15 }, (_, n) => `word-${at}-${n}-end`));
    });
    const settled = home.rows(
      `SELECT disposition, count(*) AS n FROM messages WHERE chat_jid IN (${chats.join(',')}) GROUP BY disposition`,
    );
    expect(settled).toContainEqual({ disposition: 'answered', n: 300 });
    expect(settled.filter(({ disposition }) => disposition !== 'own')).toHaveLength(1);
  }, 90_000);
});

describe('ten groups under a cap of three', () => {
  let api: BotApi;
  let home: TestHome;

  beforeEach(async () => {
    api = await startBotApi();
    home = new TestHome({
      ...api.settings,
      CONTAINER_RUNTIME: 'process',
      MAX_CONCURRENT_CONTAINERS: '3',
      WARM_MEMORY_MB: '0',
    });
  });
  afterEach(async () => {
    await home.dispose();
    await api.close();
  });

  it('are all answered at once: idle agents give way, and never more than three live', async () => {
    const chats = Array.from({ length: 10 }, (_, n) => api.group(`Group ${n}`));
    home.registerAll(
      chats.map((chat, n) => ({ chatJid: String(chat), name: `Group ${n}`, folder: `group-${n}` })),
    );
    const daemon = await home.start();
    for (const round of ['one', 'two']) {
      for (const chat of chats) api.sim.say({ chat, from: 'you', text: `@Nina round ${round}` });
      await api.until(
        () => chats.every((chat) => api.answers(chat).some((text) => text.includes(`round ${round}`))),
        `the answers of round ${round}`,
        30_000,
      );
    }
    for (const chat of chats) expect(api.answers(chat)).toHaveLength(2);

    expect(home.rows('SELECT name FROM containers').length).toBeGreaterThanOrEqual(10);
    expect(home.mostAgentsAtOnce()).toBe(3);
    expect(daemon.log().filter((line) => line.level === 'error')).toEqual([]);
  }, 60_000);
});

describe('a Bot API server that hands the same updates out again', () => {
  let api: BotApi;
  let home: TestHome;
  let repeater: Repeater;

  beforeAll(async () => {
    api = await startBotApi();
    repeater = await startRepeater(api.url);
    home = new TestHome({ ...api.settings, TELEGRAM_API_ROOT: repeater.url, CONTAINER_RUNTIME: 'process' });
  });
  afterAll(async () => {
    await home.dispose();
    repeater.close();
    await api.close();
  });

  it('gets one answer for each message', async () => {
    const chat = api.group('Again');
    await home.addGroup(chat, 'again');
    await home.start();
    for (const n of [1, 2, 3]) {
      expect(await api.ask(chat, `@Nina number ${n}`)).toContain(`number ${n}`);
    }
    expect(repeater.repeated()).toBe(2); // each in front of the next, which is answered after it
    expect(api.answers(chat)).toHaveLength(3);
    expect(home.rows('SELECT DISTINCT disposition FROM messages WHERE is_bot_message = 0')).toEqual([
      { disposition: 'answered' },
    ]);
  });
});

interface Repeater {
  readonly url: string;
  /** Updates that were handed out a second time. */
  repeated(): number;
  close(): void;
}

/** Passes everything on to another server, but each answer to getUpdates brings the updates of the one before again. */
async function startRepeater(upstream: string): Promise<Repeater> {
  let before: unknown[] = [];
  let repeated = 0;

  async function pass(request: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const response = await fetch(`${upstream}${request.url}`, {
      method: 'POST',
      headers: { 'content-type': request.headers['content-type'] ?? 'application/json' },
      body: Buffer.concat(chunks),
    });
    const text = await response.text();
    if (!request.url?.endsWith('/getUpdates')) return text;
    const answer = JSON.parse(text) as { ok: boolean; result: unknown[] };
    if (!answer.ok || answer.result.length === 0) return text;
    const again = before;
    before = answer.result;
    repeated += again.length;
    return JSON.stringify({ ok: true, result: [...again, ...answer.result] });
  }

  const server = createServer((request, response) => {
    pass(request).then(
      (text) => response.end(text),
      () => response.destroy(),
    );
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    repeated: () => repeated,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
