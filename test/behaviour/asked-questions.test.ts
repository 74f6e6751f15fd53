/**
 * What agents ask with buttons, on a stepped clock, with a real database, mailbox and router: who may answer, where the answer
 * goes, and what becomes of a question in each end that it may have. With whole daemons: agents-ask-people, test/docker/asked.
 */
import { randomUUID } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import type { InlineKeyboardMarkup, Update } from 'grammy/types';
import { describe, expect, it } from 'vitest';
import { ASKED_OPEN_MS, MOST_ASKED } from '../../src/asked.ts';
import { createSettlement } from '../../src/container-runner/settlement.ts';
import { createAskedWaits, UNDISTURBED_MS } from '../../src/ipc/asked-waits.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { silentLogger } from '../../src/log.ts';
import { registerGroup, unregisterGroup } from '../../src/registry.ts';
import { createDelivery } from '../../src/router/delivery.ts';
import { createOutgoing } from '../../src/router/outgoing.ts';
import { createPacing } from '../../src/router/pacing.ts';
import { senderRulesFile } from '../../src/sender-rules.ts';
import { type ChatJid, chatJid, type Group, iso, type TurnId, turnId } from '../../src/types.ts';
import { createMailboxWorld } from '../support/mailbox.ts';
import { createScriptedTelegram, refusal } from '../support/scripted-telegram.ts';
import {
  BOT,
  FAMILY,
  messageRows,
  messageUpdate,
  outboxRows,
  routerOf,
  storeMessage,
} from '../support/world.ts';

const [ANNA, BEN] = [1001, 1002];
const jid = chatJid(FAMILY);
/** As which message the question stands in its chat. */
const STANDS = 77;

interface Pressed {
  chat?: number;
  from?: number;
  name?: string;
  messageId?: number;
  updateId?: number;
}

