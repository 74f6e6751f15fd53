/** What people do, and what the bot is told of it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FAMILY_CHAT_ID, MAIN_CHAT_ID } from '../../src/simulator/simulator.ts';
import { SteppedClock, startSimulator } from './simulator-support.ts';

type Started = Awaited<ReturnType<typeof startSimulator>>;
const updates = async ({ api }: Started) => (await api('getUpdates')).body.result;

describe('saying', () => {
  it('numbers messages per chat and computes entities', async () => {
    const started = await startSimulator();
    const { sim } = started;
    expect(sim.say({ chat: 'Family', from: 'anna', text: '  @Nina run `ls` \n' })).toMatchObject({
      message_id: 1,
      text: '@Nina run ls',
      entities: [
        { type: 'mention', offset: 0, length: 5 },
        { type: 'code', offset: 10, length: 2 },
      ],
    });
    expect(sim.say({ chat: MAIN_CHAT_ID, from: 'you', text: '/help' })).toMatchObject({
      message_id: 1,
      chat: { id: MAIN_CHAT_ID, type: 'private', first_name: 'You' },
      entities: [{ type: 'bot_command', offset: 0, length: 5 }],
    });
    expect(
      sim.say({ chat: String(FAMILY_CHAT_ID), from: 'ben', text: 'x', replyTo: 1, date: 1700000000 }),
    ).toMatchObject({ message_id: 2, date: 1700000000, reply_to_message: { message_id: 1 } });
    expect(await updates(started)).toHaveLength(3);
  });

  it.each([
    [{ chat: 'Nowhere', from: 'you', text: 'x' }, 'there is no chat "Nowhere"'],
    [{ chat: 'Family', from: 'nobody', text: 'x' }, 'there is no person "nobody"'],
    [{ chat: 'Family', from: 'mara', text: 'x' }, 'Mara is not in that chat'],
    [{ chat: 'Family', from: 'anna', text: ' ' }, 'there is nothing to say'],
    [{ chat: 'Family', from: 'anna', text: 'x'.repeat(4097) }, 'longer than 4096'],
    [{ chat: 'Family', from: 'anna', text: 'x', replyTo: 9 }, 'there is no message 9'],
    [{ chat: 'Work', from: 'mara', text: 'x', threadId: 9 }, 'there is no topic 9'],
  ])('refuses %j', async (options, message) => {
    const { sim } = await startSimulator();
    expect(() => sim.say(options)).toThrow(message);
  });

  it('keeps albums together and files apart', async () => {
    const { sim } = await startSimulator();
    const file = { kind: 'document' as const, name: 'a', bytes: Buffer.from('x') };
    const parts = [1, 2].map(() => sim.say({ chat: 'Family', from: 'anna', file, mediaGroupId: 'album' }));
    expect(parts.map((p) => [p.message_id, p.media_group_id])).toEqual([
      [1, 'album'],
      [2, 'album'],
    ]);
  });
});

it('edits reach the bot, deletions do not', async () => {
  const started = await startSimulator();
  const { sim } = started;
  const { message_id: messageId } = sim.say({ chat: 'Family', from: 'anna', text: 'a' });
  sim.edit({ chat: 'Family', messageId, text: '@Nina b' });
  sim.remove({ chat: 'Family', messageId });
  expect(await updates(started)).toMatchObject([
    { message: { text: 'a' } },
    { edited_message: { text: '@Nina b', edit_date: expect.any(Number), entities: [{ type: 'mention' }] } },
  ]);
  expect(() => sim.edit({ chat: 'Family', messageId, text: 'c' })).toThrow('there is no message');
});

it('service messages and memberships', async () => {
  const started = await startSimulator();
  const { sim } = started;
  sim.addPerson({ key: 'zoe', user: { id: 1001000099, is_bot: false, first_name: 'Zoe' } });
  sim.addMember('Family', 'zoe', 'anna');
  sim.removeMember('Family', 'zoe', 'zoe');
  sim.rename('Family', 'Home', 'ben');
  sim.removeBotFromChat('Home', 'ben');
  sim.say({ chat: 'Home', from: 'ben', text: 'unheard' });
  sim.addBotToChat('Home', 'ben', 'administrator');
  sim.createTopic('Work', 'Hiring', 'mara');
  sim.addChat({ id: -4100000077, type: 'group', title: 'Club', members: ['you'] });
  sim.say({ chat: 'Club', from: 'you', text: 'first' });
  expect(await updates(started)).toMatchObject([
    { message: { new_chat_members: [{ first_name: 'Zoe' }], from: { first_name: 'Anna' } } },
    { message: { left_chat_member: { first_name: 'Zoe' } } },
    { message: { new_chat_title: 'Home', chat: { title: 'Home' } } },
    { message: { left_chat_member: { is_bot: true } } },
    { my_chat_member: { old_chat_member: { status: 'member' }, new_chat_member: { status: 'kicked' } } },
    {
      my_chat_member: { old_chat_member: { status: 'kicked' }, new_chat_member: { status: 'administrator' } },
    },
    { message: { new_chat_members: [{ is_bot: true }] } },
    { message: { forum_topic_created: { name: 'Hiring' }, is_topic_message: true } },
    { message: { text: 'first', chat: { title: 'Club' } } },
  ]);
});

it('a private chat begins when its person writes', async () => {
  const { sim, api } = await startSimulator();
  sim.addChat({ id: 1001000002, type: 'private', members: ['anna'], botStatus: 'left' });
  const hello = { chat_id: 1001000002, text: 'hello' };
  expect((await api('sendMessage', hello)).body.description).toBe(
    "Forbidden: bot can't initiate conversation with a user",
  );
  sim.say({ chat: 1001000002, from: 'anna', text: '/start' });
  expect((await api('sendMessage', hello)).status).toBe(200);
});

it('privacy mode hides what is not for the bot', async () => {
  const started = await startSimulator({ privacyMode: true });
  const { sim, api } = started;
  expect((await api('getMe')).body.result.can_read_all_group_messages).toBe(false);
  const answer = (await api('sendMessage', { chat_id: FAMILY_CHAT_ID, text: 'I am here' })).body.result;
  sim.say({ chat: 'Family', from: 'anna', text: 'between us' });
  sim.say({ chat: 'Family', from: 'anna', text: '/status@nina_bot' });
  sim.say({ chat: 'Family', from: 'anna', text: 'and you?', replyTo: answer.message_id });
  sim.say({ chat: 'Work', from: 'mara', text: 'it is an administrator here' });
  sim.say({ chat: 'main', from: 'you', text: 'in private' });
  const seen = await updates(started);
  expect(seen.map((u: { message: { text: string } }) => u.message.text)).toEqual([
    '/status@nina_bot',
    'and you?',
    'it is an administrator here',
    'in private',
  ]);
});

describe('the state file', () => {
  const stateFileIn = () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'simulator-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    return path.join(directory, 'deep', 'simulator.json');
  };

  it('keeps chats, files, unconfirmed updates and ids over a restart', async () => {
    const stateFile = stateFileIn();
    const clock = new SteppedClock();
    const first = await startSimulator({ stateFile, clock });
    const file = { kind: 'document' as const, name: 'a.txt', bytes: Buffer.from('kept') };
    const sent = first.sim.say({ chat: 'Family', from: 'anna', file });
    for (let i = 0; i < 5; i += 1) first.sim.say({ chat: 'Family', from: 'anna', text: `n${i}` });
    await first.api('setMyCommands', { commands: [{ command: 'help', description: 'x' }] });
    const before = await updates(first);
    await first.api('getUpdates', { offset: before[4].update_id });
    await first.close();

    const second = await startSimulator({ stateFile, clock });
    const after = await updates(second);
    expect(after).toEqual(before.slice(4));
    expect(second.sim.say({ chat: 'Family', from: 'ben', text: 'next' }).message_id).toBe(7);
    expect((await updates(second)).at(-1).update_id).toBe(before[5].update_id + 1);
    expect((await second.api('getMyCommands')).body.result).toHaveLength(1);
    const { file_path } = (await second.api('getFile', { file_id: sent.document?.file_id })).body.result;
    const bytes = second.sim.world && (await fetch(`${second.url}/file/bot${second.sim.token}/${file_path}`));
    expect(await bytes.text()).toBe('kept');
  });

  it('has what was answered, even when the process is gone without a close', async () => {
    const stateFile = stateFileIn();
    const { sim, api } = await startSimulator({ stateFile });
    sim.say({ chat: 'Family', from: 'anna', text: 'told' });
    await api('getUpdates');
    const onDisk = JSON.parse(readFileSync(stateFile, 'utf8'));
    expect(onDisk.updates.pending).toHaveLength(1);
    await api('sendMessage', { chat_id: FAMILY_CHAT_ID, text: 'answer' });
    expect(readFileSync(stateFile, 'utf8')).toContain('"answer"');
  });

  it('is set aside when it is broken', async () => {
    const stateFile = stateFileIn();
    await (await startSimulator({ stateFile })).close();
    writeFileSync(stateFile, '{"version":1,"world":');
    const { sim } = await startSimulator({ stateFile });
    expect(sim.world.chats.size).toBe(3);
    expect(readFileSync(`${stateFile}.broken`, 'utf8')).toContain('"version":1');
  });
});
