/**
 * Who may ask: sender rules with real people in the simulator and a real daemon, and, by updates as Telegram sends
 * them, those who speak in the name of a chat.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAdmins, FRESH_MS, TRUSTED_MS } from '../../src/router/admins.ts';
import { MAIN_CHAT_ID } from '../../src/simulator/simulator.ts';
import { NetworkError } from '../../src/telegram/api.ts';
import type { ChatJid } from '../../src/types.ts';
import { type BotApi, type Daemon, startBotApi, TestHome } from '../support/daemon.ts';
import {
  BOT,
  commandText,
  createTestLog,
  createWorld,
  editUpdate,
  FAMILY,
  messageUpdate,
  outboxRows,
  peopleOf,
  routerOf,
  rulesOf,
  type Said,
} from '../support/world.ts';

describe('with a real daemon', () => {
  let api: BotApi;
  let home: TestHome;
  let daemon: Daemon;
  let chat: number;

  beforeEach(async () => {
    api = await startBotApi();
    home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
    home.settings.HOME = home.dir;
    chat = api.group('Family', 'you', 'anna', 'ben');
    home.registerAll([
      { chatJid: String(MAIN_CHAT_ID), name: 'Main', folder: 'main', isMain: true },
      { chatJid: String(chat), name: 'Family', folder: 'family' },
    ]);
    daemon = await home.start();
  });
  afterEach(async () => {
    await home.dispose();
    await api.close();
  });

  const rulesFile = () => home.file('.config/nanoclaw/sender-allowlist.json');
  const set = async (...args: string[]) => {
    const { code, stderr } = await home.nanoclaw('groups', 'set', 'family', ...args);
    expect(stderr).toBe('');
    expect(code).toBe(0);
  };
  const fate = (text: string) =>
    home.until(
      () =>
        home.row<{ disposition: string; reason: string | null }>(
          'SELECT disposition, reason FROM messages WHERE content = ? AND disposition IS NOT NULL',
          text,
        ),
      `the fate of "${text}"`,
    );
  const seenInPrompts = () => api.answers(chat).join('\n');

  it('listed people are answered; the others are dropped, or context, and /why tells', async () => {
    const ben = api.sim.world.person('ben').user.id;
    await set(
      '--senders',
      'listed',
      '--sender',
      String(api.sim.world.person('you').user.id),
      '--others',
      'drop',
    );
    const dropped = api.sim.say({ chat, from: 'ben', text: '@Nina ping one' });
    expect(await fate('@Nina ping one')).toEqual({
      disposition: 'not_allowed',
      reason: 'the sender is not one of those who may ask here',
    });
    expect(await api.ask(chat, '@Nina ping')).toBe('pong');

    await set('--others', 'context');
    api.sim.say({ chat, from: 'ben', text: '@Nina ping two' });
    expect(await fate('@Nina ping two')).toMatchObject({ disposition: 'not_for_nina' });
    api.sim.say({ chat, from: 'ben', text: '/stop' });
    await fate('/stop');
    expect(await api.ask(chat, '@Nina ping')).toBe('pong');
    expect(api.answers(chat)).toEqual(['pong', 'pong']);
    // What was context went into a turn, what was dropped never.
    expect(
      home.rows('SELECT content FROM messages WHERE sender = ? AND turn_id IS NOT NULL', String(ben)),
    ).toEqual([{ content: '@Nina ping two' }, { content: '/stop' }]);
    expect(seenInPrompts()).not.toContain('one');

    api.sim.say({ chat, from: 'you', text: '/why', replyTo: dropped.message_id });
    await api.until(() => api.answers(chat).length === 3, 'the explanation');
    expect(api.answers(chat)[2]).toContain(
      'Not allowed: the sender is not one of those who may ask here. Nina does not see it.',
    );
    expect(home.rows("SELECT actor, detail FROM audit_log WHERE action = 'chat_command'")).toEqual([
      { actor: `telegram:${ben}`, detail: '/stop: the sender is not one of those who may ask here' },
    ]);
  });

  it('/status tells main what is wrong, and the others nothing of the host or of one another', async () => {
    mkdirSync(path.dirname(rulesFile()), { recursive: true });
    writeFileSync(rulesFile(), JSON.stringify({ chats: { secretproject: { allow: '*' } } }));
    const main = await api.ask(MAIN_CHAT_ID, '/status');
    expect(main).toContain('the rules name no registered group: secretproject');
    const family = await api.ask(chat, '/status');
    expect(family).toMatch(/^Up for .+\.\nAll is well\.\nHere: Nothing is going on\.$/);
  });

  it('administrators are asked for at Telegram, and a change there counts', async () => {
    await set('--senders', 'admins', '--others', 'drop');
    api.sim.addBotToChat(chat, 'you', 'administrator');
    expect(await api.ask(chat, '@Nina ping')).toBe('pong'); // you made the group
    api.sim.say({ chat, from: 'anna', text: '@Nina ping from Anna' });
    expect(await fate('@Nina ping from Anna')).toMatchObject({
      disposition: 'not_allowed',
      reason: 'the sender is not an administrator of the chat',
    });
    const asked = () => api.sim.ledger.filter((call) => call.method === 'getChatAdministrators').length;
    expect(asked()).toBe(1);
    api.sim.setAdmin(chat, 'anna', true, 'you');
    api.sim.say({ chat, from: 'anna', text: '@Nina ping again' });
    expect(await fate('@Nina ping again')).toMatchObject({ disposition: 'answered' });
    api.sim.setAdmin(chat, 'anna', false, 'you');
    api.sim.say({ chat, from: 'anna', text: '@Nina ping at last' });
    expect(await fate('@Nina ping at last')).toMatchObject({ disposition: 'not_allowed' });
    // A private chat has no administrators but its person.
    await home.nanoclaw('groups', 'set', 'main', '--senders', 'admins');
    expect(await api.ask(MAIN_CHAT_ID, 'ping')).toBe('pong');
  });

  it('a malformed file admits nobody, main is told once, status tells, and mending it is enough', async () => {
    mkdirSync(path.dirname(rulesFile()), { recursive: true });
    writeFileSync(rulesFile(), '{ "default": ');
    api.sim.say({ chat, from: 'you', text: '@Nina ping 1' });
    api.sim.say({ chat: MAIN_CHAT_ID, from: 'you', text: 'ping 2' });
    for (const text of ['@Nina ping 1', 'ping 2']) {
      expect(await fate(text)).toMatchObject({
        disposition: 'not_allowed',
        reason: expect.stringContaining('malformed') as string,
      });
    }
    await api.until(() => api.answers(MAIN_CHAT_ID).length === 1, 'the note to main');
    expect(api.answers(MAIN_CHAT_ID)[0]).toMatch(/is not valid JSON.*nobody is admitted in any group/s);
    expect(daemon.log().filter((line) => line.event === 'problem')).toHaveLength(1);
    const status = JSON.parse((await home.nanoclaw('status', '--json')).stdout) as Record<string, unknown>;
    expect(status.senders).toMatchObject({ problem: expect.stringContaining('is not valid JSON') as string });
    expect((await home.nanoclaw('groups', 'list')).stdout).toContain('NOBODY (rules malformed)');
    const refused = await home.nanoclaw('groups', 'set', 'family', '--senders', 'everyone');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('Nothing was changed');

    // A restart does not repeat it.
    await daemon.kill('SIGTERM');
    daemon = await home.start();
    api.sim.say({ chat, from: 'you', text: '@Nina ping 3' });
    expect(await fate('@Nina ping 3')).toMatchObject({ disposition: 'not_allowed' });
    rmSync(rulesFile());
    expect(await api.ask(chat, '@Nina ping')).toBe('pong');
    await api.until(() => api.answers(MAIN_CHAT_ID).length === 2, 'the second note to main');
    expect(api.answers(MAIN_CHAT_ID)[1]).toBe('The sender rules are sound again and in force.');
    expect(home.rows("SELECT outcome FROM audit_log WHERE action = 'sender_rules' ORDER BY id")).toEqual([
      { outcome: 'failed' },
      { outcome: 'done' },
    ]);
  });
});

describe('those who are not simply people', () => {
  function createHarness(rules: object) {
    const world = createWorld();
    world.register();
    writeFileSync(path.join(world.home, 'sender-allowlist.json'), JSON.stringify(rules));
    const { log, events } = createTestLog();
    const answers: (string[] | Error)[] = [];
    let asked = 0;
    const admins = createAdmins({
      ...world,
      log,
      rules: rulesOf(world.home),
      telegram: {
        administrators: async () => {
          asked += 1;
          const answer = answers.at(-1) ?? [];
          if (answer instanceof Error) throw answer;
          return answer;
        },
      },
    });
    const router = routerOf(world, { log, ...peopleOf(world, admins) });
    let ids = 0;
    const say = async (said: Said) => {
      ids += 1;
      const update = messageUpdate(ids, said);
      await admins.prepare([update]);
      router.accept(BOT, [update], ids + 1);
      return fateOf(ids);
    };
    const fateOf = (id: number) => {
      const known = world.db.messages.byMessageId(String(FAMILY) as ChatJid, id);
      return known?.disposition ?? (known?.forNina ? 'for Nina' : 'not stored');
    };
    return { ...world, router, admins, say, fateOf, answers, events, asked: () => asked };
  }
  const GROUP_ANONYMOUS_BOT = { id: 1087968824, is_bot: true, first_name: 'Group' };
  const CHANNEL_BOT = { id: 136817688, is_bot: true, first_name: 'Channel' };
  const anonymousAdmin = {
    from: GROUP_ANONYMOUS_BOT,
    sender_chat: { id: FAMILY, type: 'supergroup', title: 'Family' },
  };
  const asChannel = { from: CHANNEL_BOT, sender_chat: { id: -100_777, type: 'channel', title: 'News' } };
  const text = '@Nina hello';

  it('an anonymous administrator is one; a channel is not, nor is another bot', async () => {
    const { say } = createHarness({ default: { allow: 'admins', mode: 'drop' } });
    expect(await say({ text, more: anonymousAdmin })).toBe('for Nina');
    expect(await say({ text, more: asChannel })).toBe('not_allowed');
    expect(await say({ text, more: { from: { id: 7, is_bot: true, first_name: 'Bot' } } })).toBe(
      'not_allowed',
    );
    expect(await say({ text })).toBe('not_allowed'); // Anna, of whom Telegram says that she is none
  });

  it('a list admits the group itself or a channel by its id', async () => {
    const { say } = createHarness({ default: { allow: ['-100777'], mode: 'drop' } });
    expect(await say({ text, more: asChannel })).toBe('for Nina');
    expect(await say({ text, more: anonymousAdmin })).toBe('not_allowed');
    const group = createHarness({ default: { allow: [FAMILY], mode: 'drop' } });
    expect(await group.say({ text, more: anonymousAdmin })).toBe('for Nina');
  });

  it('a bot is never admitted, not even by everyone or by its id', async () => {
    const { say } = createHarness({ default: { allow: ['7'] } });
    expect(await say({ text, more: { from: { id: 7, is_bot: true, first_name: 'Bot' } } })).toBe(
      'not_allowed',
    );
  });

  it('a post in a channel is nobody’s question', async () => {
    const { router, db } = createHarness({});
    const post = { message_id: 5, date: 1, chat: { id: FAMILY, type: 'channel', title: 'News' }, text };
    router.accept(BOT, [{ update_id: 50, channel_post: post } as never], 51);
    expect(db.sqlite.prepare('SELECT count(*) FROM messages').pluck().get()).toBe(0);
  });

  it('an edit gets nobody in: neither what was dropped nor what was context becomes a question', async () => {
    for (const mode of ['drop', 'context']) {
      const { say, router, fateOf } = createHarness({ default: { allow: ['1'], mode } });
      const before = await say({ text: 'hello' });
      router.accept(BOT, [editUpdate(60, { messageId: 1, text })], 61);
      expect(fateOf(1)).toBe(before);
    }
  });

  it('a command of somebody who is not admitted does nothing and says nothing', async () => {
    const { say, db } = createHarness({ default: { allow: ['1'], mode: 'context' } });
    expect(await say(commandText('/new'))).toBe('not_for_nina');
    expect(await say(commandText('/status'))).toBe('not_for_nina');
    expect(outboxRows(db)).toEqual([]);
  });

  it('a rule stays with a group that becomes a supergroup, also one by its old chat id', async () => {
    const { router, fateOf, db } = createHarness({ chats: { [FAMILY]: { allow: ['1'], mode: 'drop' } } });
    router.accept(BOT, [messageUpdate(1, { more: { migrate_to_chat_id: -1_009_999 } })], 2);
    router.accept(BOT, [messageUpdate(2, { chat: -1_009_999, text })], 3);
    expect(fateOf(2)).toBe('not stored');
    expect(db.messages.byMessageId('-1009999' as ChatJid, 2)).toMatchObject({ disposition: 'not_allowed' });
  });

  it('administrators are asked for rarely, and the last answer outlives an outage for an hour', async () => {
    const { say, answers, clock, asked, events } = createHarness({
      default: { allow: 'admins', mode: 'drop' },
    });
    answers.push(['1001']);
    for (let i = 0; i < 5; i += 1) expect(await say({ text })).toBe('for Nina');
    expect(asked()).toBe(1);
    await clock.advance(FRESH_MS);
    answers.push(new NetworkError('away', 'no'));
    expect(await say({ text })).toBe('for Nina');
    expect(await say({ text })).toBe('for Nina');
    expect(asked()).toBe(2); // not again at once
    await clock.advance(TRUSTED_MS);
    expect(await say({ text })).toBe('not_allowed');
    expect(events('administrators_unknown').length).toBeGreaterThan(1);
    answers.push(['1001']);
    await clock.advance(30_000);
    expect(await say({ text })).toBe('for Nina');
    answers.push(['2002']);
    await clock.advance(FRESH_MS);
    expect(await say({ text })).toBe('not_allowed');
  });

  it('a change that could not be looked up admits none of the former administrators', async () => {
    const { say, admins, answers } = createHarness({ default: { allow: 'admins', mode: 'drop' } });
    answers.push(['1001']);
    expect(await say({ text })).toBe('for Nina');
    answers.push(new NetworkError('away', 'no'));
    await admins.prepare([{ update_id: 90, chat_member: { chat: { id: FAMILY } } } as never]);
    expect(await say({ text })).toBe('not_allowed');
  });
});