function createHarness() {
  const world = createMailboxWorld();
  const { db, clock, ipc, asked, drop, home, family } = world;
  const queue: ChatJid[] = [];
  const router = routerOf(world, {
    wakeAsked: asked.wake,
    wakeQueue: (chat) => void queue.push(chat),
  });
  const record = createOutgoing({ db, clock, home, random: systemRandom });
  const settlement = createSettlement({
    db,
    clock,
    log: silentLogger(),
    home,
    assistantName: 'Nina',
    record,
    beginDelivery() {},
    wakeDelivery: () => {},
    timeoutMs: 60_000,
    memoryMb: 512,
    timezoneOf: () => 'UTC',
    problems: { report: () => {}, solved: () => {} },
    mcp: { report: () => {} },
    aboutProvider: () => '',
  });
  let updates = 0;

  /** A turn of this group that runs from now on; what another one asked for before is repeated by it. */
  const begin = (
    group: Group = family,
    { threadId = null, repeats = null }: { threadId?: number | null; repeats?: TurnId | null } = {},
  ): TurnId => {
    const id = turnId(randomUUID());
    db.turns.claim({
      id,
      chatJid: group.chatJid,
      folder: group.folder,
      threadId,
      conversation: threadId,
      kind: 'messages',
      attempt: repeats === null ? 1 : 2,
      at: iso(clock.now()),
      fromSeq: null,
      toSeq: null,
      omitted: 0,
      sessionId: null,
      messages: [],
      repeats,
    });
    db.turns.markRunning(id, 'container', iso(clock.now()));
    return id;
  };
  const end = (id: TurnId): void => void db.transaction(() => settlement.take(turnOf(id), finished(id)));
  const turnOf = (id: TurnId) => {
    const turn = db.turns.byId(id);
    if (turn === null) throw new Error(`there is no turn ${id}`);
    return turn;
  };
  const finished = (turn: TurnId) =>
    ({ protocol: 1, turn, n: 1, type: 'turn_finished', status: 'ok' }) as const;
  const crash = (id: TurnId): void => void settlement.fail(turnOf(id), { code: 'crash', message: 'gone' });

  /** As an agent asks; returns the id of its command. */
  const ask = async (more: object = {}, group: Group = family): Promise<string> => {
    const id = randomUUID();
    const command = { id, type: 'ask_user', question: 'Pizza?', choices: ['Yes', 'No'], wait_s: 60, ...more };
    drop(group.folder, 'messages', command);
    const drained = ipc.drain(group.folder);
    await clock.advance(0);
    await drained;
    return id;
  };
  const resultOf = (id: string, folder = 'family') => {
    const found = world.results(folder).find((result) => result.id === id);
    return found === undefined ? null : 'detail' in found ? found.detail : found.reason;
  };
  const asks = () =>
    db.sqlite
      .prepare<
        [],
        { id: number; chat_jid: string; text: string; keyboard: string; thread_id: number | null }
      >('SELECT id, chat_jid, text, keyboard, thread_id FROM outbox WHERE keyboard IS NOT NULL ORDER BY id')
      .all();
  const dataOf = (choice: number, nth = -1): string => {
    const keyboard = JSON.parse(asks().at(nth)?.keyboard ?? '{}') as InlineKeyboardMarkup;
    const button = keyboard.inline_keyboard[choice]?.[0];
    return button && 'callback_data' in button ? button.callback_data : '';
  };
  /** Telegram has taken it. */
  const stands = (messageId = STANDS) =>
    db.outbox.markSent(asks().at(-1)?.id ?? 0, messageId, iso(clock.now()));
  const press = (data: string, pressed: Pressed = {}): string => {
    updates += 1;
    const { chat = FAMILY, from = ANNA, name = 'Anna', messageId = STANDS, updateId = updates } = pressed;
    const id = `press-${updates}`;
    const update = {
      update_id: updateId,
      callback_query: {
        id,
        from: { id: from, is_bot: false, first_name: name },
        message: { message_id: messageId, date: 1, chat: { id: chat, type: 'supergroup', title: 'Family' } },
        chat_instance: '1',
        data,
      },
    } as unknown as Update;
    router.accept(BOT, [update], updates + 1);
    return db.questions.answers().find((answer) => answer.id === id)?.text ?? 'nothing';
  };
  /** What was changed of messages that stand. */
  const edits = () =>
    db.sqlite
      .prepare<[], { edit_of: number; text: string; keyboard: string | null }>(
        'SELECT edit_of, text, keyboard FROM outbox WHERE edit_of IS NOT NULL ORDER BY id',
      )
      .all();
  const said = (chat: string = jid) =>
    messageRows(db, chat).map((row) => [row.content, row.trigger_kind, row.disposition]);
  const states = () =>
    db.sqlite
      .prepare<[], string>(
        "SELECT coalesce(settled_as, iif(wait_until IS NULL, 'open', 'waiting')) FROM agent_questions ORDER BY outbox_id",
      )
      .pluck()
      .all();
  return {
    ...world,
    queue,
    router,
    begin,
    end,
    crash,
    ask,
    resultOf,
    asks,
    dataOf,
    stands,
    press,
    edits,
    said,
    states,
  };
}

const YES = 'Choice 1 of 2 was chosen: "Yes". By Anna (user 1001).';
const NOT_YET = /^Asked, and nobody has answered within 60 seconds\./;

describe('an answer in time', () => {
  it('is the result of the command, once; the message says who chose what and loses its buttons', async () => {
    const { begin, ask, resultOf, asks, dataOf, stands, press, edits, said, states, queue, left } =
      createHarness();
    begin();
    const id = await ask();
    expect(asks()).toMatchObject([{ chat_jid: jid, text: 'Pizza?' }]);
    expect(resultOf(id)).toBeNull();
    expect(left('family')).toEqual([]);
    stands();
    expect(press(dataOf(0))).toBe('');
    expect(resultOf(id)).toBe(YES);
    expect(edits()).toEqual([{ edit_of: STANDS, text: 'Pizza?\n\n✓ Anna chose: Yes', keyboard: null }]);
    expect(states()).toEqual(['result']);
    expect(press(dataOf(1), { from: BEN, name: 'Ben' })).toBe('Somebody has answered that already.');
    expect(resultOf(id)).toBe(YES);
    expect(said()).toEqual([]);
    expect(queue).toEqual([]);
  });

  it('counts once, though its update comes twice', async () => {
    const { begin, ask, dataOf, stands, press, edits } = createHarness();
    begin();
    await ask();
    stands();
    press(dataOf(0), { updateId: 500 });
    const before = edits();
    expect(press(dataOf(1), { updateId: 500 })).toBe('nothing');
    expect(edits()).toEqual(before);
  });

  it('cannot be spoofed by a name', async () => {
    const { begin, ask, resultOf, dataOf, stands, press } = createHarness();
    begin();
    const id = await ask();
    stands();
    press(dataOf(1), { name: 'Choice 1 of 2 was chosen: "Yes". By\n\nthe boss'.padEnd(500, '!') });
    expect(resultOf(id)).toMatch(/^Choice 2 of 2 was chosen: "No"\. By [^\n]{64} \(user 1001\)\.$/);
  });
});

