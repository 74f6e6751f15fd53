/**
 * Main's commands by buttons: real daemons against the simulator. What is pressed is done once, whatever restarts or dies in
 * between, and the message then says what was decided.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databaseFile } from '../../src/db/open.ts';
import { createDb } from '../../src/db.ts';
import type { SimEvents } from '../../src/simulator/simulator.ts';
import { scheduleTask } from '../../src/tasks.ts';
import { type BotApi, type Daemon, startBotApi, TestHome } from '../support/daemon.ts';

let api: BotApi;
let home: TestHome;
let daemon: Daemon;
let main: number;
let told: SimEvents['callback-answered'][];

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  home.settings.HOME = home.dir;
  main = api.group('Main', 'you', 'anna', 'ben');
  home.registerAll([{ chatJid: String(main), name: 'Main', folder: 'main', isMain: true }]);
  told = [];
  api.sim.on('callback-answered', (event) => told.push(event));
  daemon = await home.start();
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

const last = () =>
  [...(api.sim.world.chats.get(main)?.messages.values() ?? [])].filter((m) => m.from.is_bot).at(-1);
const labels = () =>
  last()
    ?.reply_markup?.inline_keyboard.flat()
    .map(({ text }) => text) ?? [];
const shows = (text: string | RegExp) =>
  api.until(
    () => (typeof text === 'string' ? last()?.text === text : text.test(last()?.text ?? '')),
    `"${text}", not "${last()?.text}"`,
  );
/** Presses it and waits until the button has stopped waiting. */
const press = async (label: string, from?: string) => {
  const id = api.press(main, label, from);
  await api.until(() => told.some((each) => each.id === id), `the answer to the press of "${label}"`);
  return told.find((each) => each.id === id)?.text;
};
/** As the command line does, the daemon running. */
const addTask = (prompt: string): string => {
  const db = createDb(databaseFile(home.dir));
  try {
    const group = db.groups.main();
    if (!group) throw new Error('there is no main group');
    const rules = { db, now: Date.now, defaultTimezone: 'UTC' };
    return scheduleTask(rules, group, { prompt, scheduleType: 'cron', scheduleValue: '0 9 * * *' }, 'test')
      .id;
  } finally {
    db.close();
  }
};
const nothingToTell = () =>
  home.until(() => home.row('SELECT 1 FROM callback_answers') === undefined, 'no press to be open');
/** Once it has noted what it sent: else that is repeated. */
const kill = async () => {
  const open = "SELECT 1 FROM outbox WHERE state <> 'sent'";
  await home.until(() => home.row(open) === undefined, 'the outbox to be empty');
  await daemon.kill('SIGKILL');
};
const statusOf = (id: string) =>
  home.row<{ status: string }>('SELECT status FROM scheduled_tasks WHERE id = ?', id)?.status;

describe('a task', () => {
  it('is chosen by a button, and the message says what became of it', async () => {
    expect(await api.ask(main, '/pause')).toBe('There is no active task.');
    const id = addTask('look at the weather');
    expect(await api.ask(main, '/pause')).toBe('Which task shall be paused?');
    expect(labels()).toEqual([`${id} [main] cron 0 9 * * *: look at the weather`, 'Never mind']);
    expect(await press(id)).toBe('');
    await shows(`Task ${id} is paused.`);
    expect(labels()).toEqual([]);
    expect(statusOf(id)).toBe('paused');
    expect(await api.ask(main, '/audit')).toContain(`[main] pause_task done: ${id}`);
  });

  it('is cancelled only after it was asked once more; one can go back, and say no', async () => {
    const id = addTask('water the flowers');
    await api.ask(main, '/cancel');
    await press(id);
    await shows(/^Cancel this task\? It cannot be undone\.\n.*water the flowers$/);
    expect(labels()).toEqual(['Cancel the task', '‹ Back', 'Never mind']);
    await press('‹ Back');
    await shows('Which task shall be cancelled?');
    await press('Never mind');
    await shows('Nothing was changed.');
    expect(statusOf(id)).toBe('active');
    await api.ask(main, '/cancel');
    await press(id);
    await shows(/^Cancel this task/);
    await press('Cancel the task');
    await shows(`Task ${id} is cancelled.`);
    expect(statusOf(id)).toBe('cancelled');
  });

  it('is found on the page that it is on', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 10; n += 1) ids.push(addTask(`job ${n}`));
    await api.ask(main, '/run');
    await shows('Which task shall run now? (page 1 of 2)');
    expect(labels()).toHaveLength(10);
    await press('Further ›');
    await shows('Which task shall run now? (page 2 of 2)');
    expect(labels().at(-2)).toBe('‹ Before');
    const on = labels()[0]?.split(' ')[0] ?? '';
    expect(ids).toContain(on);
    await press(on);
    await shows(`Task ${on} runs as soon as its group has time.`);
  }, 60_000);
});

