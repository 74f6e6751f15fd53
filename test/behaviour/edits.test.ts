/**
 * Edits and replies while the whole daemon runs: during a turn they are told to the next one of that conversation, begin none, and are told
 * once, also when that turn has to be tried again; live places that move leave nothing behind.
 */
import { expect, it } from 'vitest';
import type { Group } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { failing } from '../support/scripted-agent.ts';
import { BOT } from '../support/world.ts';

const DATE = 1_793_606_400;

async function chat() {
  const daemon = new InnerDaemon();
  const group = daemon.register('family');
  await daemon.start();
  const edit = (messageId: number, text: string, after = 60, more: Record<string, unknown> = {}) =>
    daemon.happens({ edited_message: edited(group, messageId, after, { text, ...more }) });
  const turns = (count: number) => daemon.until(() => daemon.agent.turns[count - 1]);
  const arrived = (count: number) => daemon.until(() => daemon.telegram.arrived.length >= count);
  return { daemon, group, edit, turns, arrived };
}

const edited = (group: Group, messageId: number, after: number, more: Record<string, unknown>) => ({
  message_id: messageId,
  date: DATE,
  edit_date: DATE + after,
  chat: { id: Number(group.chatJid), type: 'supergroup', title: 'Family' },
  from: { id: 1001, is_bot: false, first_name: 'Anna' },
  ...more,
});

it('during a turn it is told to the next turn, as a correction, once; it begins none', async () => {
  const { daemon, group, edit, turns, arrived } = await chat();
  daemon.agent.answer = () => 'hold';
  const context = await daemon.say(group, 'the train leaves at 8');
  const asked = await daemon.say(group, '@Nina buy two tickets');
  await turns(1);
  await edit(asked, '@Nina buy three tickets', 60);
  await edit(asked, '@Nina buy four <tickets>', 120);
  await edit(asked, '@Nina buy three tickets', 60); // offered again, late
  await edit(context, 'the train leaves at 9', 90);
  daemon.agent.finish(daemon.agent.turns[0], { text: 'bought' });
  await arrived(1);
  await edit(asked, '@Nina buy five tickets', 200); // after the answer: nothing
  await daemon.clock.advance(120_000);
  expect(daemon.agent.turns).toHaveLength(1);
  expect(daemon.db.messages.byMessageId(group.chatJid, asked)?.disposition).toBe('answered');

  await daemon.say(group, '@Nina thanks');
  const second = await turns(2);
  expect(second?.requests).toEqual(['thanks']);
  expect(second?.prompt.match(/<correction of="\d+".*<\/correction>/g)).toEqual([
    expect.stringMatching(/^<correction of="1" sender="Anna" .*>the train leaves at 9<\/correction>$/),
    expect.stringMatching(/^<correction of="2" sender="Anna" .*>@Nina buy five tickets<\/correction>$/),
  ]);
  daemon.agent.finish(second, { text: 'welcome' });
  await arrived(2);
  await daemon.say(group, '@Nina again');
  expect((await turns(3))?.prompt).not.toContain('<correction');
});

it('is told again when the turn that was told it has to be tried again, and when it was edited meanwhile', async () => {
  const { daemon, group, edit, turns } = await chat();
  daemon.agent.answer = () => 'hold';
  const asked = await daemon.say(group, '@Nina one');
  await edit(await daemon.say(group, 'said before the turn'), 'still before', 60);
  await turns(1);
  await edit(asked, '@Nina two', 60);
  daemon.agent.finish(daemon.agent.turns[0], { text: 'first' });
  await daemon.until(() => daemon.db.turns.open().length === 0);
  await daemon.say(group, '@Nina go on');
  const told = await turns(2);
  expect(told?.prompt).toContain('>@Nina two</correction>');
  await edit(asked, '@Nina three', 90);
  daemon.agent.finish(told, failing);
  await daemon.until(() => daemon.db.turns.open().length === 0);
  await daemon.clock.advance(5000);
  const again = await turns(3);
  expect(again?.attempt).toBe(2);
  expect(again?.prompt).toContain('>@Nina three</correction>');
});

it('of what is given back is read anew, and is no correction', async () => {
  const { daemon, group, edit, turns } = await chat();
  daemon.agent.answer = () => 'hold';
  const asked = await daemon.say(group, '@Nina one');
  await turns(1);
  await edit(asked, '@Nina two', 60);
  daemon.agent.finish(daemon.agent.turns[0], failing);
  await daemon.until(() => daemon.db.turns.open().length === 0);
  await daemon.clock.advance(5000);
  const again = await turns(2);
  expect(again?.prompt).toContain('>@Nina two</message>');
  expect(again?.prompt).not.toContain('<correction');
});