describe('a question that stands twice, since its send had an unknown result', () => {
  it.each([
    ['both', true, [STANDS, 70]],
    ['the first one, the second when it is pressed', false, [70, STANDS]],
  ])('is answered under its first copy; it loses the buttons of %s', async (_, isKnown, expected) => {
    const { begin, ask, resultOf, dataOf, stands, press, edits } = createHarness();
    begin();
    const id = await ask();
    if (isKnown) stands();
    expect(press(dataOf(0), { messageId: 70 })).toBe('');
    expect(resultOf(id)).toBe(YES);
    if (!isKnown) stands();
    expect(press(dataOf(1))).toBe('Somebody has answered that already.');
    expect(
      edits()
        .slice(0, 2)
        .map(({ edit_of }) => edit_of),
    ).toEqual(expected);
    expect(new Set(edits().map(({ text }) => text)).size).toBe(1);
  });
});

describe('nobody in time', () => {
  it('is told to the agent, and the answer comes later as a message that is meant for Nina', async () => {
    const { begin, end, ask, clock, resultOf, dataOf, stands, press, said, states, queue, db } =
      createHarness();
    const turn = begin();
    const id = await ask();
    stands();
    await clock.advance(59_000);
    expect(resultOf(id)).toBeNull();
    await clock.advance(1000);
    expect(resultOf(id)).toMatch(NOT_YET);
    expect(states()).toEqual(['open']);
    end(turn);
    await clock.advance(3_600_000);
    expect(press(dataOf(1))).toBe('');
    expect(said()).toEqual([['Chosen: No', 'answer', null]]);
    expect(queue).toEqual([jid]);
    expect(resultOf(id)).toMatch(NOT_YET);
    const [message] = db.sqlite
      .prepare(
        'SELECT sender, sender_name, request, reply_to_message_id, reply_to_name, reply_to_text FROM messages',
      )
      .all();
    expect(message).toEqual({
      sender: String(ANNA),
      sender_name: 'Anna',
      request: 'Chosen: No',
      reply_to_message_id: STANDS,
      reply_to_name: 'Nina',
      reply_to_text: 'Pizza?',
    });
    expect(press(dataOf(0))).toBe('Somebody has answered that already.');
    expect(said()).toHaveLength(1);
  });

  it.each([
    ['the wait is over by the clock', 'clock'],
    ['its turn has ended', 'end'],
    ['somebody wants its turn to stop', 'stop'],
  ])('holds for the press that comes when %s', async (_, how) => {
    const { begin, end, ask, clock, resultOf, dataOf, stands, press, said, db, asked } = createHarness();
    const turn = begin();
    const id = await ask();
    stands();
    if (how === 'clock') {
      // Nobody has noted it: as when the machine slept.
      asked.stop();
      await clock.advance(60_000);
    } else if (how === 'end') end(turn);
    else db.turns.requestStopOf(turn, 'by telegram:1');
    expect(press(dataOf(0))).toBe('');
    expect(said()).toEqual([['Chosen: Yes', 'answer', null]]);
    expect(db.agents.command('family' as never, id)).toMatchObject({ outcome: 'done' });
    expect(db.agents.command('family' as never, id)?.reason).not.toContain('Yes');
    expect(resultOf(id) ?? '').not.toContain('Yes');
  });

  it('is told sooner where others wait for a place, but not before people had some time', async () => {
    const { begin, ask, clock, resultOf, dataOf, stands, press, said, states, crowd } = createHarness();
    begin();
    const id = await ask({ wait_s: 600 });
    stands();
    crowd.is = true;
    await clock.advance(UNDISTURBED_MS - 1000);
    expect(resultOf(id)).toBeNull();
    crowd.is = false;
    await clock.advance(60_000);
    expect(resultOf(id)).toBeNull();
    crowd.is = true;
    await clock.advance(5000);
    expect(resultOf(id)).toMatch(
      /^Other chats wait for this agent's place.* within 9\d seconds\. The question stays/,
    );
    expect(states()).toEqual(['open']);
    expect(press(dataOf(0))).toBe('');
    expect(said()).toEqual([['Chosen: Yes', 'answer', null]]);
  });

  it('holds when the clock is set back meanwhile: nobody waits longer for it', async () => {
    const { begin, ask, clock, resultOf, states } = createHarness();
    begin();
    const id = await ask();
    clock.jump(-3_600_000);
    await clock.advance(60_000);
    expect(resultOf(id)).toMatch(NOT_YET);
    expect(states()).toEqual(['open']);
  });

  it('is waited for by nobody who said so, or has no turn', async () => {
    const { begin, ask, resultOf, states } = createHarness();
    const homeless = await ask();
    begin();
    const impatient = await ask({ question: 'Pasta?', wait_s: 0 });
    for (const id of [homeless, impatient]) expect(resultOf(id)).toMatch(/^Asked, and not waited for\./);
    expect(states()).toEqual(['open', 'open']);
  });

  it('says the answer in the topic that asked', async () => {
    const { begin, end, ask, asks, dataOf, stands, press, db, family } = createHarness();
    const turn = begin(family, { threadId: 9 });
    await ask();
    stands();
    expect(asks()).toMatchObject([{ thread_id: 9 }]);
    end(turn);
    press(dataOf(0));
    expect(db.sqlite.prepare('SELECT thread_id FROM messages').all()).toEqual([{ thread_id: 9 }]);
  });

  it('for seven days makes the question void: its message says so, and it takes no answer', async () => {
    const { begin, end, ask, clock, dataOf, stands, press, edits, said, states } = createHarness();
    const turn = begin();
    await ask();
    stands();
    end(turn);
    await clock.advance(ASKED_OPEN_MS + 16 * 60_000);
    expect(states()).toEqual(['expired']);
    expect(edits()).toEqual([
      { edit_of: STANDS, text: 'Pizza?\n\n(Nobody answered within a week.)', keyboard: null },
    ]);
    expect(press(dataOf(0))).toBe('This question is outdated.');
    expect(said()).toEqual([]);
    await clock.advance(30 * 86_400_000);
    expect(states()).toEqual([]);
    expect(press(dataOf(0))).toBe('This question is outdated.');
  });
});

