/** Reactions both ways, in the whole daemon: 👀 while a turn works, the agent's own by its tool, and people's as context. */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { groupPaths } from '../../src/mailbox/layout.ts';
import type { ResultFile } from '../../src/protocol.ts';
import type { Group, GroupChoices } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { offline, refusal } from '../support/scripted-telegram.ts';

class Reacting extends InnerDaemon {
  /** What each message shows, by its id. */
  readonly shown = new Map<number, string | null>();
  requests = 0;
  error: Error | null = null;

  async begin(reactions: GroupChoices['reactions'] = 'off'): Promise<Group> {
    this.telegram.react = async (_, messageId, emoji) => {
      this.requests += 1;
      if (this.error) throw this.error;
      this.shown.set(messageId, emoji);
    };
    this.agent.answer = () => 'hold';
    const group = { ...this.register('family'), reactions };
    this.db.groups.update(group);
    await this.start();
    return group;
  }

  async react(group: Group, fields: Record<string, unknown>): Promise<ResultFile> {
    const id = randomUUID();
    const turn = this.agent.turns.at(-1);
    if (!turn) throw new Error('no turn');
    this.agent.command(turn, { id, type: 'react', ...fields });
    const file = path.join(groupPaths(this.home, group.folder).mailbox, 'in', 'results', `${id}.json`);
    await this.until(() => existsSync(file));
    return JSON.parse(readFileSync(file, 'utf8')) as ResultFile;
  }

  open(): number {
    return this.db.sqlite.prepare<[], number>('SELECT count(*) FROM reactions').pluck().get() ?? 0;
  }
}

it('a message that is worked on shows 👀 until it is answered, where the group wants it', async () => {
  const daemon = new Reacting();
  const group = await daemon.begin('on');
  await daemon.say(group, 'only context');
  const id = await daemon.say(group, '@Nina hello');
  await daemon.until(() => daemon.shown.get(id) === '👀');
  expect([...daemon.shown.keys()]).toEqual([id]);
  daemon.agent.finish(daemon.agent.turns[0], { text: 'hi' });
  await daemon.until(() => daemon.shown.get(id) === null);
  expect([daemon.requests, daemon.open()]).toEqual([2, 0]);
});

it('no 👀 is left when the turn ended without us, or Telegram was away', async () => {
  const daemon = new Reacting();
  const group = await daemon.begin('on');
  const id = await daemon.say(group, '@Nina hello');
  await daemon.until(() => daemon.shown.get(id) === '👀');
  daemon.error = offline();
  await daemon.stop();
  daemon.agent.finish(daemon.agent.turns[0], { text: 'hi' });
  await daemon.start();
  await daemon.clock.advance(300_000);
  expect(daemon.shown.get(id)).toBe('👀');
  daemon.error = null;
  await daemon.clock.advance(60_000);
  expect([daemon.shown.get(id), daemon.open()]).toEqual([null, 0]);
});

it('the agent reacts by its tool, without any setting, and is told why not', async () => {
  const daemon = new Reacting();
  const group = await daemon.begin();
  const id = await daemon.say(group, '@Nina hello');
  await daemon.until(() => daemon.agent.turns.length === 1);
  expect(daemon.agent.turns[0]?.prompt).toContain(`<message id="${id}"`);
  expect(await daemon.react(group, { message_id: id, emoji: '❤️' })).toMatchObject({ ok: true });
  await daemon.until(() => daemon.shown.get(id) === '❤');
  expect(await daemon.react(group, { message_id: id, emoji: '🦖' })).toMatchObject({
    ok: false,
    reason: expect.stringContaining('does not allow bots to react with "🦖"'),
  });
  expect(await daemon.react(group, { message_id: 4711, emoji: '👍' })).toEqual({
    id: expect.any(String),
    ok: false,
    reason: 'there is no message 4711 in "family"',
  });
  expect(await daemon.react(group, { message_id: id, emoji: '' })).toMatchObject({ ok: true });
  await daemon.until(() => daemon.shown.get(id) === null);
  daemon.error = refusal(400, 'Bad Request: REACTION_INVALID');
  await daemon.react(group, { message_id: id, emoji: '👍' });
  await daemon.until(() => daemon.open() === 0);
  const { requests } = daemon;
  await daemon.clock.advance(600_000);
  expect(daemon.requests).toBe(requests);
});