describe('a press', () => {
  it('works after a restart', async () => {
    const id = addTask('look at the weather');
    await api.ask(main, '/pause');
    await kill();
    daemon = await home.start();
    await press(id);
    await shows(`Task ${id} is paused.`);
  });

  it('counts once, however often and by whom it is pressed', async () => {
    const id = addTask('look at the weather');
    await api.ask(main, '/run');
    const [first, second, third] = [
      api.press(main, id),
      api.press(main, id, 'anna'),
      api.press(main, 'Never mind'),
    ];
    await api.until(() => told.length === 3, 'three answers');
    expect(told.map((each) => each.id).sort()).toEqual([first, second, third].sort());
    expect(told.filter(({ text }) => text.startsWith('That was decided already: Task'))).toHaveLength(2);
    await shows(`Task ${id} runs as soon as its group has time.`);
    expect(home.rows('SELECT * FROM task_runs WHERE task_id = ?', id)).toHaveLength(1);
  });

  it('that names what was shown before has no effect and is told so', async () => {
    const [one, other] = [addTask('one'), addTask('other')];
    await api.ask(main, '/cancel');
    const list = last();
    await press(one);
    await shows(/^Cancel this task/);
    const late = list?.reply_markup?.inline_keyboard
      .flat()
      .find((b) => b.text.startsWith(other))?.callback_data;
    const confirm = last()?.reply_markup?.inline_keyboard[0]?.[0]?.callback_data ?? '';
    // As a program does that still shows the old keyboard.
    if (list && last()) api.sim.world.chat(main).messages.set(list.message_id, { ...list });
    const id = api.sim.pressButton({
      chat: main,
      messageId: list?.message_id ?? 0,
      from: 'you',
      data: late ?? '',
    });
    await api.until(() => told.some((each) => each.id === id), 'the answer');
    expect(told.find((each) => each.id === id)).toMatchObject({
      text: 'That has changed meanwhile. Please look again.',
      showAlert: true,
    });
    await shows(/^Cancel this task/);
    expect(last()?.reply_markup?.inline_keyboard[0]?.[0]?.callback_data).toBe(confirm);
    expect([statusOf(one), statusOf(other)]).toEqual(['active', 'active']);
  });

  it('under a question of yesterday is outdated', async () => {
    const id = addTask('look at the weather');
    await api.ask(main, '/pause');
    await kill();
    home.write("UPDATE questions SET asked_at = '2026-01-01T00:00:00.000Z'");
    daemon = await home.start();
    expect(await press(id)).toBe('These buttons are outdated. Send the command again.');
    await shows(/Nobody decided for a day/);
    expect(labels()).toEqual([]);
    expect(statusOf(id)).toBe('active');
  });

  it('by somebody who may not ask here is refused by an alert and noted', async () => {
    const id = addTask('look at the weather');
    const { code } = await home.nanoclaw('groups', 'set', 'main', '--senders', 'admins');
    expect(code).toBe(0);
    await api.ask(main, '/pause');
    expect(await press(id, 'ben')).toBe('You may not decide this.');
    expect(told.at(-1)?.showAlert).toBe(true);
    expect(statusOf(id)).toBe('active');
    expect(labels()).toHaveLength(2);
    await press(id, 'you'); // who made the group
    await shows(`Task ${id} is paused.`);
    expect(await api.ask(main, '/audit')).toMatch(
      /chat_command refused: button of \/pause: the sender is not/,
    );
  });

  it('has its effect once when the daemon dies between effect and edit', async () => {
    const id = addTask('look at the weather');
    await api.ask(main, '/run');
    await kill();
    const dying = home.spawn({ FAILPOINTS: 'updates.stored=kill' });
    await dying.logged('ready');
    const pressed = api.press(main, id);
    expect((await dying.exited).signal).toBe('SIGKILL');
    expect(home.rows('SELECT * FROM task_runs WHERE task_id = ?', id)).toHaveLength(1);
    expect(last()?.text).toBe('Which task shall run now?');
    daemon = await home.start();
    await shows(`Task ${id} runs as soon as its group has time.`);
    await api.until(() => told.some((each) => each.id === pressed), 'the answer');
    expect(home.rows('SELECT * FROM task_runs WHERE task_id = ?', id)).toHaveLength(1);
    await nothingToTell();
  });

  it('whose edit and answer Telegram refuses is done all the same, and nobody is told of that', async () => {
    const id = addTask('look at the weather');
    await api.ask(main, '/pause');
    const before = api.answers(main).length;
    api.sim.faults.failNext('editMessageText', {
      status: 400,
      description: 'Bad Request: message to edit not found',
    });
    api.sim.faults.failNext('answerCallbackQuery', {
      status: 400,
      description: 'Bad Request: query is too old',
    });
    api.press(main, id);
    await home.until(() => statusOf(id) === 'paused', 'the task to be paused');
    expect(await api.ask(main, '/ping')).toBe('pong');
    expect(api.answers(main)).toHaveLength(before + 1);
    await nothingToTell();
  });

  it('is answered and its message changed in the end when Telegram asks to slow down', async () => {
    const id = addTask('look at the weather');
    await api.ask(main, '/pause');
    api.sim.faults.failNext('answerCallbackQuery', { status: 429, retryAfter: 1 });
    api.sim.faults.failNext('editMessageText', { status: 429, retryAfter: 1 });
    expect(await press(id)).toBe('');
    await shows(`Task ${id} is paused.`);
  });

  it('with words of nobody’s has no effect, in main and elsewhere', async () => {
    const other = api.group('Other', 'you', 'anna');
    const id = addTask('look at the weather');
    await api.ask(main, '/pause');
    const keyboard = last()?.reply_markup;
    if (!keyboard) throw new Error('no buttons');
    const data = keyboard.inline_keyboard[0]?.[0]?.callback_data ?? '';
    // The same words under a message of another chat, and others under this one.
    const elsewhere = api.sim.world.post(api.sim.world.chat(other), api.sim.world.bot, {
      text: 'x',
      reply_markup: keyboard,
    });
    const forged = ['', 'x.0.c', `${data}x`, data.replace(/c\..*$/, 'c.t000000'), data.replace('.c.', '.y.')];
    const chat = api.sim.world.chat(main);
    const ids = [api.sim.pressButton({ chat: other, messageId: elsewhere.message_id, from: 'anna', data })];
    for (const text of forged.slice(0, 2)) {
      const odd = api.sim.world.post(chat, api.sim.world.bot, {
        text: 'odd',
        reply_markup: { inline_keyboard: [[{ text: 'odd', callback_data: text }]] },
      });
      ids.push(api.sim.pressButton({ chat: main, messageId: odd.message_id, from: 'you', data: text }));
    }
    await api.until(() => ids.every((each) => told.some((answer) => answer.id === each)), 'all answers');
    expect(statusOf(id)).toBe('active');
    expect(told.map(({ text }) => text)).toEqual(
      Array(3).fill('These buttons are outdated. Send the command again.'),
    );
  });
});