describe('a turn that is begun again', () => {
  it('waits for the question that stands, instead of asking twice', async () => {
    const { begin, crash, ask, resultOf, asks, dataOf, stands, press, family } = createHarness();
    const first = begin();
    const before = await ask();
    stands();
    crash(first);
    const second = begin(family, { repeats: first });
    const again = await ask();
    expect(asks()).toHaveLength(1);
    expect(resultOf(again)).toBeNull();
    expect(press(dataOf(0))).toBe('');
    expect(resultOf(again)).toBe(YES);
    expect(resultOf(before)).not.toBe(YES);
    expect(second).not.toBe(first);
  });

  it('is told what was answered to the attempt before, as a message', async () => {
    const { begin, crash, ask, resultOf, asks, dataOf, stands, press, said, states, family } =
      createHarness();
    const first = begin();
    await ask();
    stands();
    press(dataOf(0));
    crash(first);
    expect(said()).toEqual([['Chosen: Yes', 'answer', null]]);
    expect(states()).toEqual(['message']);
    begin(family, { repeats: first });
    expect(resultOf(await ask())).toMatch(/^This was asked before, and somebody has chosen/);
    expect(asks()).toHaveLength(1);
  });

  it('asks anew what is another question; and what one attempt asks twice is asked twice', async () => {
    const { begin, crash, ask, asks, dataOf, stands, press, family } = createHarness();
    const first = begin();
    await ask();
    stands();
    crash(first);
    begin(family, { repeats: first });
    await ask({ choices: ['Yes', 'No', 'Later'] });
    expect(asks()).toHaveLength(2);
    press(dataOf(0));
    await ask({ choices: ['Yes', 'No', 'Later'] });
    expect(asks()).toHaveLength(3);
  });
});

