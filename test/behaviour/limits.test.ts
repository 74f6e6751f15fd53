/** How much may be asked: per person and group a minute (refused), per group an hour (answered later). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTurnLimit } from '../../src/container-runner/turn-limit.ts';
import { type ChatJid, iso, turnId } from '../../src/types.ts';
import { explainMessage } from '../../src/why.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';
import {
  BOT,
  commandText,
  createWorld,
  editUpdate,
  FAMILY,
  messageRows,
  messageUpdate,
  outboxRows,
  peopleOf,
  routerOf,
  type Said,
  storeMessage,
} from '../support/world.ts';

const jid = String(FAMILY) as ChatJid;

describe('requests a minute', () => {
  function createHarness(most: { perSender: number; perGroup: number }, isMain = false) {
    const world = createWorld();
    world.register(isMain ? { isMain, folder: 'main', requiresTrigger: true } : {});
    let isFull = false;
    const inbox: typeof world.db.inbox = {
      ...world.db.inbox,
      setOffset(botId, offset) {
        if (isFull) throw new Error('the disk is full');
        world.db.inbox.setOffset(botId, offset);
      },
    };
    const router = routerOf(world, { db: { ...world.db, inbox }, ...peopleOf(world, undefined, most) });
    let ids = 0;
    const from = (id: number) => ({ from: { id, is_bot: false, first_name: `P${id}` } });
    const say = (sender: number, said: Said = {}) => {
      ids += 1;
      router.accept(BOT, [messageUpdate(ids, { text: '@Nina hi', ...said, more: from(sender) })], ids + 1);
      return fate(ids);
    };
    const fate = (id: number) =>
      messageRows(world.db, jid).find((row) => row.message_id === id)?.disposition ?? 'for Nina';
    const fill = (full: boolean) => {
      isFull = full;
    };
    return {
      ...world,
      router,
      say,
      fate,
      fill,
      from,
      told: () => outboxRows(world.db).map((row) => row.text),
    };
  }
  const times = (count: number, act: () => string) => Array.from({ length: count }, act);

  it('of one person are bounded, with one plain answer, and the others are not affected', async () => {
    const { say, told, clock, db } = createHarness({ perSender: 3, perGroup: 100 });
    expect(times(5, () => say(1))).toEqual([
      'for Nina',
      'for Nina',
      'for Nina',
      'not_allowed',
      'not_allowed',
    ]);
    expect(say(2)).toBe('for Nina');
    expect(told()).toEqual([
      'That was more than 3 requests within a minute from one person. I do not answer what is beyond it; please write again in a minute.',
    ]);
    expect(explainMessage(db, jid, 5, 'UTC').lines[1]).toBe(
      'Not allowed: more than 3 requests within a minute from one person. Nina does not see it.',
    );
    await clock.advance(60_000);
    expect(times(4, () => say(1))).toEqual(['for Nina', 'for Nina', 'for Nina', 'not_allowed']);
    expect(told()).toHaveLength(1);
    await clock.advance(10 * 60_000);
    times(4, () => say(1));
    expect(told()).toHaveLength(2);
  });

  it('of a group together are bounded', () => {
    const { say, told } = createHarness({ perSender: 100, perGroup: 4 });
    expect([1, 2, 3, 4, 5, 6].map((sender) => say(sender)).filter((f) => f === 'not_allowed')).toHaveLength(
      2,
    );
    expect(told()).toEqual([expect.stringContaining('more than 4 requests within a minute in this group')]);
  });

  it('count commands, too, but for /stop; talk among people is free', () => {
    const { say, told } = createHarness({ perSender: 1, perGroup: 100 });
    expect(times(5, () => say(1, { text: 'no question' }))).toEqual(Array(5).fill('not_for_nina'));
    expect(say(1, commandText('/ping'))).toBe('host_command');
    expect(say(1, commandText('/ping'))).toBe('not_allowed');
    expect(say(1)).toBe('not_allowed');
    expect(say(1, commandText('/stop'))).toBe('host_command');
    expect(told()).toHaveLength(3); // pong, the limit, and what /stop says
  });

  it('cannot be had by editing what was said', () => {
    const { say, router, fate, from } = createHarness({ perSender: 1, perGroup: 100 });
    for (let i = 0; i < 4; i += 1) say(1, { text: 'context' });
    for (let id = 1; id <= 4; id += 1)
      router.accept(BOT, [editUpdate(50 + id, { messageId: id, text: '@Nina now', more: from(1) })], 51 + id);
    expect([1, 2, 3, 4].map(fate)).toEqual(['for Nina', 'not_for_nina', 'not_for_nina', 'not_for_nina']);
  });

  it('are not counted twice when a batch could not be stored and comes again', () => {
    const { say, fill, router, told, fate, from } = createHarness({ perSender: 2, perGroup: 100 });
    fill(true);
    const batch = [1, 2, 3].map((id) => messageUpdate(id, { text: '@Nina hi', more: from(1) }));
    for (let i = 0; i < 5; i += 1) expect(() => router.accept(BOT, batch, 4)).toThrow('the disk is full');
    fill(false);
    router.accept(BOT, batch, 4);
    expect([1, 2, 3].map(fate)).toEqual(['for Nina', 'for Nina', 'not_allowed']);
    expect(told()).toHaveLength(1);
    expect(say).toBeTypeOf('function');
  });

  it('have no bound in main, nor where the setting is 0', () => {
    const main = createHarness({ perSender: 1, perGroup: 1 }, true);
    expect(times(20, () => main.say(1))).not.toContain('not_allowed');
    const free = createHarness({ perSender: 0, perGroup: 0 });
    expect(times(200, () => free.say(1))).not.toContain('not_allowed');
  });
});

describe('turns an hour', () => {
  const HOUR = 3_600_000;
  function createHarness(turnsPerHour: number) {
    const world = createWorld();
    const group = world.register();
    const said: string[] = [];
    const limit = createTurnLimit({
      db: world.db,
      turnsPerHour,
      timezoneOf: () => 'UTC',
      record: (reply) => said.push(reply.text),
      wakeDelivery: () => {},
    });
    let turns = 0;
    const begin = (
      more: { kind?: 'task' | 'messages'; attempt?: number; state?: 'done' | 'retried' } = {},
    ) => {
      turns += 1;
      const id = turnId(`00000000-0000-4000-8000-${String(turns).padStart(12, '0')}`);
      const at = iso(world.clock.now());
      const none = { threadId: null, fromSeq: null, toSeq: null, omitted: 0, sessionId: null, messages: [] };
      const { kind = 'messages', attempt = 1, state = 'done' } = more;
      world.db.turns.claim({ id, chatJid: jid, folder: group.folder, kind, attempt, at, ...none });
      world.db.turns.finish(id, state, at, null, null);
    };
    const waitMs = () => {
      const last = world.db.turns.latestIn(jid, null);
      return limit.waitMs(group, world.clock.now(), last?.state === 'retried' ? last : null);
    };
    return { ...world, group, limit, said, begin, waitMs };
  }

  it('make the next one wait until the first of them is an hour old; tasks and repeats do not count', async () => {
    const { begin, waitMs, clock } = createHarness(2);
    expect(waitMs()).toBe(0);
    begin();
    for (let i = 0; i < 5; i += 1) begin({ kind: 'task' });
    for (let i = 2; i < 5; i += 1) begin({ attempt: i });
    expect(waitMs()).toBe(0);
    await clock.advance(HOUR / 2);
    begin();
    expect(waitMs()).toBe(HOUR / 2);
    clock.jump(-2 * HOUR);
    expect(waitMs()).toBe(0);
    clock.jump(2 * HOUR);
    await clock.advance(HOUR / 2);
    expect(waitMs()).toBe(0);
  });

  it('never hold up the repeat of one that failed', () => {
    const { begin, waitMs } = createHarness(1);
    begin();
    expect(waitMs()).toBe(HOUR);
    begin({ attempt: 2, state: 'retried' });
    expect(waitMs()).toBe(0);
  });

  it('are told once each time they bite, also over a restart', () => {
    const { limit, group, said, clock, db } = createHarness(1);
    storeMessage(db, jid, 1);
    limit.tell(group, clock.now(), HOUR / 2, null);
    limit.tell(group, clock.now(), HOUR / 2 - 1000, null);
    expect(said).toEqual([
      'I have had 1 turn here within an hour, which is the limit. I go on at 08:30 and answer then what was written until then.',
    ]);
    limit.tell(group, clock.now() + HOUR, HOUR / 2, null);
    expect(said).toHaveLength(2);
    // Who asks in another topic has not heard it.
    limit.tell(group, clock.now() + HOUR, HOUR / 2, 7);
    limit.tell(group, clock.now() + HOUR, HOUR / 2, 7);
    expect(said).toHaveLength(3);
  });

  it('have no bound in main, nor with 0', () => {
    const { begin, limit, group, clock } = createHarness(1);
    begin();
    expect(limit.waitMs({ ...group, isMain: true }, clock.now(), null)).toBe(0);
    const free = createHarness(0);
    for (let i = 0; i < 5; i += 1) free.begin();
    expect(free.waitMs()).toBe(0);
  });

  describe('with a real daemon', () => {
    let api: BotApi;
    let home: TestHome;
    beforeEach(async () => {
      api = await startBotApi();
      home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process', GROUP_TURNS_PER_HOUR: '2' });
      home.settings.HOME = home.dir;
    });
    afterEach(async () => {
      await home.dispose();
      await api.close();
    });

    it('messages beyond it wait, are told of once, and are explained; nothing is lost', async () => {
      const chat = api.group('Family');
      home.registerAll([{ chatJid: String(chat), name: 'Family', folder: 'family' }]);
      const daemon = await home.start();
      expect(await api.ask(chat, '@Nina ping')).toBe('pong');
      expect(await api.ask(chat, '@Nina ping')).toBe('pong');
      expect(await api.ask(chat, '@Nina third')).toMatch(/^I have had 2 turns here within an hour/);
      const fourth = api.sim.say({ chat, from: 'anna', text: '@Nina fourth' });
      await home.until(
        () => home.row("SELECT 1 FROM messages WHERE content = '@Nina fourth'"),
        'it is stored',
      );
      await daemon.kill('SIGTERM');
      await home.start();
      api.sim.say({ chat, from: 'you', text: '/why', replyTo: fourth.message_id });
      await api.until(() => api.answers(chat).length === 4, 'the explanation');
      expect(api.answers(chat)[3]).toMatch(
        /it waits for its turn.*has had its turns of this hour; it goes on/s,
      );
      expect(api.answers(chat).filter((text) => text.startsWith('I have had'))).toHaveLength(1);
      // An hour later, as far as the database tells.
      await home.killAll();
      home.write("UPDATE turns SET queued_at = '2020-01-01T00:00:00.000Z'");
      await home.start();
      await api.until(() => api.answers(chat).length === 5, 'the answer');
      expect(
        home.rows(
          "SELECT DISTINCT disposition FROM messages WHERE content LIKE '@Nina %' AND is_bot_message = 0",
        ),
      ).toEqual([{ disposition: 'answered' }]);
    });
  });
});