it('that adds a trigger asks once; those after it ask no more', async () => {
  const { daemon, group, edit, arrived } = await chat();
  const said = await daemon.say(group, 'nothing much');
  await edit(said, '@Nina a question', 60);
  await arrived(1);
  for (let n = 2; n < 5; n += 1) await edit(said, `@Nina a question, version ${n}`, 60 * n);
  await daemon.clock.advance(60_000);
  expect(daemon.agent.turns.map(({ requests }) => requests)).toEqual([['a question']]);
});

it('gives no command', async () => {
  const { daemon, group, edit } = await chat();
  const said = await daemon.say(group, 'nothing much');
  await edit(said, '/status', 60, { entities: [{ type: 'bot_command', offset: 0, length: 7 }] });
  await daemon.clock.advance(60_000);
  expect(daemon.agent.turns).toHaveLength(0);
  expect(daemon.telegram.arrived).toHaveLength(0);
  expect(daemon.db.messages.byMessageId(group.chatJid, said)?.disposition).toBe('not_for_nina');
});

it('a live place that moves runs nothing and leaves nothing', async () => {
  const { daemon, group, turns, arrived } = await chat();
  daemon.db.groups.update({ ...group, requiresTrigger: false });
  daemon.agent.answer = () => 'hold';
  const place = (n: number) => ({ location: { latitude: n, longitude: n, live_period: 3600 } });
  const said = await daemon.say(group, 'over here');
  await turns(1);
  const live = edited(group, said + 100, 0, place(1));
  await daemon.happens({ message: live });
  daemon.agent.finish(daemon.agent.turns[0], { text: 'yes' });
  const asked = await turns(2);
  expect(asked?.prompt).toContain('[location 1, 1]');
  for (let n = 2; n < 30; n += 1)
    await daemon.happens({ edited_message: edited(group, said + 100, n, place(n)) });
  daemon.agent.finish(asked, { text: 'I see' });
  await arrived(2);
  for (let n = 30; n < 60; n += 1)
    await daemon.happens({ edited_message: edited(group, said + 100, n, place(n)) });
  await daemon.clock.advance(60_000);
  expect(daemon.agent.turns).toHaveLength(2);
  const kept = daemon.db.sqlite
    .prepare("SELECT count(*) FROM inbox WHERE kind = 'edited_message' AND payload IS NOT NULL")
    .pluck()
    .get();
  expect(kept).toBe(0);
  expect(daemon.db.sqlite.prepare('SELECT count(*) FROM corrections').pluck().get()).toBe(0);
});

it('what a message replies to is told as what it is: a part that was picked out, or a message of another chat', async () => {
  const { daemon, group, turns } = await chat();
  daemon.agent.answer = () => 'hold';
  const ben = { id: 1002, is_bot: false, first_name: 'Ben' };
  const from = { id: Number(group.chatJid), type: 'supergroup', title: 'Family' };
  const whole = { message_id: 3, date: DATE, chat: from, from: ben, text: 'eggs & milk' };
  await daemon.say(group, 'yes', undefined, {
    reply_to_message: whole,
    quote: { text: '& milk', position: 5, is_manual: true },
  });
  const external_reply = {
    origin: { type: 'user', sender_user: ben, date: DATE },
    chat: { id: -1009, type: 'supergroup', title: 'Else "where"' },
    message_id: 3,
  };
  await daemon.say(group, '@Nina is that so?', undefined, {
    external_reply,
    quote: { text: 'all shops are shut', position: 0 },
  });
  const prompt = (await turns(1))?.prompt ?? '';
  expect(prompt.match(/<reply_to .*<\/reply_to>/g)).toEqual([
    '<reply_to id="3" sender="Ben" quote="yes">&amp; milk</reply_to>',
    '<reply_to sender="Ben" chat="Else &quot;where&quot;" quote="yes">all shops are shut</reply_to>',
  ]);
});

it('a reply, in another chat, to what she wrote elsewhere does not ask her here', async () => {
  const { daemon, group } = await chat();
  const external_reply = {
    origin: { type: 'user', sender_user: { id: BOT.id, is_bot: true, first_name: 'Nina' }, date: DATE },
    chat: { id: -1009, type: 'supergroup', title: 'Elsewhere' },
    message_id: 3,
  };
  const said = await daemon.say(group, 'look what she wrote there', undefined, { external_reply });
  await daemon.clock.advance(60_000);
  expect(daemon.agent.turns).toHaveLength(0);
  expect(daemon.db.messages.byMessageId(group.chatJid, said)?.disposition).toBe('not_for_nina');
  await daemon.say(group, 'and this was here, in another topic', undefined, {
    external_reply: { ...external_reply, chat: { ...external_reply.chat, id: Number(group.chatJid) } },
  });
  await daemon.until(() => daemon.agent.turns.length === 1);
});