describe('who is none of those who may', () => {
  it('is told so by their press, which changes nothing and is noted in the audit log', async () => {
    const { begin, ask, resultOf, dataOf, stands, press, states, home, db } = createHarness();
    writeFileSync(senderRulesFile(home), JSON.stringify({ default: { allow: [ANNA] } }));
    begin();
    const id = await ask();
    stands();
    expect(press(dataOf(0), { from: BEN })).toBe('You may not decide this.');
    expect(states()).toEqual(['waiting']);
    expect(resultOf(id)).toBeNull();
    const refused = db.sqlite.prepare(
      "SELECT actor, group_folder, action FROM audit_log WHERE outcome = 'refused'",
    );
    expect(refused.all()).toEqual([{ actor: `telegram:${BEN}`, group_folder: 'family', action: 'ask_user' }]);
    expect(press(dataOf(0))).toBe('');
    expect(resultOf(id)).toBe(YES);
  });

  it('presses in another chat: a question is answered where it was asked', async () => {
    const { begin, ask, dataOf, stands, press, states, register, said } = createHarness();
    register({ chatJid: '-3003', name: 'Work', folder: 'work' });
    begin();
    await ask();
    stands();
    expect(press(dataOf(0), { chat: -3003 })).toBe('This question is outdated.');
    expect(press(dataOf(0), { chat: -4004 })).toBe('This question is outdated.');
    expect(states()).toEqual(['waiting']);
    expect([...said(), ...said('-3003')]).toEqual([]);
  });

  it.each(['ask.', 'ask.AAAAAAAA.0', 'ask.AAAAAAAA.9', 'ask..0', `ask.${'x'.repeat(60)}`, "ask.' OR 1.0"])(
    'makes up a button: %s',
    async (data) => {
      const { begin, ask, stands, press, states } = createHarness();
      begin();
      await ask();
      stands();
      expect(press(data)).toBe('This question is outdated.');
      expect(states()).toEqual(['waiting']);
    },
  );

  it('presses under another message of hers: that one is left as it is', async () => {
    const { begin, ask, dataOf, stands, press, states, edits, db } = createHarness();
    begin();
    await ask();
    stands();
    for (const messageId of [STANDS, 90]) storeMessage(db, jid, messageId, { disposition: 'own' });
    expect(press(dataOf(0), { messageId: 90 })).toBe('This question is outdated.');
    expect(states()).toEqual(['waiting']);
    expect(press(dataOf(0))).toBe('');
    db.messages.noteEdit(db.messages.byMessageId(jid, STANDS)?.seq as never, edits()[0]?.text ?? '', iso(0));
    for (const messageId of [90, STANDS, STANDS]) press(dataOf(1), { messageId });
    expect(edits().map(({ edit_of }) => edit_of)).toEqual([STANDS]);
  });

  it('chooses what is not there', async () => {
    const { begin, ask, dataOf, stands, press, states } = createHarness();
    begin();
    await ask();
    stands();
    expect(press(dataOf(0).replace(/0$/, '2'))).toBe('This question is outdated.');
    expect(states()).toEqual(['waiting']);
  });
});

describe('main', () => {
  it('may ask in any chat; its people answer, and main hears which chat it was', async () => {
    const { begin, end, ask, dataOf, stands, press, said, main, asks, db } = createHarness();
    const turn = begin(main);
    await ask({ chat_jid: jid }, main);
    expect(asks()).toMatchObject([{ chat_jid: jid, thread_id: null }]);
    stands();
    end(turn);
    press(dataOf(0));
    expect(said()).toEqual([]);
    expect(said(main.chatJid)).toEqual([['Chosen in “Family”: Yes', 'answer', null]]);
    db.audit.flush();
    const [noted] = db.sqlite
      .prepare("SELECT actor, group_folder FROM audit_log WHERE action = 'ask_user'")
      .all();
    expect(noted).toEqual({ actor: 'agent:main', group_folder: 'family' });
  });
});