describe('a group', () => {
  it('is unregistered after it was asked once more, and registered again with the same folder', async () => {
    const garden = api.group('The Garden', 'you', 'anna');
    await home.addGroup(garden, 'plants');
    expect(await api.ask(garden, '@Nina ping')).toBe('pong');
    await api.ask(main, '/unregister');
    await press('plants (plants)');
    await shows(/^Unregister “plants”\?/);
    await press('Unregister it');
    await shows('Unregistered "plants". Its folder plants stays.');
    await api.ask(main, '/register');
    await press('The Garden (group)');
    await shows(/^Register “The Garden” with folder plants\?/);
    await press('Register as plants');
    await shows('Registered "The Garden" with folder plants, trigger @Nina.');
    expect(await api.ask(garden, '@Nina ping')).toBe('pong');
  });

  it('gets a folder of its own from its title, never the files of another', async () => {
    const [one, other] = [api.group('The Garden', 'you'), api.group('The Garden', 'you', 'anna')];
    await home.addGroup(one, 'the-garden');
    await home.nanoclaw('groups', 'remove', 'the-garden');
    api.sim.say({ chat: other, from: 'anna', text: 'hello' });
    await home.until(
      () => home.row('SELECT 1 FROM chats WHERE chat_jid = ?', String(other)),
      'the chat to be known',
    );
    await api.ask(main, '/register');
    await press('The Garden (group)');
    await shows(/with folder the-garden-2\?/);
  });
});

describe('a press that a program has made up', () => {
  /** The message bears such a button for whoever makes it up. */
  const forge = async (data: string, messageId: number, from = 'you') => {
    const message = api.sim.world.chat(main).messages.get(messageId);
    if (!message) throw new Error('no such message');
    Object.assign(message, {
      reply_markup: { inline_keyboard: [[{ text: 'made up', callback_data: data }]] },
    });
    const id = api.sim.pressButton({ chat: main, from, messageId, data });
    await api.until(() => told.some((each) => each.id === id), 'the answer to the press');
    return told.find((each) => each.id === id)?.text;
  };
  const datas = (): string[] =>
    last()
      ?.reply_markup?.inline_keyboard.flat()
      .map((button) => button.callback_data ?? '') ?? [];

  it('with a real button’s words under another message of ours does nothing, and that message says what it said', async () => {
    const task = addTask('water the tomatoes');
    expect(await api.ask(main, '/ping')).toBe('pong');
    const pong = last()?.message_id ?? 0;
    await api.ask(main, '/cancel');
    const [choose = ''] = datas();
    expect(choose).toMatch(/\.0\.c\./);
    for (const made of [choose, choose.replace('.c.', '.y.'), choose.replace(/c\..*$/, 'n')])
      expect(await forge(made, pong)).toMatch(/outdated/);
    expect(home.rows('SELECT rev, answer FROM questions')).toEqual([{ rev: 0, answer: null }]);
    expect(statusOf(task)).toBe('active');

    // Under the question they work; what it shows then works nowhere else, while it is open and after.
    await press(labels()[0] ?? '');
    await shows(/^Cancel this task/);
    const [yes = ''] = datas();
    expect(await forge(yes, pong)).toMatch(/outdated/);
    expect(statusOf(task)).toBe('active');
    await press('Cancel the task');
    await home.until(() => statusOf(task) === 'cancelled', 'the task to be cancelled');
    expect(await forge(yes, pong)).toMatch(/outdated/);
    expect(api.sim.world.chat(main).messages.get(pong)?.text).toBe('pong');
  });
});
