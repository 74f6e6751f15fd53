/**
 * Random replies to random chats through a Telegram that fails in every way, with a daemon that dies now and then:
 * each reply arrives, in order within its chat, within the limits; twice at most, and then the second is marked.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { REPEAT_MARK } from '../../src/format.ts';
import { silentLogger } from '../../src/log.ts';
import { createDelivery } from '../../src/router/delivery.ts';
import { createPacing } from '../../src/router/pacing.ts';
import { chatJid, iso } from '../../src/types.ts';
import { createScriptedTelegram, offline, refusal, timeout, tooMany } from '../support/scripted-telegram.ts';
import { BOT, createWorld, outboxRows } from '../support/world.ts';

type Fate = 'ok' | 'offline' | '429' | '500' | 'answer lost' | 'request lost' | 'dies before' | 'dies after';

const mostWithin = (times: readonly number[], windowMs: number): number =>
  Math.max(0, ...times.map((from) => times.filter((t) => t >= from && t < from + windowMs).length));

it('each reply arrives, in order, within the limits; a second copy only where nobody could know, and marked', async () => {
  const world = createWorld();
  const { db, clock } = world;
  const plan = fc.record({
    replies: fc.array(
      fc.record({
        chat: fc.integer({ min: -3, max: 2 }),
        afterMs: fc.constantFrom(0, 0, 300, 4000),
        begun: fc.boolean(),
      }),
      {
        minLength: 1,
        maxLength: 40,
      },
    ),
    fates: fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.constant<Fate>('ok') },
        {
          weight: 4,
          arbitrary: fc.constantFrom<Fate>(
            ...([
              'offline',
              '429',
              '500',
              'answer lost',
              'request lost',
              'dies before',
              'dies after',
            ] as const),
          ),
        },
      ),
      { maxLength: 30 },
    ),
  });
  await fc.assert(
    fc.asyncProperty(plan, async ({ replies, fates }) => {
      db.sqlite.exec('DELETE FROM outbox');
      const telegram = createScriptedTelegram(() => clock.monotonic());
      const left = [...fates];
      const unknown = new Set<string>(); // texts of which one result got lost
      const create = () =>
        createDelivery({
          db,
          home: '/nowhere',
          telegram,
          clock,
          log: silentLogger(),
          pacing: createPacing(),
          bot: () => BOT,
          chatMoved: () => {},
        });
      let delivery = create();
      let died = false;

      telegram.onSend = (message, arrive) => {
        const fate = left.shift() ?? 'ok';
        const text = message.text.replace(REPEAT_MARK, '');
        // More than one unknown result per reply ends in "failed", which has its own test.
        const mayBeUnknown = !unknown.has(text);
        if (fate === 'offline') throw offline();
        if (fate === '429') throw tooMany(7);
        if (fate === '500') throw refusal(500, 'oops');
        if (fate === 'ok' || !mayBeUnknown) return arrive();
        unknown.add(text);
        if (fate === 'answer lost' || fate === 'dies after') arrive();
        if (fate === 'answer lost' || fate === 'request lost') throw timeout();
        died = true;
        return new Promise(() => {});
      };

      for (const [index, { chat, afterMs, begun }] of replies.entries()) {
        const entry = { threadId: null, turnId: null, replyTo: null, at: iso(clock.now()) };
        db.transaction(() => {
          db.outbox.add({ ...entry, chatJid: chatJid(chat), text: `reply ${index}` });
          if (begun) delivery.begin(chatJid(chat));
        });
        delivery.wake(chatJid(chat));
        await clock.advance(afterMs);
      }
      for (
        let minutes = 0;
        minutes < 60 && outboxRows(db).some((row) => row.state !== 'sent');
        minutes += 1
      ) {
        await clock.advance(60_000);
        if (!died) continue;
        died = false;
        void delivery.stop();
        await clock.settle();
        delivery = create();
        delivery.start();
      }

      expect(outboxRows(db).filter((row) => row.state !== 'sent')).toEqual([]);
      for (const chat of new Set(replies.map((r) => r.chat))) {
        const own = telegram.arrived.filter((m) => m.chatJid === String(chat));
        const expected = replies.flatMap((r, index) => (r.chat === chat ? [`reply ${index}`] : []));
        // Copies stand beside each other; without them it is what was written, in order.
        expect([...new Set(own.map((m) => m.text.replace(REPEAT_MARK, '')))]).toEqual(expected);
        for (const text of expected) {
          const copies = own.filter((m) => m.text.replace(REPEAT_MARK, '') === text);
          expect(copies.length).toBeLessThanOrEqual(unknown.has(text) ? 2 : 1);
          if (copies.length === 2) expect(copies.map((m) => m.text)).toEqual([text, REPEAT_MARK + text]);
        }
        const asked = telegram.asked.filter((m) => m.chatJid === String(chat)).map((m) => m.at);
        expect(mostWithin(asked, 1000)).toBe(1);
        if (chat < 0) expect(mostWithin(asked, 60_000)).toBeLessThanOrEqual(20);
      }
      expect(
        mostWithin(
          telegram.asked.map((m) => m.at),
          1000,
        ),
      ).toBeLessThanOrEqual(30);
      await delivery.stop();
      await clock.advance(120_000); // what is left of the minute must not count for the next conversation
    }),
    { numRuns: 40 },
  );
});
