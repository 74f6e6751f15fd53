/**
 * A message that shows how a turn goes, with real daemons and a strict Bot API server: its button, and a daemon that dies at
 * each step of its life. The answer arrives as without it, and no message about progress is left.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Step } from '../../src/lib/failpoint.ts';
import type { SimEvents, SimMessage } from '../../src/simulator/simulator.ts';
import { type BotApi, type Daemon, startBotApi, TestHome } from '../support/daemon.ts';

let api: BotApi;
let home: TestHome;
let daemon: Daemon;
let group: number;
let told: SimEvents['callback-answered'][];

beforeEach(async () => {
  api = await startBotApi({ strictLimits: true });
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process', PROGRESS_AFTER: '1000' });
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
const shown = () => ofBot().filter(({ text }) => text?.startsWith('Working for'));
const isShown = () => api.until(() => shown()[0], 'a message about progress');
const press = async (message: SimMessage, from = 'anna') => {
  const data = message.reply_markup?.inline_keyboard[0]?.[0]?.callback_data ?? '';
  const id = api.sim.pressButton({ chat: group, messageId: message.message_id, from, data });
  await api.until(() => told.some((each) => each.id === id), 'an answer to the press');
  return told.find((each) => each.id === id)?.text;
};
const noneIsLeft = () =>
  home.until(() => home.row('SELECT 1 FROM progress_messages') === undefined, 'no message about progress');
const stateOfTurns = () =>
  home.rows<{ state: string }>('SELECT state FROM turns ORDER BY seq').map(({ state }) => state);

describe('the stop button', () => {
  it('ends its turn, tells the chat, and takes the message away; it makes no sound', async () => {
    daemon = await home.start();
    api.sim.say({ chat: group, from: 'you', text: '@Nina slow 60' });
    const message = await isShown();
    const call = api.sim.ledger.find((each) => each.messageId === message.message_id);
    expect(call?.params).toMatchObject({ disable_notification: true });
    expect(await press(message)).toBe('');
    await api.until(() => ofBot().some(({ text }) => text === 'Stopped.'), 'word of the stop');
    await noneIsLeft();
    expect(ofBot().map(({ text }) => text)).toEqual(['Stopped.']);
    expect(stateOfTurns()).toEqual(['stopped']);
    expect(home.row('SELECT stopped_by FROM turns')).toMatchObject({
      stopped_by: expect.stringMatching(/^by telegram:\d+$/),
    });
  });

  it('of an earlier turn says that it is over, stops nothing, and the message goes', async () => {
    daemon = await home.start();
    api.sim.say({ chat: group, from: 'you', text: '@Nina slow 2' });
    const message = await isShown();
    await api.until(() => ofBot().some(({ text }) => text?.startsWith('That took')), 'the answer');
    await noneIsLeft();
    expect(shown()).toEqual([]);
    api.sim.say({ chat: group, from: 'you', text: '@Nina slow 60' });
    await isShown();
    // As a program shows it that has not heard of its end.
    api.sim.world.chat(group).messages.set(message.message_id, message);
    expect(await press(message)).toBe('That is over already.');
    await api.until(() => !api.sim.world.chat(group).messages.has(message.message_id), 'the message to go');
    expect(stateOfTurns()).toEqual(['done', 'running']);
    expect(shown()).toHaveLength(1);
  });

  it('is for those who may ask', async () => {
    daemon = await home.start();
    const { code } = await home.nanoclaw('groups', 'set', 'family', '--senders', 'admins');
    expect(code).toBe(0);
    api.sim.say({ chat: group, from: 'you', text: '@Nina slow 60' });
    expect(await press(await isShown(), 'ben')).toBe('You may not stop this.');
    expect(stateOfTurns()).toEqual(['running']);
  });
});

describe('a draft', () => {
  it('in a private chat has Telegram’s own stop button, which ends its turn and no later one', async () => {
    const main = api.sim.world.chat('main');
    home.registerAll([{ chatJid: String(main.id), name: 'Me', folder: 'me', requiresTrigger: false }]);
    const drafts: SimEvents['draft'][] = [];
    api.sim.on('draft', (event) => drafts.push(event));
    daemon = await home.start();
    api.sim.say({ chat: main.id, from: 'you', text: 'slow 60' });
    await api.until(() => drafts.some(({ text }) => /left/.test(text)), 'a draft');
    const [draft] = drafts;
    expect(draft).toMatchObject({ chatId: main.id, canStop: true });
    const stop = () =>
      api.sim.updates.push('stopped_message_generation', {
        chat: api.sim.world.chatRef(main),
        draft_id: draft?.draftId,
      });
    stop();
    await api.until(() => api.answers(main.id).at(-1) === 'Stopped.', 'word of the stop');
    await home.until(() => stateOfTurns().at(-1) === 'stopped', 'its end');
    api.sim.say({ chat: main.id, from: 'you', text: 'slow 60' });
    await home.until(() => stateOfTurns().at(-1) === 'running', 'the next turn');
    stop();
    expect(await api.ask(main.id, '/ping')).toBe('pong');
    expect(stateOfTurns()).toEqual(['stopped', 'running']);
    expect(home.rows('SELECT * FROM progress_messages')).toEqual([]);
  });
});

describe('SIGKILL', () => {
  const STEPS: readonly Step[] = [
    'progress.begun',
    'progress.answered',
    'progress.noted',
    'progress.removing',
    'progress.removed',
  ];

  it.each(STEPS)(
    'at %s',
    async (step) => {
      daemon = home.spawn({ FAILPOINTS: `${step}=kill` });
      api.sim.say({ chat: group, from: 'you', text: '@Nina slow 3' });
      expect((await daemon.exited).signal).toBe('SIGKILL');
      const before = shown();
      daemon = await home.start();
      await api.until(() => ofBot().some(({ text }) => text?.includes('That took 3 seconds.')), 'the answer');
      await noneIsLeft();
      expect(ofBot().filter(({ text }) => text?.includes('That took'))).toHaveLength(1);
      if (step !== 'progress.answered') return expect(shown()).toEqual([]);
      // Nobody knows its id; whoever presses it takes it away.
      expect(shown().map(({ message_id }) => message_id)).toEqual(before.map(({ message_id }) => message_id));
      const [stray] = before;
      if (stray) expect(await press(stray)).toBe('That is over already.');
      await api.until(() => shown().length === 0, 'the stray message to go');
    },
    60_000,
  );
});
