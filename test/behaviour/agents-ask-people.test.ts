/**
 * An agent asks people with buttons: real daemons, real agents without a model, a strict Bot API server. In time or later, over
 * restarts, and with a daemon that dies at each step on the way; the states one by one are in asked-questions.test.ts.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { REPEAT_MARK } from '../../src/format.ts';
import type { SimEvents, SimMessage } from '../../src/simulator/simulator.ts';
import { type BotApi, type Daemon, startBotApi, TestHome } from '../support/daemon.ts';

const LIMIT_MS = 20_000;
const QUESTION = 'Pizza or pasta?';

let api: BotApi;
let home: TestHome;
let daemon: Daemon;
let group: number;
let told: SimEvents['callback-answered'][];

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  home.settings.HOME = home.dir;
  group = api.group('Family', 'you', 'anna', 'ben');
  home.registerAll([{ chatJid: String(group), name: 'Family', folder: 'family' }]);
  told = [];
  api.sim.on('callback-answered', (event) => told.push(event));
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

const ofBot = (): SimMessage[] =>
  [...api.sim.world.chat(group).messages.values()].filter((message) => message.from.is_bot);
const dataOf = (message: SimMessage | undefined, choice: number): string =>
  message?.reply_markup?.inline_keyboard[choice]?.[0]?.callback_data ?? '';
/** The message that asks, with its buttons. */
const asked = () =>
  api.until(() => ofBot().find((m) => m.text?.includes(QUESTION) && dataOf(m, 0) !== ''), 'the question');
const press = async (message: SimMessage, choice: number, from = 'anna') => {
  const data = dataOf(message, choice);
  const id = api.sim.pressButton({ chat: group, messageId: message.message_id, from, data });
  await api.until(() => told.some((each) => each.id === id), 'an answer to the press', LIMIT_MS);
  return told.find((each) => each.id === id)?.text;
};
const ask = (seconds: number) =>
  void api.sim.say({
    chat: group,
    from: 'you',
    text: `@Nina ask us for ${seconds} seconds: ${QUESTION} Pizza, Pasta`,
  });
const shows = (text: string) => api.until(() => ofBot().some((m) => m.text === text), `"${text}"`, LIMIT_MS);
const OPEN = `SELECT 1 FROM messages WHERE disposition IS NULL
  UNION ALL SELECT 1 FROM turns WHERE state IN ('queued', 'running')
  UNION ALL SELECT 1 FROM outbox WHERE state NOT IN ('sent', 'failed')
  UNION ALL SELECT 1 FROM ipc_commands WHERE outcome = 'waiting'
  UNION ALL SELECT 1 FROM agent_questions WHERE settled_as IS NULL OR owed = 1 OR wait_until IS NOT NULL`;
const allSettled = () => home.until(() => home.row(OPEN) === undefined, 'everything to be settled', LIMIT_MS);
const question = () =>
  home.row<{ settled_as: string | null; wait_until: string | null }>(
    'SELECT settled_as, wait_until FROM agent_questions',
  );
const CHOSEN = /Choice 2 of 2 was chosen: "Pasta"\. By Anna/;

