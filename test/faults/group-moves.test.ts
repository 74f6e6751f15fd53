/**
 * SIGKILL while a group becomes a supergroup: in the batch that brings the news, in the turn that goes on meanwhile, around
 * the replies that meet it. The next daemon brings all to its end in the new chat: nothing lost, nothing doubled unmarked.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { REPEAT_MARK } from '../../src/format.ts';
import { MAIN_CHAT_ID } from '../../src/simulator/simulator.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';

let api: BotApi;
let home: TestHome;
let chat: number;

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  chat = api.group('Family');
  home.registerAll([
    { chatJid: String(MAIN_CHAT_ID), name: 'Main', folder: 'main', isMain: true },
    { chatJid: String(chat), name: 'Family', folder: 'family', requiresTrigger: false },
  ]);
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

const OPEN = `SELECT 1 FROM messages WHERE disposition IS NULL
  UNION ALL SELECT 1 FROM turns WHERE state IN ('queued', 'running')
  UNION ALL SELECT 1 FROM outbox WHERE state NOT IN ('sent', 'failed')`;
const running = () => home.row("SELECT 1 FROM turns WHERE state = 'running'");

it.each([
  ['as the news comes', 'updates.received=kill@2', ''],
  ['as it is stored', 'updates.stored=kill@2', ''],
  ['when the agent goes on', 'event.read=kill@3', ''],
  ['when its turn ends', 'turn.settled=kill', ''],
  ['as the answer is sent', 'send.begun=kill', ''],
  ['as the answer has gone out, and again', 'send.answered=kill', 'send.answered=kill'],
])(
  'killed %s',
  async (_, first, second) => {
    const daemon = home.spawn({ FAILPOINTS: first });
    api.sim.say({ chat, from: 'you', text: 'slow 0.5' });
    await home.until(running, 'the turn', 15_000, daemon.exited);
    api.sim.say({ chat, from: 'anna', text: 'before-the-move' });
    const { id } = api.sim.migrateChat(chat);
    api.sim.say({ chat: id, from: 'anna', text: 'after-the-move' });
    expect(await daemon.exited).toMatchObject({ signal: 'SIGKILL' });
    if (second !== '')
      expect(await home.spawn({ FAILPOINTS: second }).exited).toMatchObject({ signal: 'SIGKILL' });
    const last = await home.start();

    const words = ['That took 0.5', 'before-the-move', 'after-the-move'];
    const said = () => [...api.answers(chat), ...api.answers(id)];
    await api.until(() => words.every((word) => said().join().includes(word)), 'the three answers');
    await home.until(() => home.row(OPEN) === undefined, 'everything to be settled');
    for (const word of words) {
      const times = said().filter((text) => text.includes(word));
      const unmarked = times.filter((text) => !text.startsWith(REPEAT_MARK));
      expect([unmarked.length, times.length - unmarked.length]).toEqual([
        expect.toSatisfy((n: number) => n <= 1),
        expect.toSatisfy((n: number) => n <= 1),
      ]);
    }
    const stored = home.rows<{ content: string; disposition: string }>(
      "SELECT content, disposition FROM messages WHERE is_bot_message = 0 AND disposition <> 'service' AND chat_jid = ?",
      String(id),
    );
    expect(Object.fromEntries(stored.map((row) => [row.content, row.disposition]))).toEqual({
      'slow 0.5': 'answered',
      'before-the-move': 'answered',
      'after-the-move': 'answered',
    });
    expect(home.rows("SELECT chat_jid, former_jid FROM registered_groups WHERE folder = 'family'")).toEqual([
      { chat_jid: String(id), former_jid: String(chat) },
    ]);
    const errors = last
      .log()
      .filter(({ level, event }) => level === 'error' && event !== 'send_unknown_twice');
    expect(errors).toEqual([]);
  },
  60_000,
);

it('the old id goes on to mean the group: for the operator, and for main’s agent', async () => {
  await home.start();
  expect(await api.ask(chat, 'before')).toContain('before');
  const { id } = api.sim.migrateChat(chat);
  expect(await api.ask(id, 'after')).toContain('after');
  const messages = await home.nanoclaw('messages', String(chat));
  expect(messages.stdout).toMatch(/1 \(before\).*before[\s\S]*after/);
  expect((await home.nanoclaw('why', String(chat), '1')).stdout).toContain('Meant for Nina');
  expect((await home.nanoclaw('groups', 'set', String(chat), '--name', 'Kin')).stdout).toContain(
    `"Kin" (${id})`,
  );
  expect(await api.ask(MAIN_CHAT_ID, `register ${chat} as again`)).toContain('registered already');
  expect(await api.ask(MAIN_CHAT_ID, `unregister ${chat}`)).toContain('Unregistered "Kin"');
}, 40_000);
