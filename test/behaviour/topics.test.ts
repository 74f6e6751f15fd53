/**
 * Topics of a forum: each is a conversation of its own, or the whole group is one; what is said lands where it was asked; topics
 * take turns, stop and fail apart; what a topic takes no more is said in General.
 */
import { expect, it } from 'vitest';
import { TelegramError } from '../../src/telegram/api.ts';
import { conversationOf, type Group } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { failing } from '../support/scripted-agent.ts';

const PLANS = 7;
const ERRANDS = 9;

const inTopic = (id: number, name = 'Plans') => ({
  is_topic_message: true,
  message_thread_id: id,
  reply_to_message: { message_id: id, date: 0, forum_topic_created: { name, icon_color: 1 } },
});

async function forum(topics: Group['topics'] = 'separate') {
  const daemon = new InnerDaemon();
  const group = { ...daemon.register('family'), topics };
  daemon.db.groups.update(group);
  await daemon.start();
  const say = (text: string, topic: number | null = null) =>
    daemon.say(group, text, undefined, topic === null ? {} : inTopic(topic));
  const places = () => daemon.telegram.arrived.map(({ text, threadId }) => [text, threadId]);
  const arrived = (count: number) => daemon.until(() => daemon.telegram.arrived.length >= count);
  const turns = (count: number) => daemon.until(() => daemon.agent.turns.length >= count);
  return { daemon, group, say, places, arrived, turns };
}

it('each topic has its session and context, General too; answers land where it was asked', async () => {
  const { daemon, say, places, arrived } = await forum();
  daemon.agent.answer = ({ thread_id }) => ({ text: `in ${thread_id}`, session: `session-${thread_id}` });
  await say('plans are secret', PLANS);
  await say('errands are open', ERRANDS);
  await say('@Nina one', PLANS);
  await arrived(1);
  await say('@Nina two', ERRANDS);
  await arrived(2);
  await say('@Nina three');
  await arrived(3);
  await say('@Nina four', PLANS);
  await arrived(4);
  expect(places()).toEqual([
    ['in 7', PLANS],
    ['in 9', ERRANDS],
    ['in null', null],
    ['in 7', PLANS],
  ]);
  const [one, two, three, four] = daemon.agent.turns;
  expect(one?.prompt).toContain('plans are secret');
  expect(one?.prompt).not.toContain('errands are open');
  expect(two?.prompt).toContain('errands are open');
  expect(two?.prompt).not.toContain('plans');
  expect(three?.prompt).not.toMatch(/plans|errands/);
  expect([one, two, three, four].map((turn) => turn?.session_id)).toEqual([null, null, null, 'session-7']);
});

it('together, the group is one conversation; the answer goes to the topic that asked', async () => {
  const { daemon, say, places, arrived } = await forum('together');
  daemon.agent.answer = ({ thread_id }) => ({ text: `in ${thread_id}`, session: 'the one' });
  await say('plans are for all', PLANS);
  await say('@Nina one', ERRANDS);
  await arrived(1);
  await say('@Nina two', PLANS);
  await arrived(2);
  expect(places()).toEqual([
    ['in 9', ERRANDS],
    ['in 7', PLANS],
  ]);
  expect(daemon.agent.turns[0]?.prompt).toContain('plans are for all');
  expect(daemon.agent.turns[1]?.session_id).toBe('the one');
});

it('the setting counts for the next turn, and nothing is lost or shown twice', async () => {
  const { daemon, group, say, arrived, turns } = await forum();
  daemon.agent.answer = () => 'hold';
  await say('plans before', PLANS);
  await say('@Nina one', PLANS);
  await turns(1);
  await say('errands before', ERRANDS);
  daemon.db.groups.update({ ...group, topics: 'together' });
  daemon.agent.finish(daemon.agent.turns[0], { text: 'first', session: 'of the topic' });
  await arrived(1);
  expect(daemon.db.sessions.of(group.folder, PLANS)?.sessionId).toBe('of the topic');
  expect(daemon.db.sessions.of(group.folder, conversationOf({ topics: 'together' }, PLANS))).toBeNull();
  await say('@Nina two', PLANS);
  await turns(2);
  expect(daemon.agent.turns[1]?.prompt).toContain('errands before');
  expect(daemon.agent.turns[1]?.prompt).not.toContain('plans before');
  daemon.agent.finish(daemon.agent.turns[1], { text: 'second' });
  await arrived(2);
});

it('a long backlog in one topic does not starve another', async () => {
  const { daemon, say, turns } = await forum();
  daemon.agent.answer = () => 'hold';
  await say('@Nina first', PLANS);
  await turns(1);
  // More than three prompts take.
  for (let n = 1; n <= 30; n += 1) await say(`@Nina ${n} ${'x'.repeat(8000)}`, PLANS);
  await say('@Nina short', ERRANDS);
  for (let n = 0; n < 4; n += 1) {
    await turns(n + 1);
    daemon.agent.finish(daemon.agent.turns[n], { text: `answer ${n}` });
  }
  await turns(4);
  expect(daemon.agent.turns.slice(0, 4).map(({ thread_id }) => thread_id)).toEqual([
    PLANS,
    ERRANDS,
    PLANS,
    PLANS,
  ]);
});

