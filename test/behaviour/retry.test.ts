/** Trying again what failed for good: the same messages or the same task, once, and never what was answered. */
import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { recentFailures } from '../../src/retry.ts';
import { type Group, iso } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import type { Answer } from '../support/scripted-agent.ts';

/** Not repeated by itself. */
const FINAL: Answer = { status: 'error', error: { code: 'context_too_long', message: 'as the test says' } };

let daemon: InnerDaemon;
let main: Group;
let family: Group;

beforeEach(async () => {
  daemon = new InnerDaemon();
  main = daemon.register('main', { isMain: true });
  family = daemon.register('family');
  daemon.agent.answer = () => FINAL;
  await daemon.start();
});

const fate = (group: Group, messageId: number) => {
  const message = daemon.db.trace(group.chatJid, messageId)?.message;
  return message?.disposition ?? null;
};
const failed = (group: Group, messageId: number) => daemon.until(() => fate(group, messageId) === 'failed');
const lastTold = async (group: Group, count: number) => {
  await daemon.until(() => daemon.told(group).length >= count);
  return daemon.told(group).at(-1);
};
const retries = () => daemon.db.audit.list({ limit: 50 }).filter(({ action }) => action === 'retry');

describe('a message', () => {
  it('is tried again by a reply to it, with all that failed with it, and the context it came with', async () => {
    await daemon.say(family, 'the cat is called Mia');
    const question = await daemon.say(family, '@Nina how is the cat called?');
    await failed(family, question);
    expect(daemon.agent.turns).toHaveLength(1);
    daemon.agent.answer = ({ prompt }) => ({ text: prompt.includes('Mia') ? 'Mia' : 'who knows' });
    await daemon.say(family, '/retry', question);
    await daemon.until(() => fate(family, question) === 'answered');
    expect(daemon.told(family).slice(1).sort()).toEqual(['It is tried again.', 'Mia']);
    expect(retries()).toMatchObject([{ actor: 'telegram:1001', group: 'family', outcome: 'done' }]);

    await daemon.say(family, '/retry', question);
    expect(await lastTold(family, 4)).toBe('That did not work: it did not fail.');
    expect(daemon.agent.turns).toHaveLength(2);
  });

  it('is tried again once, however often that is asked, also by a reply to the sentence that said so', async () => {
    const question = await daemon.say(family, '@Nina hello');
    await failed(family, question);
    await daemon.until(() => daemon.told(family).length === 1);
    const notice = daemon.db.outbox.waiting(family.chatJid).messages;
    expect(notice).toBe(0);
    const told = daemon.db.sqlite
      .prepare<[], number>("SELECT message_id FROM messages WHERE disposition = 'own'")
      .pluck()
      .get();
    daemon.agent.answer = () => 'hold';
    await daemon.say(family, '/retry', told);
    await daemon.say(family, '/retry', question);
    await daemon.say(family, '/retry', told);
    await daemon.until(() => daemon.told(family).length === 4);
    expect(daemon.told(family).slice(1)).toEqual([
      'It is tried again.',
      'That did not work: that message waits for its answer already.',
      'That did not work: it was tried again already.',
    ]);
    daemon.agent.finish(daemon.agent.turns.at(-1), { text: 'hi' });
    await daemon.until(() => fate(family, question) === 'answered');
    expect(daemon.agent.turns).toHaveLength(2);
    expect(retries()).toHaveLength(1);
  });

  it('of main that wrote to another group on its way is not for that group to try again', async () => {
    daemon.agent.answer = () => 'hold';
    const question = await daemon.say(main, '@Nina tell the family that dinner is ready');
    const turn = await daemon.until(() => daemon.agent.turns[0]);
    const command = { id: randomUUID(), type: 'send_message', chat_jid: family.chatJid, text: 'dinner' };
    if (turn) daemon.agent.command(turn, command);
    await daemon.until(() => daemon.told(family).length === 1);
    daemon.agent.finish(turn, FINAL);
    await failed(main, question);
    const told = daemon.db.sqlite
      .prepare<[string], number>("SELECT message_id FROM messages WHERE disposition = 'own' AND chat_jid = ?")
      .pluck()
      .get(family.chatJid);
    await daemon.say(family, '/retry', told);
    expect(await lastTold(family, 2)).toBe('That did not work: it was sent from another chat.');
    expect(fate(main, question)).toBe('failed');
    expect(retries()).toEqual([]);
    // Nor does that group hear when and how the other one's turn went.
    await daemon.say(family, '/why', told);
    expect((await lastTold(family, 3))?.split('\n').slice(1)).toEqual([
      'Written by Nina.',
      'It was sent here from another chat.',
    ]);
  });

  it('that did not fail is not, and without a reply a group is told how', async () => {
    daemon.agent.answer = () => ({ text: 'hi' });
    const context = await daemon.say(family, 'just talking');
    const question = await daemon.say(family, '@Nina hello');
    await daemon.until(() => fate(family, question) === 'answered');
    await daemon.say(family, '/retry', context);
    await daemon.say(family, '/retry', question);
    await daemon.say(family, '/retry', 4711);
    await daemon.say(family, '/retry');
    await daemon.until(() => daemon.told(family).length === 5);
    expect(daemon.told(family).slice(1)).toEqual([
      'That did not work: that message was not one that failed.',
      'That did not work: it did not fail.',
      'That did not work: I have no message 4711 of this chat.',
      'Send /retry as a reply to the message that failed.',
    ]);
    expect(daemon.agent.turns).toHaveLength(1);
  });
});

