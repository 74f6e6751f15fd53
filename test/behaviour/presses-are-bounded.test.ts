/**
 * Somebody presses buttons without end: what is beyond forty a minute has no effect and costs no request, and is told once a
 * minute. Nobody else's press is lost by it, nor one that would stop a turn, nor one whose batch came again.
 */
import type { Update } from 'grammy/types';
import { expect, it } from 'vitest';
import { MOST_PRESSES } from '../../src/router/request-limits.ts';
import { iso, type TurnId, turnId } from '../../src/types.ts';
import { ENGLISH } from '../../src/words.ts';
import {
  BOT,
  commandText,
  createWorld,
  FAMILY,
  messageUpdate,
  outboxRows,
  routerOf,
  storeMessage,
} from '../support/world.ts';

const TURN = turnId('11111111-2222-4333-8444-555555555555');

function createHarness() {
  const world = createWorld();
  const { db } = world;
  const group = world.register({ isMain: true, folder: 'main' });
  const stops: (TurnId | undefined)[] = [];
  let isFull = false;
  const inbox: typeof db.inbox = {
    ...db.inbox,
    setOffset(botId, offset) {
      if (isFull) throw new Error('the disk is full');
      db.inbox.setOffset(botId, offset);
    },
  };
  const stopTurn = (_: unknown, only?: TurnId) => void stops.push(only);
  const router = routerOf(world, { db: { ...db, inbox }, stopTurn });
  let ids = 0;
  const press = (sender: number, data: string, chat: number = FAMILY): Update => {
    ids += 1;
    return {
      update_id: ids,
      callback_query: {
        id: `press-${ids}`,
        from: { id: sender, is_bot: false, first_name: `P${sender}` },
        chat_instance: 'x',
        message: { message_id: 900, date: 1_793_606_400, chat: { id: chat, type: 'supergroup', title: 'X' } },
        data,
      },
    } as Update;
  };
  const accept = (...batch: Update[]) => router.accept(BOT, batch, ids + 1);
  const say = (text: string) => {
    ids += 1;
    accept(messageUpdate(ids, commandText(text)));
  };
  /** What Telegram is to be told of the presses since the last look. */
  const told = () => {
    const texts = db.sqlite
      .prepare<[], string>('SELECT text FROM callback_answers ORDER BY CAST(substr(id, 7) AS INTEGER)')
      .pluck()
      .all();
    db.sqlite.exec('DELETE FROM callback_answers');
    return texts;
  };
  const begin = () => {
    const seq = storeMessage(db, group.chatJid, 500);
    const claim = { chatJid: group.chatJid, folder: group.folder, threadId: null, kind: 'messages' } as const;
    const range = { fromSeq: (seq - 1) as typeof seq, toSeq: seq, omitted: 0, messages: [seq] };
    db.turns.claim({ id: TURN, ...claim, attempt: 1, at: iso(0), sessionId: null, ...range });
  };
  return {
    ...world,
    ...{ press, accept, say, told, stops, begin },
    fill: (full: boolean) => {
      isFull = full;
    },
  };
}

it('a flood is taken forty times a minute, told once, and keeps nobody else from pressing', async () => {
  const { db, press, accept, say, told, clock } = createHarness();
  say('/unregister');
  const before = outboxRows(db).length;
  for (let n = 0; n < 50; n += 1) accept(...Array.from({ length: 20 }, () => press(1002, 'xxxxxxxx.0.no')));
  const texts = told();
  expect(texts).toHaveLength(MOST_PRESSES + 1);
  expect(texts.at(-1)).toBe(ENGLISH.tooManyPresses);
  expect(outboxRows(db)).toHaveLength(before);

  accept(press(1003, 'xxxxxxxx.0.no'));
  expect(told()).toEqual([ENGLISH.outdated]);
  await clock.advance(61_000);
  accept(press(1002, 'xxxxxxxx.0.no'));
  expect(told()).toEqual([ENGLISH.outdated]);
});

it('of chats that are none of ours they are counted, too', () => {
  const { press, accept, told } = createHarness();
  accept(...Array.from({ length: 200 }, () => press(1002, 'x', -777)));
  expect(told()).toHaveLength(MOST_PRESSES + 1);
});

it('the press that would stop a turn counts, however many there were', () => {
  const { press, accept, begin, stops, told } = createHarness();
  begin();
  accept(...Array.from({ length: 100 }, () => press(1002, 'x')), press(1002, `stop.${TURN}`));
  expect(stops).toEqual([TURN]);
  told();
  // It is ending already: these are some more of a flood.
  accept(...Array.from({ length: 100 }, () => press(1002, `stop.${TURN}`)));
  expect(stops).toEqual([TURN]);
  expect(told()).toEqual([]);
});

it('a batch that could not be stored, and comes again, counts once', () => {
  const { press, accept, told, fill } = createHarness();
  const batch = Array.from({ length: MOST_PRESSES - 1 }, () => press(1002, 'x'));
  fill(true);
  for (let n = 0; n < 5; n += 1) expect(() => accept(...batch)).toThrow('the disk is full');
  fill(false);
  accept(...batch);
  accept(press(1002, 'x'));
  const texts = told();
  expect(texts).toHaveLength(MOST_PRESSES);
  expect(texts).not.toContain(ENGLISH.tooManyPresses);
});
