/** How main begins, what strangers get, and main's own commands: real processes, and the details with a stepped clock. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CHAT_WRONG,
  CODE_LIVES_MS,
  LOCK_MS,
  MOST_WRONG,
  openPairing,
  tryPairing,
} from '../../src/pairing.ts';
import { MAIN_CHAT_ID } from '../../src/simulator/simulator.ts';
import { chatJid, iso } from '../../src/types.ts';
import { type BotApi, type Daemon, startBotApi, TestHome } from '../support/daemon.ts';
import { createWorld } from '../support/world.ts';

describe('a fresh NanoClaw', () => {
  let api: BotApi;
  let home: TestHome;
  let daemon: Daemon;

  beforeEach(async () => {
    api = await startBotApi();
    home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
    home.settings.HOME = home.dir;
    daemon = await home.start();
  });
  afterEach(async () => {
    await home.dispose();
    await api.close();
  });

  const stranger = (key: string) => {
    const { id } = api.sim.world.person(key).user;
    if (!api.sim.world.findChat(id)) api.sim.addChat({ id, type: 'private', members: [key] });
    return id;
  };
  /** Says it and waits until the daemon has taken it. */
  const say = async (chat: number, from: string, text: string) => {
    const taken = api.sim.next('update-confirmed', undefined, AbortSignal.timeout(10_000));
    api.sim.say({ chat, from, text });
    await taken;
  };

  it('is paired by the code that the operator prints, once', async () => {
    expect(await api.ask(MAIN_CHAT_ID, '/start')).toContain('Nobody has set me up yet');
    const printed = await home.nanoclaw('pair');
    const line = /\/pair \S+/.exec(printed.stdout)?.[0] ?? '';
    expect(line).toMatch(/^\/pair [2-9A-Z]{4}-[2-9A-Z]{4}$/);
    // It is nowhere but on that terminal.
    const code = line.slice(6);
    expect(JSON.stringify(home.rows('SELECT * FROM pairing'))).not.toContain(code);
    expect(home.read('nanoclaw.log')).not.toContain(code);

    expect(await api.ask(MAIN_CHAT_ID, '/pair AAAA-AAAA')).toContain('not valid');
    expect(await api.ask(MAIN_CHAT_ID, line.toLowerCase().replace('-', ' '))).toContain('main group now');
    expect(home.row('SELECT chat_jid, folder, is_main, requires_trigger FROM registered_groups')).toEqual({
      chat_jid: String(MAIN_CHAT_ID),
      folder: 'main',
      is_main: 1,
      requires_trigger: 0,
    });
    expect(JSON.parse(home.read('data/registered_groups.json'))).toHaveProperty(String(MAIN_CHAT_ID));
    expect(await api.ask(MAIN_CHAT_ID, 'ping')).toBe('pong');
    expect(await api.ask(MAIN_CHAT_ID, line)).toBe('There is a main group already.');

    const again = await home.nanoclaw('pair');
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('there is a main group already');
    const audit = await home.nanoclaw('audit', '--json');
    const entries = JSON.parse(audit.stdout) as { actor: string; action: string; outcome: string }[];
    expect(entries.map((e) => `${e.actor} ${e.action} ${e.outcome}`)).toEqual([
      'operator open_pairing done',
      `telegram:${MAIN_CHAT_ID} pair refused`,
      `telegram:${MAIN_CHAT_ID} pair done`,
      `telegram:${MAIN_CHAT_ID} register_group done`,
    ]);
    expect(audit.stdout).not.toContain(code);
  });

  it('locks a chat that guesses, also over a restart', async () => {
    const { stdout } = await home.nanoclaw('pair', '--json');
    const { code } = JSON.parse(stdout) as { code: string };
    const anna = stranger('anna');
    for (let i = 1; i <= CHAT_WRONG; i += 1) await say(anna, 'anna', `/pair WRONG-${i}`);
    await daemon.kill('SIGKILL');
    daemon = await home.start();
    await say(anna, 'anna', `/pair ${code}`);
    expect(home.rows('SELECT * FROM registered_groups')).toEqual([]);
    expect(await api.ask(MAIN_CHAT_ID, `/pair ${code}`)).toContain('main group now');
  });

  it('tells a stranger once, ever, and stays silent in groups', async () => {
    home.registerAll([{ chatJid: String(MAIN_CHAT_ID), name: 'Main', folder: 'main', isMain: true }]);
    const anna = stranger('anna');
    const crowd = api.group('Crowd', 'anna', 'ben');
    await say(crowd, 'anna', '@Nina hello?');
    await say(crowd, 'anna', '/pair AAAA-AAAA');
    await say(anna, 'anna', 'hello?');
    await say(anna, 'anna', 'anybody there?');
    await daemon.kill('SIGTERM');
    daemon = await home.start();
    await say(anna, 'anna', '/pair AAAA-AAAA');
    await say(anna, 'anna', '/status');
    await say(crowd, 'ben', '/chatid');
    await api.until(() => api.answers(crowd).length > 0, 'the chat id');
    expect(await api.ask(MAIN_CHAT_ID, 'ping')).toBe('pong');
    expect(api.answers(anna)).toEqual([
      'Hello, I am Nina. I work for a few chats only, and this is none of them, so I cannot help you. What you write here is not kept.',
    ]);
    expect(api.answers(crowd)).toEqual([String(crowd)]);
    expect(JSON.stringify(home.rows('SELECT * FROM inbox'))).not.toContain('hello?');
    // A group of strangers cannot have the daemon write without end.
    for (let i = 0; i < 6; i += 1) await say(crowd, 'ben', '/chatid');
    expect(await api.ask(MAIN_CHAT_ID, 'ping')).toBe('pong');
    expect(api.answers(crowd).length).toBeLessThanOrEqual(3);
  });

  it('is administered from main; elsewhere the same commands are refused and noted', async () => {
    home.registerAll([{ chatJid: String(MAIN_CHAT_ID), name: 'Main', folder: 'main', isMain: true }]);
    const garden = api.group('The garden', 'you', 'anna');
    await say(garden, 'anna', 'hello');
    expect(await api.ask(MAIN_CHAT_ID, '/groups')).toContain(
      `– The garden (${garden}, group), not registered`,
    );
    expect(await api.ask(MAIN_CHAT_ID, `/register ${garden} garden`)).toBe(
      'Registered "The garden" with folder garden, trigger @Nina.',
    );
    expect(await api.ask(garden, '@Nina ping')).toBe('pong');
    expect(await api.ask(garden, '/unregister garden')).toBe('/unregister works in the main group only.');
    expect(await api.ask(MAIN_CHAT_ID, '/register nowhere garden')).toContain(
      'That did not work: chat: expected',
    );
    expect(await api.ask(MAIN_CHAT_ID, '/unregister main')).toContain('cannot be unregistered');
    expect(await api.ask(MAIN_CHAT_ID, '/unregister garden')).toBe(
      'Unregistered "The garden". Its folder garden stays.',
    );
    const audit = await api.ask(MAIN_CHAT_ID, '/audit garden');
    expect(audit.split('\n').map((line) => line.replace(/^\S+ \S+ \S+ /, ''))).toEqual([
      `telegram:${MAIN_CHAT_ID} [garden] unregister_group done: ${garden}`,
      `telegram:${MAIN_CHAT_ID} [garden] chat_command refused: /unregister is for the main group`,
      `telegram:${MAIN_CHAT_ID} [garden] register_group done: ${garden}`,
    ]);
    expect(await api.ask(MAIN_CHAT_ID, '/audit nowhere')).toBe('Nothing is noted for "nowhere".');
    const usage = await home.nanoclaw('audit', '--since', 'yesterday');
    expect([usage.code, usage.stderr]).toEqual([2, expect.stringContaining('--since: expected')]);
    expect(
      (await home.nanoclaw('audit', '--group', 'garden', '--since', '1h', '--limit', '1')).stdout,
    ).toContain('unregister_group');
  });
});

