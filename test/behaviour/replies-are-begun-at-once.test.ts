/** A reply that may go out at once is stored as being sent already: what becomes of it when it cannot be, or is not. */
import { expect, it } from 'vitest';
import { createDelivery } from '../../src/router/delivery.ts';
import { createPacing } from '../../src/router/pacing.ts';
import { chatJid, iso } from '../../src/types.ts';
import { createScriptedTelegram } from '../support/scripted-telegram.ts';
import { BOT, createTestLog, createWorld, FAMILY, outboxRows } from '../support/world.ts';

const jid = chatJid(FAMILY);

function harness() {
  const { db, clock, home } = createWorld();
  const telegram = createScriptedTelegram(() => clock.monotonic());
  const create = () =>
    createDelivery({
      db,
      home,
      telegram,
      clock,
      log: createTestLog().log,
      pacing: createPacing(),
      bot: () => BOT,
      chatMoved: () => {},
    });
  const delivery = create();
  const add = (text: string) =>
    db.outbox.add({ chatJid: jid, threadId: null, turnId: null, replyTo: null, text, at: iso(clock.now()) });
  return {
    db,
    clock,
    telegram,
    delivery,
    add,
    next: create,
    /** As a turn ends. */
    begin: (text: string) =>
      db.transaction(() => {
        add(text);
        delivery.begin(jid);
      }),
    rows: () => outboxRows(db).map(({ state, attempts }) => [state, attempts]),
    texts: () => telegram.arrived.map(({ text }) => text),
  };
}

it('is sent once it is woken, without another commit before the request', async () => {
  const { db, clock, telegram, delivery, begin, rows, texts } = harness();
  begin('one');
  expect(rows()).toEqual([['sending', 1]]);
  const before = db.sqlite.prepare('SELECT total_changes()').pluck();
  const changes = before.get();
  telegram.onSend = (_, arrive) => {
    expect(before.get()).toBe(changes);
    return arrive();
  };
  delivery.wake(jid);
  await clock.advance(0);
  expect(texts()).toEqual(['one']);
  expect(rows()).toEqual([['sent', 1]]);
});

it('is not begun where the pace does not allow it, or something is ahead of it', async () => {
  const { clock, delivery, begin, add, rows, texts } = harness();
  begin('one');
  delivery.wake(jid);
  await clock.advance(0);
  begin('two'); // within the same second
  expect(rows().at(-1)).toEqual(['pending', 0]);
  delivery.wake(jid);
  await clock.advance(1000);
  expect(texts()).toEqual(['one', 'two']);
  await clock.advance(5000);
  add('three');
  begin('four');
  expect(rows().slice(-2)).toEqual([
    ['sending', 1],
    ['pending', 0],
  ]);
  delivery.wake(jid);
  await clock.advance(1000);
  expect(texts()).toEqual(['one', 'two', 'three', 'four']);
});

it('is nothing when its transaction is undone', async () => {
  const { db, clock, delivery, add, rows, texts } = harness();
  const undone = () =>
    db.transaction(() => {
      add('one');
      delivery.begin(jid);
      throw new Error('no');
    });
  expect(undone).toThrow('no');
  expect(rows()).toEqual([]);
  add('two'); // gets the same id
  delivery.wake(jid);
  await clock.advance(0);
  expect(texts()).toEqual(['two']);
  expect(rows()).toEqual([['sent', 1]]);
});

it('that nobody woke is pending again when the daemon stops: the next one sends it without the mark', async () => {
  const { clock, delivery, begin, next, rows, texts } = harness();
  begin('one');
  await delivery.stop();
  expect(rows()).toEqual([['pending', 0]]);
  next().start();
  await clock.advance(0);
  expect(texts()).toEqual(['one']);
});

it('is repeated with the mark when the daemon is killed behind the commit', async () => {
  const { clock, begin, next, texts } = harness();
  begin('one');
  next().start();
  await clock.advance(10_000);
  expect(texts()).toEqual(['↻ one']);
});

it('is not begun any more by a daemon that has stopped', async () => {
  const { delivery, begin, rows } = harness();
  await delivery.stop();
  begin('one');
  expect(rows()).toEqual([['pending', 0]]);
});
