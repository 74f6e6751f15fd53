/** The bot is added to chats and removed from them: main is asked and told, a bounded number of times. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BotApi, type Daemon, startBotApi, TestHome } from '../support/daemon.ts';

let api: BotApi;
let home: TestHome;
let daemon: Daemon;
let main: number;

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  main = api.group('Main', 'you');
  home.registerAll([{ chatJid: String(main), name: 'Main', folder: 'main', isMain: true }]);
  daemon = await home.start();
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

let chats = 0;
/** A group of Anna's that the bot is not in yet. */
const strange = (title: string): number => {
  chats += 1;
  const id = -7_000_000_000 - chats;
  return api.sim.addChat({ id, type: 'group', title, members: ['anna', 'you'], botStatus: 'left' }).id;
};
const asked = (count: number) =>
  api.until(
    () => api.answers(main).length === count && api.answers(main).at(-1),
    `${count} messages in main`,
  );
const shows = (text: string) => api.until(() => api.answers(main).at(-1) === text, `"${text}"`);

describe('a new group', () => {
  it('is offered to main, registered by a button, also after a restart, and answered', async () => {
    const garden = strange('The Garden\n& Friends');
    api.sim.addBotToChat(garden, 'anna');
    expect(await asked(1)).toBe(
      'Anna added me to “The Garden & Friends”. Register it with folder the-garden-friends, so that I answer there?',
    );
    await home.until(
      () => home.row("SELECT 1 FROM outbox WHERE state <> 'sent'") === undefined,
      'it to be noted',
    );
    await daemon.kill('SIGKILL');
    daemon = await home.start();
    api.press(main, 'Register as the-garden-friends');
    await shows('Registered "The Garden & Friends" with folder the-garden-friends, trigger @Nina.');
    expect(await api.ask(garden, '@Nina ping')).toBe('pong');
  });

  it('is left alone on "Not now", and is not asked about again on the same day', async () => {
    const garden = strange('Garden');
    api.sim.addBotToChat(garden, 'anna');
    await asked(1);
    api.press(main, 'Not now');
    await shows('Nothing was changed.');
    api.sim.removeBotFromChat(garden, 'anna');
    api.sim.addBotToChat(garden, 'anna');
    expect(await api.ask(main, '/ping')).toBe('pong');
    expect(api.answers(main)).toHaveLength(2);
    expect(home.rows('SELECT * FROM registered_groups')).toHaveLength(1);
  });

  it('that has removed the bot meanwhile is not registered', async () => {
    const garden = strange('Garden');
    api.sim.addBotToChat(garden, 'anna');
    await asked(1);
    api.sim.removeBotFromChat(garden, 'anna');
    await home.until(
      () => home.row("SELECT 1 FROM chats WHERE bot_status = 'kicked'"),
      'the removal to be known',
    );
    api.press(main, 'Register as garden');
    await shows('That did not work: I am not in “Garden” any more.');
    expect(home.rows('SELECT * FROM registered_groups')).toHaveLength(1);
  });

  it('after many others of the same hour is not asked about, and that is said once, also over a restart', async () => {
    for (let n = 1; n <= 4; n += 1) api.sim.addBotToChat(strange(`Crowd ${n}`), 'anna');
    await asked(4);
    await home.until(
      () => home.row("SELECT 1 FROM outbox WHERE state <> 'sent'") === undefined,
      'it to be noted',
    );
    await daemon.kill('SIGKILL');
    daemon = await home.start();
    for (let n = 5; n <= 12; n += 1) api.sim.addBotToChat(strange(`Crowd ${n}`), 'anna');
    await home.until(
      () => home.rows('SELECT 1 FROM chats WHERE name LIKE ?', 'Crowd %').length === 12,
      'all',
    );
    expect(await api.ask(main, '/ping')).toBeDefined();
    await api.until(() => api.answers(main).at(-1) === 'pong', 'the pong');
    const told = api.answers(main);
    expect(told.filter((text) => text.startsWith('Anna added me'))).toHaveLength(5);
    expect(told.slice(5)).toEqual([
      expect.stringMatching(/^I was added to “Crowd 6” as well, and to more than 5/),
      'pong',
    ]);
  }, 40_000);
});

describe('a registered group', () => {
  it('that removes the bot is told to main once, and when the bot is back', async () => {
    const family = api.group('Family', 'you', 'anna');
    await home.addGroup(family, 'family');
    api.sim.removeBotFromChat(family, 'anna');
    expect(await asked(1)).toBe(
      'Anna removed me from “Family”: I neither hear nor answer anybody there. It stays registered; /unregister ends that.',
    );
    api.sim.addBotToChat(family, 'anna');
    expect(await asked(2)).toBe('Anna added me to “Family” again.');
    // Only whether it is there counts.
    api.sim.addBotToChat(family, 'anna', 'administrator');
    expect(await api.ask(family, '@Nina ping')).toBe('pong');
    expect(api.answers(main)).toHaveLength(2);
  });
});
