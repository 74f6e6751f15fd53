/**
 * The bot may not write in a group: it is paused, main hears so once, nothing is tried again and again and nothing is lost; it
 * goes on by itself. A real router, delivery and database on a stepped clock; with a whole daemon: at the end.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { createDelivery } from '../../src/router/delivery.ts';
import { createPacing } from '../../src/router/pacing.ts';
import { createPauseLook, LOOK_MS, PATIENCE_MS, pauseReasonOf } from '../../src/router/pauses.ts';
import { MAIN_CHAT_ID } from '../../src/simulator/simulator.ts';
import { claimDue } from '../../src/task-scheduler/claim.ts';
import { scheduleTask, updateTask } from '../../src/tasks.ts';
import { chatJid, iso } from '../../src/types.ts';
import { explainMessage } from '../../src/why.ts';
import { wordsOf } from '../../src/words.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';
import { createScriptedTelegram, refusal } from '../support/scripted-telegram.ts';
import {
  BOT,
  commandText,
  createWorld,
  FAMILY,
  messageRows,
  messageUpdate,
  outboxRows,
  routerOf,
  storeMessage,
} from '../support/world.ts';

const jid = chatJid(FAMILY);
const main = chatJid(1001);
const MUTE = 'Bad Request: not enough rights to send text messages to the chat';

function createHarness() {
  const world = createWorld();
  const { db, clock } = world;
  world.register({ chatJid: main, name: 'Main', folder: 'main', isMain: true });
  world.register();
  const telegram = createScriptedTelegram(() => clock.monotonic());
  let refused: ReturnType<typeof refusal> | null = null;
  let looks = 0;
  telegram.onSend = (message, arrive) => {
    if (message.chatJid === jid && refused) throw refused;
    return arrive();
  };
  telegram.sendTyping = async () => {
    looks += 1;
    if (refused) throw refused;
  };
  const context = { db, clock, log: silentLogger() };
  const delivery = createDelivery({
    ...context,
    home: world.home,
    telegram,
    pacing: createPacing(),
    bot: () => BOT,
    chatMoved: () => {},
  });
  const pauses = createPauseLook({
    ...context,
    telegram,
    judgeRuns: () => {},
    wake: delivery.wake,
    moved: () => {},
  });
  pauses.start();
  const router = routerOf(world, { wakeDelivery: delivery.wake, heardPaused: pauses.heard });
  let offset = 0;
  return {
    ...world,
    router,
    telegram,
    refuse(error: typeof refused) {
      refused = error;
    },
    looks: () => looks,
    reply(text: string) {
      const at = iso(clock.now());
      db.outbox.add({ chatJid: jid, threadId: null, turnId: null, replyTo: null, text, at });
      delivery.wake(jid);
    },
    say(text: string) {
      offset += 1;
      router.accept(BOT, [messageUpdate(offset, { text, date: Math.floor(clock.now() / 1000) })], offset + 1);
    },
    arrived: (chat = jid) => telegram.arrived.filter((m) => m.chatJid === chat).map((m) => m.text),
    asked: () => telegram.asked.filter((m) => m.chatJid === jid).length,
  };
}

describe('a send that is refused', () => {
  it.each([
    [403, 'Forbidden: bot was kicked from the supergroup chat', 'removed'],
    [403, 'Forbidden: bot is not a member of the group chat', 'removed'],
    [403, 'Forbidden: bot was blocked by the user', 'blocked'],
    [403, 'Forbidden: user is deactivated', 'blocked'],
    [403, 'Forbidden: the group chat was deleted', 'gone'],
    [400, 'Bad Request: chat not found', 'gone'],
    [400, MUTE, 'restricted'],
    [400, 'Bad Request: CHAT_WRITE_FORBIDDEN', 'restricted'],
    [400, 'Bad Request: TOPIC_CLOSED', null],
    [400, 'Bad Request: not enough rights to send photos to the chat', null],
    [400, 'Bad Request: message text is empty', null],
  ])('%i %s means: %s', (status, text, reason) => {
    expect(pauseReasonOf(refusal(status, text))).toBe(reason);
  });

  it('pauses the group: one request in a day and looks now and then, main told once; the reply arrives later', async () => {
    const { reply, refuse, clock, arrived, asked, db, looks } = createHarness();
    refuse(refusal(400, MUTE));
    reply('the answer');
    reply('another');
    await clock.advance(LOOK_MS - 1);
    expect([asked(), looks()]).toEqual([1, 0]);
    expect(db.pauses.all()).toMatchObject([{ folder: 'family', reason: 'restricted', detail: MUTE }]);
    expect(arrived(main)).toEqual([
      expect.stringMatching(/^I cannot write in “Family” any more: I lack the right/),
    ]);
    await clock.advance(10 * LOOK_MS);
    expect([asked(), looks()]).toEqual([1, 10]);
    refuse(null);
    await clock.advance(LOOK_MS + 10_000);
    expect(db.pauses.all()).toEqual([]);
    expect(arrived()).toEqual(['the answer', 'another', expect.stringMatching(/^I could not write here/)]);
    expect(arrived(main).slice(1)).toEqual([
      'I can write in “Family” again and go on there. Waiting there: 0 questions and 2 replies.',
    ]);
  });

  it('is settled after a week, with the questions that waited', async () => {
    const { reply, refuse, clock, db, arrived } = createHarness();
    storeMessage(db, jid, 5, { receivedAt: iso(clock.now()) });
    refuse(refusal(403, 'Forbidden: bot was kicked from the group chat'));
    reply('the answer');
    await clock.advance(PATIENCE_MS - LOOK_MS);
    expect(outboxRows(db).filter((row) => row.chat_jid === jid)).toMatchObject([{ state: 'pending' }]);
    await clock.advance(3 * LOOK_MS);
    expect(outboxRows(db).filter((row) => row.chat_jid === jid)).toMatchObject([
      { state: 'failed', error: 'I could not write here for a week' },
    ]);
    expect(messageRows(db, jid)).toMatchObject([{ disposition: 'failed' }]);
    expect(db.pauses.of(jid)).toMatchObject({ reason: 'removed' });
    const why = explainMessage(db, jid, 5, 'UTC', undefined, wordsOf('de')).lines.join('\n');
    expect(why).toContain('fehlgeschlagen: ich konnte hier eine Woche lang nicht schreiben.');
    // Nobody is left without a word: the chat hears so as soon as it can be told, once.
    refuse(null);
    await clock.advance(2 * LOOK_MS);
    expect(arrived()).toEqual([
      'I could not write here for more than a week, and gave up 2 questions and replies that had waited so long. Please ask again.',
    ]);
    expect(db.pauses.of(jid)).toBeNull();
  });
});

describe('a paused group', () => {
  it('is named with the reason and since when: by /groups in main, by “why” for what waits there', async () => {
    const { reply, refuse, clock, db, router, arrived, say } = createHarness();
    refuse(refusal(400, MUTE));
    const since = new Date(clock.now()).toISOString().slice(0, 16).replace('T', ' ');
    reply('the answer');
    await clock.advance(90_000);
    say('@Nina are you there?');
    const why = () => explainMessage(db, jid, 1, 'UTC').lines.join('\n');
    expect(why()).toMatch(new RegExp(`^The group is paused since ${since}.*: I lack the right to\\.$`, 'm'));
    router.accept(BOT, [messageUpdate(50, { chat: Number(main), ...commandText('/groups') })], 51);
    await clock.advance(5000);
    expect(arrived(main).at(-1)?.split('\n')).toEqual([
      'main: Main (1001), main',
      `family: Family (${FAMILY}), paused since ${since}: I lack the right to`,
    ]);
    refuse(null);
    await clock.advance(LOOK_MS + 10_000);
    expect(why()).not.toContain('paused');
  });

  it('settles after a week the runs that waited: a task of one run is over, and says why', async () => {
    const { refuse, reply, clock, db } = createHarness();
    const group = db.groups.byJid(jid);
    if (!group) throw new Error('no group');
    const rules = { db, now: () => clock.now(), defaultTimezone: 'UTC' };
    const at = (ms: number) => iso(clock.now() + ms);
    const words = { prompt: 'water the flowers', scheduleType: 'once' } as const;
    const schedule = (value: string) =>
      scheduleTask(rules, group, { ...words, scheduleValue: value }, 'test');
    const [due, moved] = [schedule(at(60_000)), schedule(at(60_000))];
    await clock.advance(120_000);
    db.transaction(() => {
      for (const task of [due, moved]) claimDue(db, task, clock.now(), () => at(0));
    });
    updateTask(rules, db.tasks.byId(moved.id) ?? moved, { scheduleValue: at(30 * 86_400_000) });
    refuse(refusal(403, 'Forbidden: bot was kicked from the group chat'));
    reply('the answer');
    await clock.advance(PATIENCE_MS + 2 * LOOK_MS);
    const reason = 'I could not write here for a week';
    expect(db.taskRuns.ofTask(due.id, 5)).toMatchObject([{ outcome: 'skipped', reason }]);
    expect(db.tasks.byId(due.id)).toMatchObject({
      status: 'done',
      statusReason: reason,
      lastResult: `skipped: ${reason}`,
    });
    expect(db.tasks.byId(moved.id)).toMatchObject({ status: 'active', nextRun: expect.any(String) });
  });

  it('goes on as soon as somebody writes there, but not by what was written before', async () => {
    const { reply, refuse, clock, arrived, db, say } = createHarness();
    refuse(refusal(403, 'Forbidden: bot was kicked from the group chat'));
    reply('the answer');
    await clock.advance(0);
    say('written just before, polled now');
    await clock.settle();
    expect(db.pauses.of(jid)).not.toBeNull();
    refuse(null);
    await clock.advance(5000);
    say('hello again');
    await clock.advance(5000);
    expect(db.pauses.of(jid)).toBeNull();
    expect(arrived()[0]).toBe('the answer');
  });

  it('where it is restricted is looked at when somebody writes, once a minute', async () => {
    const { reply, refuse, clock, looks, say, db } = createHarness();
    refuse(refusal(400, MUTE));
    reply('the answer');
    await clock.advance(1000);
    for (let n = 0; n < 5; n += 1) say('@Nina are you there?');
    await clock.settle();
    expect(looks()).toBe(1);
    refuse(null);
    await clock.advance(61_000);
    say('@Nina?');
    await clock.settle();
    expect(db.pauses.of(jid)).toBeNull();
  });
});

describe('with a whole daemon', () => {
  let api: BotApi;
  let home: TestHome;
  afterEach(async () => {
    await home.dispose();
    await api.close();
  });

  it('the bot loses and gets back its right, over a SIGKILL: all is answered once, main told once of each', async () => {
    api = await startBotApi();
    home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
    const chat = api.group('Family');
    home.registerAll([
      { chatJid: String(MAIN_CHAT_ID), name: 'Main', folder: 'main', isMain: true },
      { chatJid: String(chat), name: 'Family', folder: 'family', requiresTrigger: false },
    ]);
    const daemon = await home.start();
    api.sim.setBotStatus(chat, 'restricted', 'you');
    api.sim.say({ chat, from: 'anna', text: 'is-anybody-there' });
    await api.until(() => api.answers(MAIN_CHAT_ID).length === 1, 'main to be told');
    await home.until(
      () => home.row("SELECT 1 FROM messages WHERE content = 'is-anybody-there'"),
      'the question',
    );
    // A kill before that is noted would have it repeated, marked.
    await home.until(() => home.row("SELECT 1 FROM outbox WHERE state = 'sent'"), 'that main was told');
    await daemon.kill('SIGKILL');
    const next = await home.start();
    expect((await home.nanoclaw('groups', 'list')).stdout).toContain('paused: restricted');
    expect((await home.nanoclaw('status')).stdout).toContain('PAUSED (restricted)');
    expect(home.rows('SELECT * FROM turns')).toEqual([]);
    api.sim.setBotStatus(chat, 'member', 'you');
    await api.until(() => api.answers(chat).join().includes('is-anybody-there'), 'the answer');
    await home.until(
      () => home.row("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE state <> 'sent')"),
      'all sent',
    );
    expect(api.answers(MAIN_CHAT_ID)).toEqual([
      expect.stringMatching(/^I cannot write in “Family”/),
      expect.stringMatching(/^I can write in “Family” again.*1 question and 0 replies/),
    ]);
    expect(api.answers(chat).filter((text) => text.includes('is-anybody-there'))).toHaveLength(1);
    expect(next.log().filter(({ level }) => level === 'error')).toEqual([]);
  }, 60_000);
});
