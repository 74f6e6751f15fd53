/**
 * A group becomes a supergroup: what is its own goes on under the new chat id, and the old one stays another name of it. A
 * real database, router and delivery on a stepped clock; with whole daemons: groups-change, test/faults/group-moves.
 */
import { describe, expect, it } from 'vitest';
import type { Db } from '../../src/db.ts';
import { createGroupQueue } from '../../src/group-queue.ts';
import { silentLogger } from '../../src/log.ts';
import { type NewGroup, registerGroup } from '../../src/registry.ts';
import { retryTurn } from '../../src/retry.ts';
import { createDelivery } from '../../src/router/delivery.ts';
import { createPacing } from '../../src/router/pacing.ts';
import { createTyping } from '../../src/router/typing.ts';
import { scheduleTask } from '../../src/tasks.ts';
import { chatJid, iso, turnId } from '../../src/types.ts';
import { explainMessage } from '../../src/why.ts';
import { createScriptedTelegram, refusal } from '../support/scripted-telegram.ts';
import {
  BOT,
  commandText,
  createTestLog,
  createWorld,
  editUpdate,
  FAMILY,
  messageRows,
  messageUpdate,
  outboxRows,
  peopleOf,
  routerOf,
  storeMessage,
} from '../support/world.ts';

const NEW = -1_009_999;
const [from, to] = [chatJid(FAMILY), chatJid(NEW)];
const moved = (id: number) => messageUpdate(id, { more: { migrate_to_chat_id: NEW } });
const arrived = (id: number) =>
  messageUpdate(id, { chat: NEW, messageId: 1, more: { migrate_from_chat_id: FAMILY } });

function createHarness(perSender = 0, group: Partial<NewGroup> = {}) {
  const world = createWorld();
  const moves: string[] = [];
  const woken: string[] = [];
  const stops: string[] = [];
  const router = routerOf(world, {
    stopTurn: (jid, only) => void stops.push(`${jid} ${only}`),
    chatMoved: (a, b) => void moves.push(`${a} ${b}`),
    wakeQueue: (jid) => void woken.push(jid),
    ...peopleOf(world, undefined, { perSender, perGroup: 0 }),
  });
  world.register(group);
  let offset = 0;
  const accept = (...batch: Parameters<typeof router.accept>[1][number][]) => {
    offset += 1;
    router.accept(BOT, batch, offset);
  };
  const said = (chat: string = to) =>
    messageRows(world.db, chat)
      .filter((row) => row.disposition !== 'service')
      .map((row) => [row.message_id, row.content, row.disposition]);
  return { ...world, router, accept, moves, woken, said, stops };
}

const turn = (
  db: Db,
  id: string,
  state: 'failed' | 'retried' | 'running',
  messages: ReturnType<typeof storeMessage>[],
) => {
  const [first, last] = [messages[0] ?? 0, messages.at(-1) ?? 0];
  db.turns.claim({
    id: turnId(id),
    chatJid: from,
    folder: 'family' as never,
    threadId: null,
    kind: 'messages',
    attempt: 3,
    at: iso(0),
    fromSeq: ((first as number) - 1) as never,
    toSeq: last as never,
    omitted: 0,
    sessionId: null,
    messages,
  });
  const found = db.turns.byId(id);
  if (!found) throw new Error('no turn');
  if (state === 'running') return;
  const failure = { code: 'agent', message: 'as the test says' };
  db.turns.finish(found.id, state, iso(1000), failure, null, iso(60_000));
  if (state === 'retried') db.turns.releaseMessages(found);
  else db.turns.settleMessages(found, 'failed', 'agent');
};

