/** Delivery against a Telegram that answers what the test says, on a stepped clock. */
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Db } from '../../src/db.ts';
import { createDelivery, type Delivery } from '../../src/router/delivery.ts';
import { createPacing } from '../../src/router/pacing.ts';
import { type ChatJid, chatJid, iso } from '../../src/types.ts';
import {
  createScriptedTelegram,
  offline,
  refusal,
  type ScriptedTelegram,
  timeout,
  tooMany,
} from '../support/scripted-telegram.ts';
import { BOT, createTestLog, createWorld, FAMILY, outboxRows, type World } from '../support/world.ts';

const jid = chatJid(FAMILY);

interface Harness extends World {
  telegram: ScriptedTelegram;
  delivery: Delivery;
  faults: { settle: boolean; refuse: boolean };
  events: ReturnType<typeof createTestLog>['events'];
  /** Puts a reply into the outbox and wakes delivery. */
  reply(text: string, more?: Partial<Parameters<Db['outbox']['add']>[0]>): void;
  /** A delivery as the next daemon would have it. */
  restart(): Delivery;
}

function createHarness(): Harness {
  const world = createWorld();
  const { log, events } = createTestLog();
  const telegram = createScriptedTelegram(() => world.clock.monotonic());
  const faults = { settle: false, refuse: false };
  const outbox: Db['outbox'] = {
    ...world.db.outbox,
    markSent(...given) {
      if (faults.settle) throw new Error('database or disk is full');
      world.db.outbox.markSent(...given);
    },
    markUncertain(...given) {
      if (faults.refuse) throw new Error('database or disk is full');
      world.db.outbox.markUncertain(...given);
    },
  };
  const create = () =>
    createDelivery({
      db: { ...world.db, outbox },
      home: world.home,
      telegram,
      clock: world.clock,
      log,
      pacing: createPacing(),
      bot: () => BOT,

      chatMoved: () => {},
    });
  const delivery = create();
  return {
    ...world,
    telegram,
    delivery,
    faults,
    events,
    reply(text, more = {}) {
      const entry = {
        chatJid: jid,
        threadId: null,
        turnId: null,
        replyTo: null,
        text,
        at: iso(world.clock.now()),
      };
      world.db.outbox.add({ ...entry, ...more });
      delivery.wake(more.chatJid ?? jid);
    },
    restart: create,
  };
}
const texts = (telegram: ScriptedTelegram) => telegram.arrived.map((m) => m.text);
const states = (db: Db) => outboxRows(db).map((row) => row.state);

