/**
 * Approving an MCP server over a SIGKILL: real daemons and agents. Main is asked once, a press that was taken counts once and one
 * that was not is taken by the next daemon; nothing is ever approved without one.
 */
import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { MAIN_CHAT_ID } from '../../src/simulator/simulator.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';

const LONG_MS = 60_000;

let api: BotApi;
let home: TestHome;
let family: number;

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  home.settings.HOME = home.dir;
  family = api.group('Family');
  home.registerAll([
    { chatJid: String(MAIN_CHAT_ID), name: 'Main', folder: 'main', isMain: true },
    { chatJid: String(family), name: 'Family', folder: 'family', requiresTrigger: false },
  ]);
  const servers = { weather: { command: 'npx', args: ['weather'] } };
  writeFileSync(home.file('groups/family/mcp.json'), JSON.stringify({ mcpServers: servers }));
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

const isOnceAtMost = (times: number) => times <= 1;
const isPong = (text: string) => /(^|↻ ?)pong$/.test(text);
const asked = () => api.answers(MAIN_CHAT_ID).filter((text) => text.includes('"weather": {'));
const decided = () => home.rows<{ state: string }>('SELECT state FROM mcp_servers').map(({ state }) => state);
const isOver = () =>
  home.until(
    () =>
      home.row(
        "SELECT 1 FROM outbox WHERE state NOT IN ('sent', 'failed') UNION ALL SELECT 1 FROM turns WHERE state IN ('queued', 'running')",
      ) === undefined,
    'everything to be settled',
    LONG_MS,
  );

it.each(['turn.queued', 'turn.staged', 'turn.running', 'turn.settled', 'send.begun'])(
  'killed at %s, main is asked all the same, and not about the same once more',
  async (step) => {
    const daemon = home.spawn({ FAILPOINTS: `${step}=kill` });
    api.sim.say({ chat: family, from: 'anna', text: 'ping' });
    expect(await daemon.exited).toMatchObject({ signal: 'SIGKILL' });
    await home.start();
    await api.until(() => api.answers(family).some(isPong), 'the answer', LONG_MS);
    await api.until(() => asked().length > 0, 'the question', LONG_MS);
    await isOver();
    // A send whose result nobody knows is repeated once, and bears a mark.
    const marked = asked().filter((text) => text.startsWith('↻')).length;
    expect([marked, asked().length - marked]).toEqual([
      expect.toSatisfy(isOnceAtMost),
      expect.toSatisfy(isOnceAtMost),
    ]);
    expect(home.rows("SELECT 1 FROM questions WHERE kind = 'mcp'")).toHaveLength(1);
    expect(decided()).toEqual([]);
  },
  3 * LONG_MS,
);

it.each([
  ['updates.received', 'Approve', 'approved'],
  ['updates.stored', 'Approve', 'approved'],
  ['updates.stored', 'Refuse', 'refused'],
])(
  'killed at %s of a press on %s, it is %s once',
  async (step, label, state) => {
    const first = await home.start();
    api.sim.say({ chat: family, from: 'anna', text: 'ping' });
    await api.until(() => asked().length > 0, 'the question', LONG_MS);
    await isOver();
    await first.kill('SIGKILL');
    const killed = home.spawn({ FAILPOINTS: `${step}=kill` });
    await killed.logged('ready');
    api.press(MAIN_CHAT_ID, label);
    expect(await killed.exited).toMatchObject({ signal: 'SIGKILL' });
    await home.start();
    await home.until(() => decided().length > 0, 'the decision', LONG_MS);
    await isOver();
    expect(decided()).toEqual([state]);
    expect(home.rows("SELECT 1 FROM audit_log WHERE action = 'mcp_server'")).toHaveLength(1);
    api.sim.say({ chat: family, from: 'anna', text: 'ping' });
    await api.until(() => api.answers(family).filter(isPong).length === 2, 'the answer', LONG_MS);
    await isOver();
    expect(asked()).toHaveLength(0);
  },
  3 * LONG_MS,
);