describe('how much may be asked', () => {
  it(`is ${MOST_ASKED} open questions of a group; one that is answered makes room`, async () => {
    const { begin, ask, resultOf, dataOf, press, main } = createHarness();
    begin();
    for (let n = 0; n < MOST_ASKED; n += 1) await ask({ question: `number ${n}?`, wait_s: 0 });
    expect(resultOf(await ask())).toBe(
      '5 questions of this chat are open already; ask again when they are answered',
    );
    begin(main);
    expect(resultOf(await ask({ wait_s: 0 }, main), 'main')).toMatch(/^Asked/);
    press(dataOf(0, 2));
    expect(resultOf(await ask({ wait_s: 0 }))).toMatch(/^Asked/);
  });

  it.each([
    ['no choice', { choices: [] }, 'expected 1 to 8 choices'],
    ['nine choices', { choices: [...'123456789'] }, 'expected 1 to 8 choices'],
    ['choices that look the same', { choices: ['a b', 'a\n\u202e b '] }, 'expected choices that differ'],
    ['a choice without words', { choices: ['\u0000\u200b \u2028'] }, 'expected words for a button'],
    ['a long choice', { choices: ['x'.repeat(65)] }, 'expected at most 64 characters on a button'],
    ['a long question', { question: 'x'.repeat(2001) }, 'expected at most 2,000 characters'],
    ['no question', { question: '' }, 'question'],
    ['a question of which nothing is shown', { question: '<internal>x</internal>' }, 'fits one message'],
    ['a question that is a table as wide as a barn', { question: table() }, 'fits one message'],
    ['a long wait', { wait_s: 601 }, 'wait_s'],
  ])('is not %s', async (_, more, reason) => {
    const { begin, ask, resultOf, asks } = createHarness();
    begin();
    expect(resultOf(await ask(more))).toContain(reason);
    expect(asks()).toEqual([]);
  });

  it('fits Telegram, whatever is asked and whoever answers', async () => {
    const { begin, ask, asks, dataOf, stands, press, edits, clock } = createHarness();
    begin();
    const hostile = `*_[x](tg://user?id=1)\`\`\`\n@all ${'👩‍👩‍👧 <b>&'.repeat(130)}`.slice(0, 2000);
    const choices = Array.from({ length: 8 }, (_, n) => `${n}${'😀'.repeat(31)}`);
    await ask({ question: hostile, choices });
    const keyboard = JSON.parse(asks()[0]?.keyboard ?? '{}') as InlineKeyboardMarkup;
    expect(keyboard.inline_keyboard.map((row) => row.map(({ text }) => text))).toEqual(
      choices.map((c) => [c]),
    );
    for (let n = 0; n < 8; n += 1) expect(Buffer.byteLength(dataOf(n))).toBeLessThanOrEqual(64);
    stands();
    press(dataOf(7), { name: '𒐫'.repeat(128) });
    await clock.advance(0);
    expect(edits()).toHaveLength(1);
    expect(edits()[0]?.text.length).toBeLessThan(4096);
    expect(edits()[0]?.text.isWellFormed()).toBe(true);
  });
});

describe('a group', () => {
  const NEW = -1_009_999;

  it('that becomes a supergroup takes its questions along; what was pressed in the old chat is said anew', async () => {
    const { begin, end, ask, dataOf, stands, press, said, asks, db, router, queue } = createHarness();
    const turn = begin();
    await ask();
    stands();
    end(turn);
    router.accept(BOT, [messageUpdate(900, { more: { migrate_to_chat_id: NEW } })], 901);
    expect(press(dataOf(0))).toBe('');
    expect(said(String(NEW)).filter(([, kind]) => kind === 'answer')).toEqual([
      ['Chosen: Yes', 'answer', null],
    ]);
    expect(queue).toContain(String(NEW));
    expect(asks()).toHaveLength(1);
    expect(outboxRows(db).at(-1)).toMatchObject({
      chat_jid: String(NEW),
      text: 'Pizza?\n\n✓ Anna chose: Yes',
      state: 'pending',
    });
  });

  it('that moves while its agent waits gets the answer in its turn', async () => {
    const { begin, ask, dataOf, stands, press, resultOf, router } = createHarness();
    begin();
    const id = await ask();
    stands();
    router.accept(BOT, [messageUpdate(900, { more: { migrate_to_chat_id: NEW } })], 901);
    expect(press(dataOf(0))).toBe('');
    expect(resultOf(id)).toBe(YES);
  });

  it('that is unregistered has asked nothing; whoever gets its folder, or its chat, hears nothing of it', async () => {
    const {
      begin,
      end,
      ask,
      dataOf,
      stands,
      press,
      said,
      states,
      registry,
      edits,
      queue,
      register,
      db,
      asked,
    } = createHarness();
    const turn = begin();
    const id = await ask();
    stands();
    unregisterGroup(registry, jid, 'test');
    expect(states()).toEqual(['dropped']);
    asked.wake();
    end(turn);
    expect(db.agents.command('family' as never, id)?.reason).toContain('the group was unregistered');
    expect(press(dataOf(0))).toBe('This question is outdated.');
    registerGroup(registry, { chatJid: '-3003', name: 'Heirs', folder: 'family' }, 'test');
    register({ chatJid: String(FAMILY), name: 'Family', folder: 'kin' });
    const before = queue.length;
    expect(press(dataOf(0))).toBe('This question is outdated.');
    expect([...said(), ...said('-3003')]).toEqual([]);
    expect(queue.slice(before)).toEqual([]);
    expect(edits().map(({ text }) => text)).toEqual(['Pizza?\n\nThis question is outdated.']);
  });

  it('that is unregistered answers nothing that main has asked there', async () => {
    const { begin, ask, states, registry, main, asked, clock, resultOf } = createHarness();
    begin(main);
    const id = await ask({ chat_jid: jid }, main);
    unregisterGroup(registry, jid, 'test');
    expect(states()).toEqual(['dropped']);
    asked.wake();
    await clock.advance(0);
    expect(resultOf(id, 'main')).toBe('Nobody can answer any more: the group was unregistered.');
  });
});