describe('an answer', () => {
  it('in time is the agent’s in the same turn, and the message then says who chose what', async () => {
    daemon = await home.start();
    ask(60);
    const message = await asked();
    expect(message.reply_markup?.inline_keyboard.flat().map(({ text }) => text)).toEqual(['Pizza', 'Pasta']);
    expect(await press(message, 1)).toBe('');
    await api.until(() => ofBot().some(({ text }) => CHOSEN.test(text ?? '')), 'the agent’s words');
    await shows(`${QUESTION}\n\n✓ Anna chose: Pasta`);
    await allSettled();
    expect(ofBot().flatMap((m) => m.reply_markup?.inline_keyboard ?? [])).toEqual([]);
    expect(home.rows('SELECT state FROM turns')).toEqual([{ state: 'done' }]);
    const edited = 'SELECT edited_content FROM messages WHERE edited_content IS NOT NULL';
    expect(home.rows(edited)).toEqual([{ edited_content: `${QUESTION}\n\n✓ Anna chose: Pasta` }]);
  });

  it('after the turn begins the next one, also when the daemon was another meanwhile', async () => {
    daemon = await home.start();
    ask(0);
    const message = await asked();
    await api.until(() => ofBot().some(({ text }) => text?.includes('not waited for')), 'the agent’s words');
    await home.until(() => home.row("SELECT 1 FROM turns WHERE state <> 'done'") === undefined, 'its end');
    await daemon.kill('SIGTERM');
    const pressed = press(message, 1);
    daemon = await home.start();
    expect(await pressed).toBe('');
    await shows(`${QUESTION}\n\n✓ Anna chose: Pasta`);
    await allSettled();
    expect(home.rows('SELECT kind, state FROM turns ORDER BY seq')).toEqual([
      { kind: 'messages', state: 'done' },
      { kind: 'messages', state: 'done' },
    ]);
    expect(home.rows('SELECT content, disposition, trigger_kind FROM messages WHERE message_id < 0')).toEqual(
      [{ content: 'Chosen: Pasta', disposition: 'answered', trigger_kind: 'answer' }],
    );
  });

  it('is taken from those who may ask', async () => {
    daemon = await home.start();
    expect((await home.nanoclaw('groups', 'set', 'family', '--senders', 'admins')).code).toBe(0);
    ask(60);
    const message = await asked();
    expect(await press(message, 0, 'ben')).toBe('You may not decide this.');
    expect(question()).toMatchObject({ settled_as: null });
    expect(await press(message, 1, 'you')).toBe('');
    await shows(`${QUESTION}\n\n✓ You chose: Pasta`);
    await allSettled();
    expect((await home.nanoclaw('audit', '--json')).stdout).toContain('ask_user');
  });

  it('is not waited for any more when somebody stops the turn, and still counts', async () => {
    daemon = await home.start();
    ask(600);
    const message = await asked();
    api.sim.say({ chat: group, from: 'you', text: '/stop' });
    await api.until(() => ofBot().some(({ text }) => text === 'Stopped.'), 'word of the stop', LIMIT_MS);
    await home.until(() => question()?.wait_until === null, 'the end of the wait');
    expect(await press(message, 1)).toBe('');
    await allSettled();
    expect(home.rows('SELECT state FROM turns ORDER BY seq')).toEqual([
      { state: 'stopped' },
      { state: 'done' },
    ]);
  });
});

describe('SIGKILL', () => {
  /** Before the press; a turn of this runtime begins again with the next daemon. */
  it.each([
    ['as the question is asked', 'command.done=kill'],
    ['as its file is taken', 'command.read=kill'],
    ['before it is sent', 'send.begun=kill'],
    ['after it was sent', 'send.answered=kill'],
    ['when it stands', 'send.noted=kill'],
  ])(
    '%s: it is asked once, and answered',
    async (_, failpoint) => {
      daemon = home.spawn({ FAILPOINTS: failpoint });
      ask(60);
      expect((await daemon.exited).signal).toBe('SIGKILL');
      daemon = await home.start();
      // A send with an unknown result is repeated, marked.
      const marked = /^send\.(begun|answered)/.test(failpoint);
      const message = await api.until(
        () => ofBot().find((m) => dataOf(m, 0) !== '' && m.text?.startsWith(REPEAT_MARK) === marked),
        'the question',
        LIMIT_MS,
      );
      await home.until(() => (question()?.wait_until ?? null) !== null, 'an agent that waits');
      expect(await press(message, 1)).toBe('');
      await api.until(
        () => ofBot().some(({ text }) => CHOSEN.test(text ?? '')),
        'the agent’s words',
        LIMIT_MS,
      );
      await allSettled();
      expect(home.rows('SELECT 1 FROM agent_questions')).toHaveLength(1);
      expect(home.rows("SELECT 1 FROM messages WHERE trigger_kind = 'answer'")).toEqual([]);
    },
    60_000,
  );

  it.each([
    ['as the press comes', 'updates.received=kill@2'],
    ['as it is stored', 'updates.stored=kill@2'],
    ['before the result is written', 'question.settled=kill'],
    ['after it was', 'question.told=kill'],
  ])(
    '%s: it counts once, and the agent hears of it',
    async (_, failpoint) => {
      daemon = home.spawn({ FAILPOINTS: failpoint });
      ask(60);
      const message = await asked();
      const pressed = press(message, 1);
      expect((await daemon.exited).signal).toBe('SIGKILL');
      daemon = await home.start();
      expect(await pressed).toBe('');
      await api.until(
        () => ofBot().some(({ text }) => CHOSEN.test(text ?? '') || text?.includes('somebody has chosen')),
        'the agent’s words',
        LIMIT_MS,
      );
      await shows(`${QUESTION}\n\n✓ Anna chose: Pasta`);
      await allSettled();
      expect(home.rows('SELECT 1 FROM agent_questions')).toHaveLength(1);
      expect(home.rows("SELECT 1 FROM messages WHERE trigger_kind = 'answer'").length).toBeLessThanOrEqual(1);
      expect(ofBot().filter((m) => m.text?.includes(`${QUESTION}\n`))).toHaveLength(1);
    },
    60_000,
  );
});