it('one that backs off holds up no other, and is tried again', async () => {
  const { daemon, say, places, arrived, turns } = await forum();
  daemon.agent.answer = ({ thread_id, attempt }) =>
    thread_id === PLANS && attempt === 1 ? failing : { text: `${thread_id}, attempt ${attempt}` };
  await say('@Nina plans', PLANS);
  await turns(1);
  await daemon.until(() => daemon.db.turns.open().length === 0);
  await say('@Nina errands', ERRANDS);
  await arrived(1);
  await daemon.clock.advance(5000);
  await arrived(2);
  expect(places()).toEqual([
    ['9, attempt 1', ERRANDS],
    ['7, attempt 2', PLANS],
  ]);
});

it('/stop ends what goes on in its topic alone; /stop all everything', async () => {
  const { daemon, say, places, arrived, turns } = await forum();
  daemon.agent.answer = () => 'hold';
  await say('@Nina plans', PLANS);
  await turns(1);
  await say('@Nina waits', ERRANDS);
  await say('/stop');
  await say('/stop', ERRANDS);
  await arrived(2);
  expect(places()).toEqual([
    [expect.stringContaining('/stop all'), null],
    ['Stopped.', ERRANDS],
  ]);
  expect(daemon.db.turns.byId(daemon.agent.turns[0]?.id ?? '')?.stoppedBy).toBeNull();
  await say('/stop all', ERRANDS);
  await arrived(3);
  expect(daemon.db.turns.byId(daemon.agent.turns[0]?.id ?? '')?.stoppedBy).not.toBeNull();
  daemon.agent.finish(daemon.agent.turns[0], { status: 'interrupted' });
  await daemon.until(() => daemon.db.turns.open().length === 0);
});

it('/new begins anew in its topic alone', async () => {
  const { daemon, group, say, arrived } = await forum();
  daemon.agent.answer = ({ thread_id }) => ({ text: 'hi', session: `session-${thread_id}` });
  await say('@Nina one', PLANS);
  await say('@Nina two', ERRANDS);
  await arrived(2);
  await say('/new', PLANS);
  await arrived(3);
  expect(daemon.db.sessions.of(group.folder, PLANS)).toBeNull();
  expect(daemon.db.sessions.of(group.folder, ERRANDS)?.sessionId).toBe('session-9');
});

it('a chain of replies is no topic, and the number of General none either', async () => {
  const { daemon, group, arrived, places } = await forum();
  daemon.agent.answer = () => ({ text: 'hi', session: 'the group’s' });
  await daemon.say(group, '@Nina one', undefined, { message_thread_id: 3 });
  await arrived(1);
  await daemon.say(group, '@Nina two', undefined, { message_thread_id: 1, is_topic_message: true });
  await arrived(2);
  expect(places()).toEqual([
    ['hi', null],
    ['hi', null],
  ]);
  expect(daemon.agent.turns[1]?.session_id).toBe('the group’s');
});

it.each(['Bad Request: message thread not found', 'Bad Request: TOPIC_CLOSED'])(
  'what a topic takes no more is said in General, once, with the topic’s name: %s',
  async (refusal) => {
    const { daemon, group, say, places, arrived } = await forum();
    daemon.telegram.onSend = ({ threadId }, arrive) => {
      if (threadId !== null) throw new TelegramError(400, refusal);
      return arrive();
    };
    daemon.agent.answer = () => ({ text: `${'word '.repeat(1500)}end` });
    await say('@Nina one', PLANS);
    await arrived(3);
    const [first, second, about] = daemon.telegram.arrived;
    // The first part is full: the line comes behind the answer.
    expect([first, second].map((each) => each?.text.slice(0, 4))).toEqual(['word', 'word']);
    expect(about?.text).toBe('(This is for the topic “Plans”, which is closed or gone.)');
    daemon.agent.answer = () => ({ text: '**short**' });
    await say('@Nina two', PLANS);
    await arrived(4);
    expect(daemon.telegram.arrived[3]).toMatchObject({
      text: '(This is for the topic “Plans”, which is closed or gone.)\n\nshort',
      entities: [{ type: 'bold', offset: 59, length: 5 }],
    });
    expect(places().map(([, topic]) => topic)).toEqual([null, null, null, null]);
    expect(daemon.db.outbox.waiting(group.chatJid).messages).toBe(0);
    expect(daemon.telegram.asked.filter(({ threadId }) => threadId !== null)).toHaveLength(2);
  },
);
