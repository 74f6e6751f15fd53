/** What Telegram offers behind "/": to main all commands, to other groups those for everyone, to strangers none. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';

const EVERYONE = [
  'help',
  'status',
  'tasks',
  'why',
  'stop',
  'new',
  'context',
  'team',
  'ask',
  'skills',
  'mcp',
  'usage',
  'forget',
  'ping',
  'chatid',
];
const MAIN = [
  ...EVERYONE,
  ...[
    'groups',
    'register',
    'unregister',
    'pause',
    'resume',
    'cancel',
    'run',
    'retry',
    'audit',
    'model',
    'allowance',
  ],
];

let api: BotApi;
let home: TestHome;
let main: number;
let family: number;

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  main = api.group('Main', 'you');
  family = api.group('Family', 'you', 'anna');
  home.registerAll([
    { chatJid: String(main), name: 'Main', folder: 'main', isMain: true },
    { chatJid: String(family), name: 'Family', folder: 'family' },
  ]);
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

/** As Telegram tells it to whoever asks for the bot. */
async function menu(chat?: number): Promise<string[]> {
  const scope = chat === undefined ? { type: 'default' } : { type: 'chat', chat_id: chat };
  const answer = await fetch(`${api.url}/bot${api.sim.token}/getMyCommands`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ scope }),
  });
  const { result } = (await answer.json()) as { result: { command: string }[] };
  return result.map(({ command }) => command);
}
const asked = () => api.sim.ledger.filter(({ method }) => /MyCommands$/.test(method) && !/^get/.test(method));
const remembered = (scope: number | string) =>
  home.until(
    () => home.row('SELECT 1 FROM command_menus WHERE scope = ?', String(scope)),
    `the menu of ${scope} to be noted`,
  );

describe('menus', () => {
  it('are set per chat when the daemon starts, and not again when it starts again', async () => {
    const daemon = await home.start();
    for (const scope of ['default', main, `${main} de`, family, `${family} de`]) await remembered(scope);
    expect([await menu(), await menu(main), await menu(family)]).toEqual([[], MAIN, EVERYONE]);
    // A group's menu for each language, and that of strangers.
    expect(asked()).toHaveLength(5);
    await daemon.kill('SIGTERM');
    await home.start();
    expect(await api.ask(family, '/ping')).toBe('pong');
    expect(asked()).toHaveLength(5);
  });

  it('follow the registrations', async () => {
    await home.start();
    await remembered(family);
    const garden = api.group('Garden', 'you');
    await home.addGroup(garden, 'garden');
    await remembered(garden);
    expect(await menu(garden)).toEqual(EVERYONE);
    expect(await api.ask(main, '/unregister family')).toContain('Unregistered');
    const isGone = () =>
      home.row('SELECT 1 FROM command_menus WHERE scope = ?', String(family)) === undefined;
    await home.until(isGone, 'the menu to be taken away');
    expect(await menu(family)).toEqual([]);
  });

  it('hold up nothing and are set in the end when Telegram will not have it at first', async () => {
    api.sim.faults.failNext('deleteMyCommands', { status: 429, retryAfter: 1 }, 2);
    api.sim.removeBotFromChat(family, 'you');
    await home.start();
    api.sim.say({ chat: main, from: 'you', text: '/ping' });
    await api.until(() => api.answers(main).includes('pong'), 'the pong');
    await remembered(main);
    expect(await menu(main)).toEqual(MAIN);
    // The chat that refuses is left alone.
    await api.until(
      () => asked().some(({ chatId, outcome }) => !outcome.ok && chatId === undefined),
      'a refusal',
    );
    expect(home.row('SELECT 1 FROM command_menus WHERE scope = ?', String(family))).toBeUndefined();
  });
});