describe('a pairing code', () => {
  const START = Date.parse('2026-11-02T08:00:00Z');
  const chat = (n: number) => chatJid(1000 + n);
  function createHarness() {
    const { db, register } = createWorld();
    const seen = (n: number) =>
      db.groups.chatSeen(
        { chatJid: chat(n), name: `Chat ${n}`, type: 'private', username: null, isForum: false },
        iso(START),
      );
    const guess = (n: number, code: string, afterMs = 0) => {
      seen(n);
      return db.transaction(() => tryPairing(db, chat(n), String(n), code, START + afterMs));
    };
    return { db, register, guess };
  }

  it('is good for ten minutes and one use', () => {
    const { db, guess } = createHarness();
    const first = openPairing(db, START).code;
    const second = openPairing(db, START).code;
    expect(guess(1, first)).toBe('wrong'); // replaced
    expect(guess(2, second, CODE_LIVES_MS)).toBe('wrong'); // too late
    expect(guess(3, second, CODE_LIVES_MS - 1)).toBe('right');
    expect(guess(4, second, CODE_LIVES_MS - 1)).toBe('wrong');
    expect(guess(5, '')).toBe('wrong');
  });

  it('is not compared any more for a chat that guessed too often, until an hour has passed', () => {
    const { db, guess } = createHarness();
    const { code } = openPairing(db, START);
    const results = Array.from({ length: CHAT_WRONG + 1 }, () => guess(1, 'WRONG'));
    expect(results).toEqual([...Array<string>(CHAT_WRONG - 1).fill('wrong'), 'now_locked', 'locked']);
    expect(guess(1, code)).toBe('locked');
    expect(guess(1, openPairing(db, START).code)).toBe('locked');
    const later = openPairing(db, START + LOCK_MS).code;
    expect(guess(1, later, LOCK_MS)).toBe('right');
  });

  it('is void after too many wrong tries from many chats', () => {
    const { db, guess } = createHarness();
    const { code } = openPairing(db, START);
    for (let i = 0; i < MOST_WRONG; i += 1) expect(guess(i, 'WRONG')).toBe('wrong');
    expect(guess(100, code)).toBe('wrong');
    expect(db.pairing.current()).toBeNull();
    expect(db.audit.list({ limit: 100 })).toContainEqual(
      expect.objectContaining({ action: 'close_pairing', detail: `void after ${MOST_WRONG} wrong tries` }),
    );
    expect(guess(101, openPairing(db, START).code)).toBe('right');
  });

  it('is not even made while there is a main group', () => {
    const { db, register } = createHarness();
    register({ isMain: true, folder: 'main' });
    expect(() => openPairing(db, START)).toThrow('there is a main group already');
    expect(db.pairing.current()).toBeNull();
  });

  it('differs each time and has no letter that is easily mistaken', () => {
    const { db } = createHarness();
    const codes = Array.from({ length: 200 }, () => openPairing(db, START).code);
    expect(new Set(codes).size).toBe(200);
    expect(codes.join('')).not.toMatch(/[01OIL]/);
  });
});