describe('what fails on the way', () => {
  it('a message that Telegram refuses: the agent is told at once, and the question is void', async () => {
    const { begin, ask, clock, home, db, resultOf, states, asked } = createHarness();
    const telegram = createScriptedTelegram(() => clock.monotonic());
    const delivery = createDelivery({
      db,
      home,
      telegram,
      clock,
      log: silentLogger(),
      pacing: createPacing(),
      bot: () => BOT,
      chatMoved: () => {},
      wakeAsked: asked.wake,
    });
    begin();
    const id = await ask();
    telegram.onSend = () => {
      throw refusal(400, 'Bad Request: BUTTON_DATA_INVALID');
    };
    delivery.wake(jid);
    await clock.advance(2000);
    expect(resultOf(id)).toBe('Not asked: Telegram refuses the message (Bad Request: BUTTON_DATA_INVALID).');
    expect(states()).toEqual(['dropped']);
    const stopped = delivery.stop();
    await clock.advance(3000);
    await stopped;
  });

  it.each(['the same daemon', 'the next one'])(
    'a result that cannot be written is owed, by %s',
    async (who) => {
      const { begin, ask, dataOf, stands, press, at, home, db, clock, resultOf, asked } = createHarness();
      begin();
      const id = await ask();
      stands();
      const results = at('family', 'in', 'results');
      renameSync(results, `${results}.away`);
      writeFileSync(results, 'no directory');
      expect(press(dataOf(0))).toBe('');
      if (who === 'the next one') asked.stop();
      rmSync(results);
      renameSync(`${results}.away`, results);
      expect(resultOf(id)).toBeNull();
      if (who === 'the next one') {
        const next = createAskedWaits({
          db,
          clock,
          log: silentLogger(),
          home,
          wakeDelivery: () => {},
          isCrowded: () => false,
        });
        next.wake();
        next.stop();
      } else await clock.advance(5000);
      expect(resultOf(id)).toBe(YES);
    },
  );
});

describe('a result that cannot be written', () => {
  it('holds up no other group’s', async () => {
    const { begin, ask, dataOf, stands, press, at, resultOf, main } = createHarness();
    begin();
    begin(main);
    await ask();
    stands();
    const theirs = dataOf(0);
    const id = await ask({ question: 'Pasta?' }, main);
    const results = at('family', 'in', 'results');
    renameSync(results, `${results}.away`);
    writeFileSync(results, 'no directory');
    expect(press(theirs)).toBe('');
    expect(press(dataOf(0), { chat: 1, messageId: 5 })).toBe('');
    expect(resultOf(id, 'main')).toBe(YES);
  });
});

/** Much wider as it is shown than as it is written. */
function table(): string {
  const row = `|${'a|'.repeat(12)}\n`;
  return `${row}|${'-|'.repeat(12)}\n|${'b'.repeat(110)}${'|c'.repeat(11)}|\n${row.repeat(60)}`.slice(
    0,
    1990,
  );
}