describe('what comes from the old chat after its group has moved', () => {
  it('is taken as the new chat’s: a question, its edit, a command; not as a stranger’s', () => {
    const { accept, said, db, woken } = createHarness();
    // A refused send was the first to know; the poll still brings what was said before.
    db.groups.migrate(from, to);
    accept(messageUpdate(7, { messageId: 7, text: '@Nina late' }), moved(8), arrived(9));
    expect(said()).toEqual([[-8, '@Nina late', null]]);
    expect(woken).toContain(to);
    accept(editUpdate(10, { messageId: 7, text: '@Nina later' }));
    expect(said()).toEqual([[-8, '@Nina later', null]]);
    accept(messageUpdate(11, { chat: NEW, messageId: 7, text: '@Nina seventh' }));
    expect(said()).toEqual([
      [-8, '@Nina later', null],
      [7, '@Nina seventh', null],
    ]);
    accept(
      messageUpdate(12, {
        text: '/ping',
        messageId: 12,
        entities: [{ type: 'bot_command', offset: 0, length: 5 }],
      }),
    );
    expect(outboxRows(db)).toMatchObject([{ chat_jid: to, text: 'pong' }]);
    expect(db.groups.all()).toHaveLength(1);
  });

  it('does not undo the move: that the bot left the old chat, a second note, a title', () => {
    const { accept, db, moves } = createHarness();
    accept(moved(1), moved(2), arrived(3), arrived(4), moved(5));
    const left = { status: 'left', user: { id: BOT.id } };
    const chat = { id: FAMILY, type: 'group', title: 'Family' };
    const by = { id: 1001, first_name: 'Anna' };
    accept({
      update_id: 6,
      my_chat_member: { chat, from: by, old_chat_member: { status: 'member' }, new_chat_member: left },
    } as never);
    expect(moves).toEqual([`${from} ${to}`]);
    expect(db.groups.byJid(to)).toMatchObject({ folder: 'family', formerJid: from });
    expect(db.groups.chat(from)?.botStatus).toBe('left');
    expect(outboxRows(db)).toEqual([]);
  });
});

describe('a group that has moved', () => {
  it('is known by its old id, which nobody registers again', () => {
    const { db, accept, registry } = createHarness();
    accept(moved(1));
    expect(db.groups.find(from)).toMatchObject({ chatJid: to });
    expect(() => createWorldOf(registry).register({ chatJid: from, folder: 'again' })).toThrow(
      'is registered already, with folder "family"',
    );
  });

  it('has its history, found by the ids it had: why', () => {
    const { db, accept } = createHarness();
    accept(messageUpdate(3, { messageId: 3, text: 'old words' }), moved(4));
    accept(messageUpdate(5, { chat: NEW, messageId: 9, text: 'new words' }));
    const why = (jid: typeof from, id: number) => explainMessage(db, jid, id, 'UTC').trace?.message.messageId;
    expect([why(from, 3), why(to, 3), why(to, 9), why(from, 9)]).toEqual([-4, -4, 9, undefined]);
  });

  it('goes on counting: attempts, the limits of a minute and of the hour', () => {
    const { db, accept, said } = createHarness(2);
    turn(db, 'retried', 'retried', [storeMessage(db, from, 2)]);
    db.inbox.setMeta(`turn_limit_until:${from}`, iso(99));
    accept(messageUpdate(10, { messageId: 10, text: '@Nina one' }));
    accept(moved(11));
    expect(db.turns.latest(to, 'messages')).toMatchObject({ attempt: 3, state: 'retried' });
    expect(db.turns.beganBefore(to, 1)).toBeNull();
    expect(db.inbox.meta(`turn_limit_until:${to}`)).toBe(iso(99));
    accept(messageUpdate(12, { chat: NEW, messageId: 2, text: '@Nina two' }));
    accept(messageUpdate(13, { chat: NEW, messageId: 3, text: '@Nina three' }));
    expect(said().map(([, text, disposition]) => [text, disposition])).toEqual([
      ['message 2', null],
      ['@Nina one', null],
      ['@Nina two', null],
      ['@Nina three', 'not_allowed'],
    ]);
  });

  it('has its failures tried again in the new chat', () => {
    const { db, accept, said, clock } = createHarness();
    turn(db, 'failed', 'failed', [storeMessage(db, from, 2)]);
    accept(moved(3));
    const rules = { db, now: () => clock.now(), defaultTimezone: 'UTC' };
    expect(retryTurn(rules, 'failed', 'test').group.chatJid).toBe(to);
    expect(said()).toEqual([[-3, 'message 2', null]]);
    expect(db.messages.chatsWithOpen()).toEqual([to]);
  });

  it('that moved in two ways at once, or to a chat that is known, is one group', () => {
    const { db, accept } = createHarness();
    accept(messageUpdate(1, { chat: NEW, messageId: 1, text: 'hello from a chat nobody registered' }));
    expect(db.groups.chat(to)).toMatchObject({ folder: null });
    accept(arrived(2));
    accept(moved(3));
    expect(db.groups.all().map(({ chatJid: jid, folder }) => [jid, folder])).toEqual([[to, 'family']]);
  });
});