describe('delivery', () => {
  it('sends a chat’s replies in order, one a second, and stores them as Nina’s own messages', async () => {
    const { telegram, reply, clock, db, register } = createHarness();
    register();
    for (const text of ['one', 'two', 'three']) reply(text);
    await clock.advance(0);
    expect(texts(telegram)).toEqual(['one']);
    await clock.advance(2000);
    expect(telegram.arrived.map((m) => [m.text, m.at])).toEqual([
      ['one', 0],
      ['two', 1000],
      ['three', 2000],
    ]);
    expect(states(db)).toEqual(['sent', 'sent', 'sent']);
    const own = db.sqlite
      .prepare('SELECT message_id, content, is_bot_message, disposition, sender FROM messages ORDER BY seq')
      .all();
    const row = { is_bot_message: 1, disposition: 'own', sender: String(BOT.id) };
    expect(own).toEqual([
      { ...row, message_id: 5001, content: 'one' },
      { ...row, message_id: 5002, content: 'two' },
      { ...row, message_id: 5003, content: 'three' },
    ]);
  });

  it('repeats a formatted reply with its formatting behind the mark', async () => {
    const { telegram, reply, clock } = createHarness();
    telegram.onSend = (_, arrive) => {
      telegram.onSend = (__, again) => again();
      arrive();
      throw timeout();
    };
    reply('bold', { entities: [{ type: 'bold', offset: 0, length: 4 }] });
    await clock.advance(10_000);
    expect(telegram.arrived.map(({ text, entities }) => [text, entities])).toEqual([
      ['bold', [{ type: 'bold', offset: 0, length: 4 }]],
      ['↻ bold', [{ type: 'bold', offset: 2, length: 4 }]],
    ]);
  });

  it('sends to other chats meanwhile', async () => {
    const { telegram, reply, clock } = createHarness();
    reply('one');
    reply('two');
    reply('elsewhere', { chatJid: chatJid(-2) });
    await clock.advance(0);
    expect(texts(telegram)).toEqual(['one', 'elsewhere']);
  });

  it('waits after a 429 as long as told, in that chat only', async () => {
    const { telegram, reply, clock } = createHarness();
    let refusals = 0;
    telegram.onSend = (message, arrive) => {
      if (message.chatJid === jid && refusals++ === 0) throw tooMany(40);
      return arrive();
    };
    reply('late');
    reply('later');
    reply('elsewhere', { chatJid: chatJid(-2) });
    await clock.advance(39_999);
    expect(texts(telegram)).toEqual(['elsewhere']);
    expect(telegram.asked).toHaveLength(2);
    await clock.advance(1);
    expect(texts(telegram)).toEqual(['elsewhere', 'late']);
    await clock.advance(1000);
    expect(texts(telegram)).toEqual(['elsewhere', 'late', 'later']);
  });

  it.each([
    ['is unreachable', offline],
    ['answers 502', () => refusal(502, 'Bad Gateway')],
    ['refuses the token', () => refusal(401, 'Unauthorized')],
  ])('goes on all night while Telegram %s, then delivers once, unmarked', async (_, error) => {
    const { telegram, reply, clock, db } = createHarness();
    telegram.onSend = () => {
      throw error();
    };
    reply('patience');
    reply('and order');
    for (let hour = 0; hour < 8; hour += 1) await clock.advance(3_600_000);
    expect(states(db)).toEqual(['pending', 'pending']);
    expect(telegram.asked.length).toBeGreaterThan(900);
    telegram.onSend = (_message, arrive) => arrive();
    await clock.advance(60_000);
    expect(texts(telegram)).toEqual(['patience', 'and order']);
  });

  it('keeps the limits across a restart', async () => {
    const { clock, telegram, delivery, reply, restart } = createHarness();
    delivery.start();
    for (let n = 0; n < 18; n += 1) reply(`${n}`);
    await clock.advance(20_000);
    expect(telegram.arrived).toHaveLength(18);
    for (let n = 0; n < 5; n += 1) reply(`later ${n}`);
    await clock.advance(500);
    void delivery.stop();
    restart().start();
    await clock.advance(120_000);
    const times = telegram.asked.map(({ at }) => at);
    expect(times).toHaveLength(23);
    times.forEach((at, n) => {
      expect(at - (times[n - 1] ?? -1000)).toBeGreaterThanOrEqual(1000);
      expect(at - (times[n - 20] ?? -60_000)).toBeGreaterThanOrEqual(60_000);
    });
  });

  it('repeats a send whose result is unknown exactly once, marked', async () => {
    const { telegram, reply, clock, db } = createHarness();
    let lost = 0;
    telegram.onSend = (_, arrive) => {
      const id = arrive();
      if (lost++ === 0) throw timeout();
      return id;
    };
    reply('hello');
    reply('next');
    await clock.advance(60_000);
    expect(texts(telegram)).toEqual(['hello', '↻ hello', 'next']);
    expect(states(db)).toEqual(['sent', 'sent']);
  });

  it('gives up a send whose result is unknown twice, says so in the log and the chat, and goes on', async () => {
    const { telegram, reply, clock, db, events } = createHarness();
    let tries = 0;
    telegram.onSend = (_, arrive) => {
      if (tries++ < 2) throw timeout();
      return arrive();
    };
    reply('hello');
    reply('next');
    await clock.advance(600_000);
    const notice = expect.stringContaining('may not have arrived');
    expect(telegram.asked.map((m) => m.text)).toEqual(['hello', '↻ hello', 'next', notice]);
    expect(states(db)).toEqual(['failed', 'sent', 'sent']);
    expect(events('send_unknown_twice')).toHaveLength(1);
  });

  it('does not wait for hours because the clock was set back, nor hurries because it was set forward', async () => {
    const { telegram, reply, clock } = createHarness();
    const answers = [tooMany(10), tooMany(10)];
    telegram.onSend = (_, arrive) => {
      const error = answers.shift();
      if (error) throw error;
      return arrive();
    };
    reply('hello');
    await clock.advance(1000);
    clock.jump(-3 * 3_600_000);
    await clock.advance(10_000);
    expect(telegram.asked).toHaveLength(2);
    clock.jump(5 * 3_600_000);
    await clock.advance(8000);
    expect(texts(telegram)).toEqual([]);
    await clock.advance(2000);
    expect(texts(telegram)).toEqual(['hello']);
  });

  it('does not use up the one repeat in the first seconds of a daemon that keeps dying', async () => {
    const { telegram, reply, clock, delivery, restart } = createHarness();
    let sends = true;
    telegram.onSend = (_, arrive) => (sends ? new Promise(() => {}) : arrive());
    reply('hello');
    await clock.advance(0);
    void delivery.stop();
    sends = false;
    for (const _ of [1, 2, 3]) {
      const short = restart();
      short.start();
      await clock.advance(4000);
      void short.stop();
    }
    expect(telegram.asked).toHaveLength(1);
    restart().start();
    await clock.advance(10_000);
    expect(texts(telegram)).toEqual(['↻ hello']);
  });

  it('keeps a repeat a repeat while Telegram cannot be reached or says 429', async () => {
    const { telegram, reply, clock, db } = createHarness();
    const answers = [timeout(), offline(), tooMany(3), refusal(500, 'oops')];
    telegram.onSend = (_, arrive) => {
      const error = answers.shift();
      if (error) throw error;
      return arrive();
    };
    reply('hello');
    await clock.advance(600_000);
    expect(telegram.asked.map((m) => m.text)).toEqual(['hello', ...Array(4).fill('↻ hello')]);
    expect(texts(telegram)).toEqual(['↻ hello']);
    expect(states(db)).toEqual(['sent']);
  });

  it('stores the words, not the mark, of what was repeated', async () => {
    const { telegram, reply, clock, db, register } = createHarness();
    register();
    let tries = 0;
    telegram.onSend = (_, arrive) => {
      if (tries++ === 0) throw timeout();
      return arrive();
    };
    reply('hello');
    await clock.advance(60_000);
    expect(db.sqlite.prepare('SELECT content FROM messages').pluck().all()).toEqual(['hello']);
  });

  it('never sends again what arrived, when only noting it fails', async () => {
    const { telegram, reply, clock, db, faults } = createHarness();
    faults.settle = true;
    reply('hello');
    reply('next');
    await clock.advance(600_000);
    expect(texts(telegram)).toEqual(['hello']);
    faults.settle = false;
    await clock.advance(60_000);
    expect(texts(telegram)).toEqual(['hello', 'next']);
    expect(states(db)).toEqual(['sent', 'sent']);
  });

  it('repeats once what may have arrived, when noting that fails for a while', async () => {
    const { telegram, reply, clock, db, faults } = createHarness();
    faults.refuse = true;
    telegram.onSend = (_, arrive) => {
      arrive();
      throw timeout();
    };
    reply('hello');
    await clock.advance(600_000);
    expect(texts(telegram)).toEqual(['hello']);
    faults.refuse = false;
    await clock.advance(60_000);
    expect(texts(telegram).slice(0, 2)).toEqual(['hello', '↻ hello']);
    expect(states(db)[0]).toBe('failed');
  });

  it('fails a message that Telegram refuses for good, and goes on', async () => {
    const { telegram, reply, clock, db } = createHarness();
    telegram.onSend = (message, arrive) => {
      if (message.text === 'bad') throw refusal(400, 'Bad Request: message is too long');
      return arrive();
    };
    reply('bad');
    reply('good');
    await clock.advance(5000);
    expect(states(db)).toEqual(['failed', 'sent']);
    expect(outboxRows(db)[0]?.error).toBe('Bad Request: message is too long');
  });

  it('tells the chat when Telegram refuses a message for good, once', async () => {
    const { telegram, reply, clock, db, register } = createHarness();
    register();
    telegram.onSend = (message, arrive) => {
      if (message.text === 'bad') throw refusal(400, 'Bad Request: message is too long');
      return arrive();
    };
    reply('bad');
    await clock.advance(10_000);
    expect(telegram.arrived.map(({ text }) => text)).toEqual([
      'Telegram refused a message of mine. The operator finds the reason in the log.',
    ]);
    expect(states(db)).toEqual(['failed', 'sent']);

    telegram.onSend = () => {
      throw refusal(400, 'Bad Request: nothing pleases');
    };
    reply('another');
    await clock.advance(10_000);
    expect(states(db).slice(2)).toEqual(['failed', 'failed']);
  });

  it('sends into the chat when the topic is gone', async () => {
    const { telegram, reply, clock, db } = createHarness();
    telegram.onSend = (message, arrive) => {
      if (message.threadId !== null) throw refusal(400, 'Bad Request: message thread not found');
      return arrive();
    };
    reply('hello', { threadId: 9, replyTo: 4 });
    await clock.advance(5000);
    const text = '(This is for the topic “no. 9”, which is closed or gone.)\n\nhello';
    expect(telegram.arrived).toMatchObject([{ text, threadId: null, replyTo: null }]);
    expect(states(db)).toEqual(['sent']);
  });

  it.each([true, false])(
    'follows a chat that moved (registered under the old id: %s)',
    async (registered) => {
      const { telegram, reply, clock, db, register } = createHarness();
      if (registered) register();
      telegram.onSend = (message, arrive) => {
        if (message.chatJid === jid) throw refusal(400, 'Bad Request: group chat was upgraded', -100_777);
        return arrive();
      };
      reply('one', { replyTo: 3 });
      reply('two');
      await clock.advance(60_000);
      expect(telegram.arrived.map((m) => [m.chatJid, m.text, m.replyTo])).toEqual([
        ['-100777', 'one', null],
        ['-100777', 'two', null],
      ]);
      expect(telegram.asked).toHaveLength(3);
      expect(states(db)).toEqual(['sent', 'sent']);
      if (registered) expect(db.groups.byJid('-100777' as ChatJid)).toMatchObject({ folder: 'family' });
    },
  );

  it('sends a file under its own name and removes its copy', async () => {
    const { telegram, reply, clock, home } = createHarness();
    const copy = path.join(home, '01234567-89ab-cdef-0123-456789abcdef-report.pdf');
    writeFileSync(copy, 'x');
    telegram.onSend = () => {
      throw offline();
    };
    reply('see', { filePath: copy });
    await clock.advance(1000);
    expect(existsSync(copy)).toBe(true);
    telegram.onSend = (_, arrive) => arrive();
    await clock.advance(60_000);
    expect(telegram.arrived).toMatchObject([{ fileName: 'report.pdf', path: copy, text: 'see' }]);
    expect(existsSync(copy)).toBe(false);
  });
});