it("people's reactions to her messages come with the next question, once, and ask nothing", async () => {
  const daemon = new Reacting();
  const group = await daemon.begin();
  const asked = await daemon.say(group, '@Nina hello');
  await daemon.until(() => daemon.agent.turns.length === 1);
  daemon.agent.finish(daemon.agent.turns[0], { text: 'the <answer>' });
  await daemon.until(() => daemon.db.outbox.backlog().count === 0);
  const own = daemon.telegram.arrived.length + 5000;
  let date = 1_793_606_500;
  const react = (messageId: number, emoji: string[], user: Record<string, unknown> = {}) => {
    date += 1;
    const message_reaction = {
      chat: { id: Number(group.chatJid), type: 'group', title: 'family' },
      message_id: messageId,
      date,
      user: { id: 1002, is_bot: false, first_name: 'Ben"><x', ...user },
      old_reaction: [],
      new_reaction: emoji.map((each) => ({ type: 'emoji', emoji: each })),
    };
    return daemon.happens({ message_reaction });
  };
  await react(own, ['👍']);
  await react(own, ['🔥']); // instead of the thumb
  await react(own, ['👎'], { id: 1003 });
  await react(own, [], { id: 1003 }); // and taken back
  await react(own, ['👀'], { id: 1004, is_bot: true });
  await react(asked, ['👍']); // is not hers
  await daemon.clock.advance(10_000);
  expect(daemon.agent.turns).toHaveLength(1);

  await daemon.say(group, '@Nina and now?');
  await daemon.until(() => daemon.agent.turns.length === 2);
  const shown = daemon.agent.turns[1]?.prompt.match(/<reaction .*<\/reaction>/g);
  expect(shown).toHaveLength(1);
  expect(shown?.[0]).toContain(`sender="Ben&quot;&gt;&lt;x" sender_id="1002" emoji="🔥" to="${own}"`);
  expect(shown?.[0]).toContain('>the &lt;answer&gt;</reaction>');
  daemon.agent.finish(daemon.agent.turns[1], { text: 'now' });
  await daemon.until(() => daemon.db.turns.open().length === 0);
  await daemon.say(group, '@Nina and then?');
  await daemon.until(() => daemon.agent.turns.length === 3);
  expect(daemon.agent.turns[2]?.prompt).not.toContain('<reaction');
});

it("people's reactions are told in the topic where the message stands; all of them where the group is one conversation", async () => {
  const daemon = new Reacting();
  const group = await daemon.begin();
  const inTopic = (id: number) => ({ is_topic_message: true, message_thread_id: id });
  const answerIn = async (text: string, more: Record<string, unknown> = {}) => {
    const count = daemon.agent.turns.length;
    await daemon.say(group, `@Nina ${text}`, undefined, more);
    const turn = await daemon.until(() => daemon.agent.turns[count]);
    daemon.agent.finish(turn, { text: `to ${text}` });
    await daemon.until(() => daemon.db.turns.open().length === 0 && daemon.db.outbox.backlog().count === 0);
    return {
      told: turn?.prompt.match(/>to .*<\/reaction>/g) ?? [],
      answer: 5000 + daemon.telegram.arrived.length,
    };
  };
  const thumb = (messageId: number, date: number) =>
    daemon.happens({
      message_reaction: {
        ...{
          chat: { id: Number(group.chatJid), type: 'supergroup', title: 'family' },
          message_id: messageId,
        },
        ...{ date: 1_793_606_500 + date, user: { id: 1002, is_bot: false, first_name: 'Ben' } },
        ...{ old_reaction: [], new_reaction: [{ type: 'emoji', emoji: '👍' }] },
      },
    });
  const general = await answerIn('general');
  const plans = await answerIn('plans', inTopic(7));
  const errands = await answerIn('errands', inTopic(9));
  for (const { answer } of [general, plans, errands]) await thumb(answer, answer);
  expect((await answerIn('more plans', inTopic(7))).told).toEqual(['>to plans</reaction>']);
  expect((await answerIn('more', {})).told).toEqual(['>to general</reaction>']);
  await thumb(plans.answer, 10_000);
  daemon.db.groups.update({ ...group, topics: 'together' });
  expect((await answerIn('all')).told).toEqual(['>to errands</reaction>', '>to plans</reaction>']);
});