describe('a button of a message that stayed behind', () => {
  const TURN = '11111111-2222-4333-8444-555555555555';
  const press = (update_id: number, data: string, chat = FAMILY) =>
    ({
      update_id,
      callback_query: {
        id: `press-${update_id}`,
        from: { id: 1001, is_bot: false, first_name: 'Anna' },
        chat_instance: 'x',
        message: { message_id: 40, date: 1, chat: { id: chat, type: 'group', title: 'Family' } },
        data,
      },
    }) as never;
  const told = (db: Db) => db.questions.answers().map(({ text }) => text);

  it('“Stop” ends the turn that goes on in the new chat, once; later it is over, and nothing is to be taken away', () => {
    const { db, accept, stops } = createHarness();
    turn(db, TURN, 'running', [storeMessage(db, from, 2)]);
    accept(moved(3));
    accept(press(4, `stop.${TURN}`), press(5, `stop.${TURN}`));
    expect(new Set(stops)).toEqual(new Set([`${to} ${TURN}`]));
    expect(outboxRows(db)).toMatchObject([{ chat_jid: to, text: 'Stopped.' }]);
    const found = db.turns.byId(TURN);
    if (!found) throw new Error('no turn');
    expect(found.stoppedBy).toBe('by telegram:1001');
    db.turns.finish(found.id, 'stopped', iso(1000), null, null, null);
    accept(press(6, `stop.${TURN}`));
    expect(told(db)).toEqual(['', '', 'That is over already.']);
    expect(db.progress.ofTurn(found.id)).toBeNull();
    // One that was sent again (↻) just before the move has another id, and the same button.
    accept(press(7, `stop.${TURN}`, NEW));
    expect(told(db).at(-1)).toBe('That is over already.');
    expect(db.progress.ofTurn(found.id)).toMatchObject({ chatJid: to, messageId: 40 });
  });

  it('of a question has its effect, and the new chat is told', () => {
    const { db, accept } = createHarness(0, { isMain: true, folder: 'main' });
    const rules = { db, now: () => 0, defaultTimezone: 'UTC' };
    const schedule = {
      prompt: 'water the flowers',
      scheduleType: 'cron',
      scheduleValue: '0 9 * * *',
    } as const;
    const group = db.groups.byJid(from);
    if (!group) throw new Error('no group');
    const { id } = scheduleTask(rules, group, schedule, 'test');
    accept(messageUpdate(2, commandText('/pause')));
    const keyboard = JSON.parse(
      db.sqlite.prepare<[], string>('SELECT keyboard FROM outbox WHERE keyboard IS NOT NULL').pluck().get() ??
        '',
    ) as { inline_keyboard: { callback_data: string }[][] };
    accept(moved(3));
    accept(press(4, keyboard.inline_keyboard[0]?.[0]?.callback_data ?? ''));
    expect(db.tasks.byId(id)?.status).toBe('paused');
    expect(outboxRows(db).at(-1)).toMatchObject({
      chat_jid: to,
      text: `Task ${id} is paused.`,
      state: 'pending',
    });
    expect(told(db)).toEqual(['']);
  });

  it('of /forget means what was said under the old id, which has moved with the group', () => {
    const { db, accept } = createHarness();
    accept(messageUpdate(2, { text: 'apple strudel' }), messageUpdate(3, commandText('/forget mine')));
    const keyboard = JSON.parse(
      db.sqlite.prepare<[], string>('SELECT keyboard FROM outbox WHERE keyboard IS NOT NULL').pluck().get() ??
        '',
    ) as { inline_keyboard: { callback_data: string }[][] };
    accept(moved(4));
    accept(press(5, keyboard.inline_keyboard[0]?.[0]?.callback_data ?? ''));
    expect(told(db)).toEqual(['']);
    const job = db.forgettings.next();
    if (!job) throw new Error('nothing is to be forgotten');
    expect(db.forgettings.window(job, 0 as never, 10).meant.flatMap(({ texts }) => texts)).toContain(
      'apple strudel',
    );
  });
});

const createWorldOf = (registry: ReturnType<typeof createWorld>['registry']) => ({
  register: (more: { chatJid: string; folder: string }) =>
    registerGroup(registry, { name: 'Again', ...more }, 'test'),
});