describe('a task', () => {
  it('that failed has one run more; then it is not offered again', async () => {
    const task = daemon.add(family, '0 9 * * *');
    await daemon.say(main, `/run ${task.id}`);
    await daemon.until(() => daemon.runs(task)[0]?.outcome === 'failed');
    const since = iso(daemon.clock.now() - 3_600_000);
    const [offered, ...others] = recentFailures(daemon.db, since, 10);
    expect(offered).toMatchObject({ taskId: task.id, words: 'look at the weather' });
    expect(others).toEqual([]);
    daemon.agent.answer = () => ({ text: 'sunny' });
    await daemon.clock.advance(1000);
    const told = daemon.db.sqlite
      .prepare<[string], number>("SELECT message_id FROM messages WHERE disposition = 'own' AND chat_jid = ?")
      .pluck();
    await daemon.until(() => told.get(family.chatJid) !== undefined);
    await daemon.say(family, '/retry', told.get(family.chatJid));
    await daemon.until(() => daemon.runs(task).length === 2 && daemon.runs(task)[1]?.outcome === 'ok');
    expect(recentFailures(daemon.db, since, 10)).toEqual([]);
    await daemon.say(family, '/retry', told.get(family.chatJid));
    expect(await lastTold(family, 4)).toMatch(/its task has run again since/);
    expect(daemon.runs(task)).toHaveLength(2);
  });

  it('that was to run once and failed runs once more, and is over', async () => {
    const task = daemon.add(family, iso(daemon.clock.now() + 3_600_000).slice(0, 16));
    await daemon.clock.advance(3_700_000);
    await daemon.until(() => daemon.task(task).status === 'done');
    expect(daemon.runs(task)).toMatchObject([{ outcome: 'failed' }]);
    daemon.agent.answer = () => ({ text: 'sunny' });
    const told = daemon.db.sqlite
      .prepare<[], number>("SELECT message_id FROM messages WHERE disposition = 'own'")
      .pluck();
    await daemon.until(() => told.get() !== undefined);
    await daemon.say(family, '/retry', told.get());
    await daemon.until(() => daemon.runs(task)[1]?.outcome === 'ok');
    expect(daemon.task(task).status).toBe('done');
    expect(daemon.runs(task)).toHaveLength(2);
  });
});

describe('main', () => {
  it('chooses from what failed lately, in all groups', async () => {
    expect(daemon.told(main)).toEqual([]);
    await daemon.say(main, '/retry');
    expect(await lastTold(main, 1)).toMatch(/^Nothing has failed/);
    const question = await daemon.say(family, '@Nina how is the weather?');
    await failed(family, question);
    const asked = daemon.told(main).length;
    await daemon.say(main, '/retry');
    expect(await lastTold(main, asked + 1)).toBe('What shall be tried again?');
    const rows = daemon.telegram.arrived.at(-1)?.keyboard?.inline_keyboard ?? [];
    expect(rows.map((row) => row.map(({ text }) => text))).toEqual([
      [expect.stringMatching(/ family: how is the weather\?$/)],
      ['Never mind'],
    ]);
  });
});