describe('after a restart', () => {
  it('what was pending is sent, what was being sent is repeated once, marked', async () => {
    const { telegram, reply, clock, db, delivery, restart } = createHarness();
    telegram.onSend = () => new Promise(() => {}); // the daemon dies with the request on its way
    reply('on its way');
    reply('waiting');
    await clock.advance(0);
    void delivery.stop();
    expect(states(db)).toEqual(['sending', 'pending']);

    telegram.onSend = (_, arrive) => arrive();
    restart().start();
    await clock.advance(60_000);
    expect(texts(telegram)).toEqual(['↻ on its way', 'waiting']);
    expect(states(db)).toEqual(['sent', 'sent']);
  });

  it('a repeat that was being sent is not repeated a second time', async () => {
    const { telegram, reply, clock, db, delivery, restart } = createHarness();
    telegram.onSend = () => new Promise(() => {});
    reply('on its way');
    await clock.advance(0);
    void delivery.stop();
    const second = restart();
    second.start();
    await clock.advance(60_000);
    void second.stop();
    expect(telegram.asked.map((m) => m.text)).toEqual(['on its way', '↻ on its way']);
    restart().start();
    await clock.advance(60_000);
    // The third is the sentence that tells the chat.
    expect(telegram.asked.slice(2).map((m) => m.text)).toEqual([
      expect.stringContaining('may not have arrived'),
    ]);
    expect(states(db)).toEqual(['failed', 'sending']);
    // A notice that is cut off twice, too, is not worth another.
    for (const _ of [1, 2]) {
      restart().start();
      await clock.advance(60_000);
    }
    expect(telegram.asked).toHaveLength(4);
    expect(states(db)).toEqual(['failed', 'failed']);
  });

  it('stop lets the send in flight end and begins no other', async () => {
    const { telegram, reply, clock, db, delivery } = createHarness();
    let answer = (_: number) => {};
    telegram.onSend = () => new Promise((resolve) => (answer = resolve));
    reply('one');
    reply('two');
    await clock.advance(0);
    const stopped = delivery.stop();
    answer(5001);
    await stopped;
    expect(states(db)).toEqual(['sent', 'pending']);
    reply('three');
    await clock.advance(60_000);
    expect(telegram.asked).toHaveLength(1);
    expect(clock.timers()).toBe(0);
  });

  it('stop with time to send lets through what its turn comes for within it, and nothing else', async () => {
    const { telegram, reply, clock, db, delivery } = createHarness();
    const other = chatJid(-1002);
    telegram.onSend = (message, arrive) => {
      if (message.chatJid === other) throw tooMany(30);
      return arrive();
    };
    for (const n of [1, 2, 3, 4, 5, 6, 7, 8]) reply(`family ${n}`);
    reply('later', { chatJid: other });
    await clock.advance(0);
    let over = false;
    const stopped = delivery.stop(4500).then(() => {
      over = true;
    });
    await clock.advance(2500);
    expect([over, texts(telegram).length]).toEqual([false, 3]);
    reply('of a turn that ends meanwhile', { chatJid: chatJid(-1003) });
    await clock.advance(2000);
    await stopped;
    expect(texts(telegram)).toHaveLength(6);
    expect(texts(telegram)).toContain('of a turn that ends meanwhile');
    expect(states(db).filter((state) => state === 'pending')).toHaveLength(4);
    expect(clock.timers()).toBe(0);
  });

  it('stop waits three seconds for a send without an answer, no longer', async () => {
    const { telegram, reply, clock, db, delivery } = createHarness();
    telegram.onSend = () => new Promise(() => {});
    reply('one');
    await clock.advance(0);
    let over = false;
    void delivery.stop(1000).then(() => {
      over = true;
    });
    await clock.advance(3900);
    expect(over).toBe(false);
    await clock.advance(200);
    expect([over, states(db)]).toEqual([true, ['sending']]);
  });
});