describe('a reply under way while its group moves', () => {
  function createSending() {
    const world = createWorld();
    const telegram = createScriptedTelegram(() => world.clock.monotonic());
    const moves: string[] = [];
    const delivery = createDelivery({
      db: world.db,
      home: world.home,
      telegram,
      clock: world.clock,
      log: silentLogger(),
      pacing: createPacing(),
      bot: () => BOT,
      chatMoved: (a, b) => void moves.push(`${a} ${b}`),
    });
    world.register();
    const answer = Promise.withResolvers<number>();
    telegram.onSend = (message, arrive) => (message.chatJid === from ? answer.promise : arrive());
    const entry = { chatJid: from, threadId: null, turnId: null, replyTo: null, at: iso(0) };
    world.db.outbox.add({ ...entry, text: 'the answer' });
    delivery.wake(from);
    return { ...world, telegram, delivery, answer, moves };
  }

  it('is refused there and sent here, once and unmarked', async () => {
    const { telegram, delivery, answer, clock, db, moves } = createSending();
    await clock.advance(0);
    db.transaction(() => db.groups.migrate(from, to));
    delivery.wake(to);
    await clock.advance(20_000);
    // Nobody knows yet what becomes of the first request: so nothing is sent here.
    expect(telegram.asked.map((m) => [m.chatJid, m.text])).toEqual([[from, 'the answer']]);
    answer.reject(refusal(400, 'Bad Request: group chat was upgraded to a supergroup chat', NEW));
    await clock.advance(20_000);
    expect(telegram.asked.map((m) => [m.chatJid, m.text])).toEqual([
      [from, 'the answer'],
      [to, 'the answer'],
    ]);
    expect(moves).toEqual([]); // somebody else has said so before
  });

  it('arrived there just before: it is not sent again, and is Nina’s own message', async () => {
    const { telegram, delivery, answer, clock, db } = createSending();
    await clock.advance(0);
    db.transaction(() => db.groups.migrate(from, to));
    delivery.wake(to);
    answer.resolve(77);
    await clock.advance(20_000);
    expect(telegram.asked).toHaveLength(1);
    expect(messageRows(db, to)).toMatchObject([{ message_id: -78, disposition: 'own' }]);
    expect(outboxRows(db)).toMatchObject([{ state: 'sent' }]);
  });

  it('is the first to learn of it: all who know the chat are told', async () => {
    const { telegram, answer, clock, db, moves } = createSending();
    await clock.advance(0);
    answer.reject(refusal(400, 'Bad Request: group chat was upgraded to a supergroup chat', NEW));
    await clock.advance(2000);
    expect(moves).toEqual([`${from} ${to}`]);
    expect(db.groups.byJid(to)).not.toBeNull();
    expect(telegram.asked.at(-1)?.chatJid).toBe(to);
  });
});

describe('what is in memory follows', () => {
  it('the queue: one run at a time under both names, and a wait is looked at anew', async () => {
    const { clock } = createWorld();
    const { log } = createTestLog();
    const runs: string[] = [];
    let end: (() => void) | undefined;
    const queue = createGroupQueue<string>({
      clock,
      log,
      cap: 5,
      run: async (key) => {
        runs.push(key);
        if (key === 'patient') return { retryInMs: 60_000 };
        await new Promise<void>((resolve) => {
          end = resolve;
        });
        return 'again';
      },
    });
    queue.wake('old');
    queue.rename('old', 'new');
    queue.wake('new');
    await clock.settle();
    expect(runs).toEqual(['old']);
    expect(queue.status()).toMatchObject({ running: ['new'], waiting: [] });
    end?.();
    await clock.settle();
    expect(runs).toEqual(['old', 'new']);

    queue.wake('patient');
    await clock.settle();
    queue.rename('patient', 'eager');
    await clock.settle();
    expect(runs.slice(2)).toEqual(['patient', 'eager']);
    expect(queue.status().backingOff).toEqual([]);
    expect(clock.timers()).toBe(0);
    queue.stop();
  });

  it('“typing…” goes on in the new chat', async () => {
    const { clock } = createWorld();
    const shown: string[] = [];
    let now = from;
    const telegram = {
      async sendTyping(jid: string) {
        shown.push(jid);
        if (jid === from && now === to) throw refusal(400, 'upgraded', NEW);
      },
    };
    const stop = createTyping(telegram, clock, { action: () => true }, () => now)(from, null);
    await clock.advance(4000);
    now = to;
    await clock.advance(8000);
    stop();
    expect(shown).toEqual([from, from, to, to]);
  });
});
