/** Groups that come, move and go while the daemon runs, also in the middle of a turn. Real processes. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAIN_CHAT_ID } from '../../src/simulator/simulator.ts';
import { type BotApi, type Daemon, startBotApi, TestHome } from '../support/daemon.ts';

let api: BotApi;
let home: TestHome;
let daemon: Daemon;
let chat: number;

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  chat = api.group('Family');
  home.registerAll([
    { chatJid: String(MAIN_CHAT_ID), name: 'Main', folder: 'main', isMain: true },
    { chatJid: String(chat), name: 'Family', folder: 'family', requiresTrigger: false },
  ]);
  daemon = await home.start();
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

const dispositions = () =>
  Object.fromEntries(
    home
      .rows<{ content: string; disposition: string | null }>(
        'SELECT content, disposition FROM messages WHERE is_bot_message = 0',
      )
      .map(({ content, disposition }) => [content, disposition]),
  );

/** A turn of Family that takes a while, and has begun. */
async function beginTurn(): Promise<void> {
  api.sim.say({ chat, from: 'you', text: 'slow 0.8' });
  await home.until(() => home.row("SELECT 1 FROM turns WHERE state = 'running'"), 'the turn to run');
}

describe('main', () => {
  it('registers a group by its agent, which is answered from then on; others may not', async () => {
    const garden = api.group('Garden');
    expect(await api.ask(MAIN_CHAT_ID, `register ${garden} as garden named The garden`)).toBe(
      'Registered "The garden" with folder garden, trigger @Nina.',
    );
    expect(JSON.parse(home.read('data/registered_groups.json'))).toMatchObject({
      [garden]: { name: 'The garden', folder: 'garden' },
    });
    expect(await api.ask(garden, '@Nina ping')).toBe('pong');
    expect(await api.ask(chat, 'register -77 as other')).toMatch(/^Only the main group may/);
    expect(home.rows('SELECT folder FROM registered_groups')).toHaveLength(3);
    expect(
      home.rows("SELECT actor, outcome FROM audit_log WHERE action = 'register_group' AND actor <> 'test'"),
    ).toEqual([{ actor: 'agent:main', outcome: 'done' }]);
  });

  it('finds the chats that the bot has seen in its mailbox, fresh at each turn', async () => {
    const stranger = api.group('Strangers');
    const confirmed = api.sim.next('update-confirmed', undefined, AbortSignal.timeout(10_000));
    api.sim.say({ chat: stranger, from: 'you', text: 'never to be stored' });
    await confirmed;
    await api.ask(MAIN_CHAT_ID, 'ping');
    const snapshot = JSON.parse(home.read('data/ipc/main/in/available_groups.json')) as { chats: unknown[] };
    expect(snapshot.chats).toContainEqual(
      expect.objectContaining({
        chat_jid: String(stranger),
        name: 'Strangers',
        registered: false,
        folder: null,
      }),
    );
  });
});

describe('a group that is removed in the middle of a turn', () => {
  it('gets the answer that was being made, and what waited is settled as unregistered', async () => {
    await beginTurn();
    api.sim.say({ chat, from: 'anna', text: 'and this?' });
    await home.until(() => 'and this?' in dispositions(), 'the follow-up to be stored');
    expect((await home.nanoclaw('groups', 'remove', 'family')).code).toBe(0);
    await api.until(() => api.answers(chat).length > 0, 'the answer');
    await home.until(() => dispositions()['slow 0.8'] === 'answered', 'the turn to be settled');
    expect(dispositions()).toEqual({ 'slow 0.8': 'answered', 'and this?': 'unregistered' });

    api.sim.say({ chat, from: 'you', text: 'anybody?' });
    expect(await api.ask(MAIN_CHAT_ID, 'ping')).toBe('pong');
    expect(api.answers(chat)).toEqual(['That took 0.8 seconds.']);
    expect(dispositions()).not.toHaveProperty('anybody?');
    expect(daemon.log().filter((line) => line.level === 'error')).toEqual([]);
  });
});

describe('a group that becomes a supergroup in the middle of a turn', () => {
  it('is answered in the new chat: the turn, what waited, and what comes after', async () => {
    await beginTurn();
    api.sim.say({ chat, from: 'anna', text: 'and this?' });
    const { id } = api.sim.migrateChat(chat);
    api.sim.say({ chat: id, from: 'anna', text: 'and that?' });
    await api.until(() => api.answers(id).join().includes('and that?'), 'the answers');
    const said = api.answers(id).join('\n');
    expect(said.match(/That took 0\.8 seconds|and this\?|and that\?/g)).toEqual([
      'That took 0.8 seconds',
      'and this?',
      'and that?',
    ]);
    expect(api.answers(chat)).toEqual([]);
    expect(home.rows('SELECT chat_jid FROM registered_groups WHERE is_main = 0')).toEqual([
      { chat_jid: String(id) },
    ]);
    expect(Object.keys(JSON.parse(home.read('data/registered_groups.json')))).toContain(String(id));
  });
});
