/** The Bot API as strict as Telegram's, over real HTTP: by grammY's client and by hand. */
import { Api, GrammyError, InputFile } from 'grammy';
import { describe, expect, it } from 'vitest';
import { FAMILY_CHAT_ID, MAIN_CHAT_ID, SEED_CHATS, WORK_CHAT_ID } from '../../src/simulator/simulator.ts';
import { post, SteppedClock, startSimulator, TOKEN } from './simulator-support.ts';

const FAMILY = FAMILY_CHAT_ID;

async function refused(answer: ReturnType<Awaited<ReturnType<typeof startSimulator>>['api']>) {
  const { status, body } = await answer;
  expect(body).toMatchObject({ ok: false, error_code: status });
  return `${status} ${body.description}`;
}

describe('the frame', () => {
  it('serves grammY', async () => {
    const { sim, url } = await startSimulator();
    const api = new Api(TOKEN, { apiRoot: url });
    expect(await api.getMe()).toMatchObject({
      id: 4200000001,
      is_bot: true,
      first_name: 'Nina',
      username: 'nina_bot',
      can_read_all_group_messages: true,
    });
    const sent = await api.sendMessage(FAMILY, 'hello');
    expect(sent).toMatchObject({ chat: { id: FAMILY, type: 'group', title: 'Family' }, text: 'hello' });
    expect(Number.isInteger(sent.date)).toBe(true);
    await expect(api.sendMessage(1, 'x')).rejects.toBeInstanceOf(GrammyError);
    expect(sim.ledger.map((c) => [c.method, c.chatId, c.messageId, c.outcome.ok])).toEqual([
      ['getMe', undefined, undefined, true],
      ['sendMessage', String(FAMILY), 1, true],
      ['sendMessage', '1', undefined, false],
    ]);
  });

  it('takes JSON, urlencoded, multipart and query parameters, and any case of a method', async () => {
    const { url, api } = await startSimulator();
    const base = `${url}/bot${TOKEN}`;
    const result = { ok: true, result: expect.objectContaining({ text: 'hi' }) };
    expect((await api('SENDMESSAGE', { chat_id: FAMILY, text: 'hi' })).body).toEqual(result);
    const form = new URLSearchParams({ chat_id: String(FAMILY), text: 'hi' });
    expect((await post(`${base}/sendMessage`, form)).body).toEqual(result);
    expect((await post(`${base}/sendMessage?${form}`, '')).body).toEqual(result);
    expect(await (await fetch(`${base}/sendMessage?${form}`)).json()).toEqual(result);
    const parts = new FormData();
    parts.set('chat_id', String(FAMILY));
    parts.set('text', 'hi');
    parts.set('reply_parameters', '{"message_id":1}');
    expect((await post(`${base}/sendMessage`, parts)).body).toEqual(result);
  });

  it('says no as Telegram does', async () => {
    const { url, api } = await startSimulator();
    expect(await post(`${url}/bot1:wrong/getMe`, '{}', 'application/json')).toEqual({
      status: 401,
      body: { ok: false, error_code: 401, description: 'Unauthorized' },
    });
    expect(await api('getNothing')).toEqual({
      status: 404,
      body: { ok: false, error_code: 404, description: 'Not Found' },
    });
    expect((await fetch(`${url}/elsewhere`)).status).toBe(404);
  });

  it('answers junk with an error and lives on', async () => {
    const { url, api } = await startSimulator();
    const base = `${url}/bot${TOKEN}`;
    const junk: [string, string, string | undefined][] = [
      ['sendMessage', '{"chat_id":', 'application/json'],
      ['sendMessage', '[]', 'application/json'],
      ['sendMessage', 'null', 'application/json'],
      ['sendMessage', '\u0000\uffff', 'application/octet-stream'],
      ['sendMessage', 'no parts', 'multipart/form-data; boundary=x'],
      ['sendMessage', '--x\r\n\r\n', 'multipart/form-data'],
      ['sendMessage', '{"chat_id":{},"text":[]}', 'application/json'],
      ['sendMessage', `{"chat_id":${FAMILY},"text":{"a":1}}`, 'application/json'],
      ['sendMessage', `{"chat_id":${FAMILY},"text":"x","entities":"{"}`, 'application/json'],
      ['sendMessage', `{"chat_id":${FAMILY},"text":"x","reply_markup":"["}`, 'application/json'],
      ['sendMessage', `{"chat_id":${FAMILY},"text":"x","reply_parameters":7}`, 'application/json'],
      ['setMessageReaction', `{"chat_id":${FAMILY},"message_id":1,"reaction":{}}`, 'application/json'],
      ['setMyCommands', '{"commands":[null]}', 'application/json'],
      ['sendPhoto', `{"chat_id":${FAMILY},"photo":"attach://none"}`, 'application/json'],
      ['getUpdates', '{"allowed_updates":"nonsense"}', 'application/json'],
    ];
    for (const [method, body, type] of junk) {
      const answer = await post(`${base}/${method}`, body, type);
      expect([method, body, answer.status]).toEqual([method, body, 400]);
    }
    for (const path of [
      '/bot',
      '/bot%',
      `/bot${TOKEN}`,
      `/bot${TOKEN}/`,
      '/file/bot',
      `/file/bot${TOKEN}/../../etc/passwd`,
      '/sim/%',
    ])
      expect((await fetch(url + path)).status).toBeGreaterThanOrEqual(400);
    expect((await api('getUpdates', { offset: 'x', limit: {}, timeout: -5 })).status).toBe(200);
    expect((await api('getMe')).status).toBe(200);
  });

  it('refuses bodies over its limit', async () => {
    const { url } = await startSimulator();
    const big = new Uint8Array(56 * 1024 * 1024);
    const answer = await post(`${url}/bot${TOKEN}/sendMessage`, big, 'application/json').catch(
      (e: unknown) => e,
    );
    if (!(answer instanceof Error)) expect(answer).toMatchObject({ status: 413 });
    expect((await fetch(`${url}/bot${TOKEN}/getMe`)).status).toBe(200);
  });
});

describe('sendMessage', () => {
  it.each([
    [{ text: 'x' }, '400 Bad Request: chat_id is empty'],
    [{ chat_id: 99, text: 'x' }, '400 Bad Request: chat not found'],
    [{ chat_id: '@nobody', text: 'x' }, '400 Bad Request: chat not found'],
    [{ chat_id: 1001000002, text: 'x' }, "403 Forbidden: bot can't initiate conversation with a user"],
    [{ chat_id: FAMILY }, '400 Bad Request: message text is empty'],
    [{ chat_id: FAMILY, text: '' }, '400 Bad Request: message text is empty'],
    [{ chat_id: FAMILY, text: ' \n\u200b' }, '400 Bad Request: text must be non-empty'],
    [{ chat_id: FAMILY, text: '<b></b>', parse_mode: 'HTML' }, '400 Bad Request: text must be non-empty'],
    [{ chat_id: FAMILY, text: 'x'.repeat(4097) }, '400 Bad Request: message is too long'],
    [{ chat_id: FAMILY, text: '🐈'.repeat(2049) }, '400 Bad Request: message is too long'],
    [
      { chat_id: FAMILY, text: '*x', parse_mode: 'MarkdownV2' },
      "400 Bad Request: can't parse entities: Can't find end of Bold entity at byte offset 0",
    ],
    [{ chat_id: FAMILY, text: 'x', parse_mode: 'odd' }, '400 Bad Request: unsupported parse_mode'],
    [
      { chat_id: FAMILY, text: 'x', entities: [{ type: 'bold', offset: 0, length: 9 }] },
      '400 Bad Request: entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 9',
    ],
    [{ chat_id: FAMILY, text: 'x', message_thread_id: 7 }, '400 Bad Request: message thread not found'],
    [
      { chat_id: WORK_CHAT_ID, text: 'x', message_thread_id: 77 },
      '400 Bad Request: message thread not found',
    ],
    [
      { chat_id: FAMILY, text: 'x', reply_parameters: { message_id: 404 } },
      '400 Bad Request: message to be replied not found',
    ],
    [
      { chat_id: FAMILY, text: 'x', reply_markup: { inline_keyboard: [[{ text: 'a' }]] } },
      "400 Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
    ],
    [
      {
        chat_id: FAMILY,
        text: 'x',
        reply_markup: { inline_keyboard: [[{ text: 'a', callback_data: 'é'.repeat(33) }]] },
      },
      '400 Bad Request: BUTTON_DATA_INVALID',
    ],
  ])('refuses %j', async (params, expected) => {
    const { api, sim } = await startSimulator();
    expect(await refused(api('sendMessage', params))).toBe(expected);
    expect(sim.world.chat('Family').messages.size).toBe(0);
  });

  it('counts the length after parsing, in UTF-16 units', async () => {
    const { api } = await startSimulator();
    const { body } = await api('sendMessage', {
      chat_id: FAMILY,
      text: `<b>${'🐈'.repeat(2048)}</b>`,
      parse_mode: 'HTML',
    });
    expect(body.result.text).toHaveLength(4096);
    expect(body.result.entities).toEqual([{ type: 'bold', offset: 0, length: 4096 }]);
  });

  it('replies, and does without where it may', async () => {
    const { api, sim } = await startSimulator();
    const { message_id: id } = sim.say({ chat: 'Family', from: 'ben', text: 'q' });
    const reply = await api('sendMessage', {
      chat_id: FAMILY,
      text: 'a',
      reply_parameters: { message_id: id },
    });
    expect(reply.body.result.reply_to_message).toMatchObject({ message_id: id, text: 'q' });
    const lost = { message_id: 404, allow_sending_without_reply: true };
    const without = await api('sendMessage', { chat_id: FAMILY, text: 'b', reply_parameters: lost });
    expect(without.body.result).not.toHaveProperty('reply_to_message');
  });

  it('goes into a topic by its id or by a reply, and into General otherwise', async () => {
    const { api, sim } = await startSimulator();
    const asked = sim.say({ chat: 'Work', from: 'jonas', text: 'q', threadId: 3 });
    expect(asked).toMatchObject({
      message_thread_id: 3,
      is_topic_message: true,
      reply_to_message: { forum_topic_created: { name: 'Planning' } },
    });
    const send = async (more: object) =>
      (await api('sendMessage', { chat_id: WORK_CHAT_ID, text: 'a', ...more })).body.result;
    expect(await send({ message_thread_id: 3 })).toMatchObject({
      message_thread_id: 3,
      is_topic_message: true,
    });
    const reply_parameters = { message_id: asked.message_id };
    expect(await send({ reply_parameters })).toMatchObject({ message_thread_id: 3, is_topic_message: true });
    expect(await send({})).not.toHaveProperty('message_thread_id');
    expect(
      await refused(
        api('sendMessage', { chat_id: WORK_CHAT_ID, text: 'a', message_thread_id: 2, reply_parameters }),
      ),
    ).toBe('400 Bad Request: message to be replied not found');
    sim.deleteTopic('Work', 3);
    const into = (message_thread_id: number) =>
      refused(api('sendMessage', { chat_id: WORK_CHAT_ID, text: 'a', message_thread_id }));
    expect(await into(3)).toBe('400 Bad Request: message thread not found');
    // General has an id, but none to send with.
    expect(await into(1)).toBe('400 Bad Request: message thread not found');
  });

  it('takes nothing in a closed topic, nor a thread where topics were switched off', async () => {
    const { api, sim } = await startSimulator();
    const send = (message_thread_id?: number) =>
      api('sendMessage', {
        chat_id: WORK_CHAT_ID,
        text: 'a',
        ...(message_thread_id === undefined ? {} : { message_thread_id }),
      });
    sim.closeTopic('Work', 2, 'mara');
    expect(await refused(send(2))).toBe('400 Bad Request: TOPIC_CLOSED');
    expect(() => sim.say({ chat: 'Work', from: 'jonas', text: 'q', threadId: 2 })).toThrow('closed');
    expect((await send()).status).toBe(200);
    sim.reopenTopic('Work', 2, 'mara');
    expect((await send(2)).status).toBe(200);
    sim.closeTopic('Work', null, 'mara');
    expect(await refused(send())).toBe('400 Bad Request: TOPIC_CLOSED');
    sim.setForum('Work', false);
    expect((await send()).status).toBe(200);
    expect(await refused(send(2))).toBe('400 Bad Request: message thread not found');
  });

  it('tells a chain of replies from a topic, and a reply to another topic from one to this', async () => {
    const { sim } = await startSimulator();
    const first = sim.say({ chat: 'Work', from: 'jonas', text: 'first of all' });
    const reply = sim.say({
      chat: 'Work',
      from: 'mara',
      text: 'so?',
      replyTo: first.message_id,
      quote: 'of all',
    });
    expect(reply).toMatchObject({
      message_thread_id: first.message_id,
      reply_to_message: { message_id: first.message_id },
      quote: { text: 'of all', position: 6 },
    });
    expect(reply).not.toHaveProperty('is_topic_message');
    const across = sim.say({
      chat: 'Work',
      from: 'mara',
      text: 'see',
      threadId: 2,
      replyTo: first.message_id,
    });
    expect(across).toMatchObject({
      is_topic_message: true,
      reply_to_message: { forum_topic_created: { name: 'Releases' } },
      external_reply: {
        message_id: first.message_id,
        origin: { type: 'user', sender_user: { username: 'jonas_work' } },
      },
    });
  });

  it('is forbidden where the bot is not', async () => {
    const { api, sim } = await startSimulator();
    const send = (chat_id: number) => refused(api('sendMessage', { chat_id, text: 'x' }));
    sim.removeBotFromChat('Family', 'anna');
    expect(await send(FAMILY)).toBe('403 Forbidden: bot was kicked from the group chat');
    sim.removeBotFromChat('Work', 'mara');
    expect(await send(WORK_CHAT_ID)).toBe('403 Forbidden: bot was kicked from the supergroup chat');
    sim.removeBotFromChat('main', 'you');
    expect(await send(MAIN_CHAT_ID)).toBe('403 Forbidden: bot was blocked by the user');
    sim.addBotToChat('Work', 'mara');
    await api('leaveChat', { chat_id: WORK_CHAT_ID });
    expect(await send(WORK_CHAT_ID)).toBe('403 Forbidden: bot is not a member of the supergroup chat');
  });

  it('tells where a group went', async () => {
    const { api, sim } = await startSimulator();
    const { id } = sim.migrateChat('Family', -1009999);
    expect((await api('sendMessage', { chat_id: FAMILY, text: 'x' })).body).toEqual({
      ok: false,
      error_code: 400,
      description: 'Bad Request: group chat was upgraded to a supergroup chat',
      parameters: { migrate_to_chat_id: -1009999 },
    });
    expect((await api('sendMessage', { chat_id: id, text: 'x' })).body.result.message_id).toBe(2);
    const { body } = await api('getUpdates');
    expect(body.result).toMatchObject([
      { message: { chat: { id: FAMILY }, migrate_to_chat_id: id } },
      { message: { chat: { id }, migrate_from_chat_id: FAMILY } },
    ]);
  });
});

describe('editing and deleting', () => {
  it('edits own text, once for each change', async () => {
    const { api, sim } = await startSimulator({ clock: new SteppedClock() });
    const keys = { inline_keyboard: [[{ text: 'a', callback_data: 'b' }]] };
    const { body } = await api('sendMessage', { chat_id: FAMILY, text: 'x', reply_markup: keys });
    const at = { chat_id: FAMILY, message_id: body.result.message_id };
    const edited = await api('editMessageText', { ...at, text: 'y' });
    expect(edited.body.result).toMatchObject({ text: 'y', edit_date: expect.any(Number) });
    expect(edited.body.result).not.toHaveProperty('reply_markup');
    expect(await refused(api('editMessageText', { ...at, text: 'y' }))).toMatch(
      /^400 Bad Request: message is not modified: specified/,
    );
    expect(
      (await api('editMessageReplyMarkup', { ...at, reply_markup: keys })).body.result.reply_markup,
    ).toEqual(keys);
    expect(await refused(api('editMessageText', { ...at, message_id: 404, text: 'z' }))).toBe(
      '400 Bad Request: message to edit not found',
    );
    const foreign = sim.say({ chat: 'Family', from: 'ben', text: 'mine' });
    expect(await refused(api('editMessageText', { ...at, message_id: foreign.message_id, text: 'z' }))).toBe(
      "400 Bad Request: message can't be edited",
    );
  });

  it('deletes own messages for two days, others as an administrator', async () => {
    const clock = new SteppedClock();
    const { api, sim } = await startSimulator({ clock });
    const { body } = await api('sendMessage', { chat_id: FAMILY, text: 'x' });
    const at = { chat_id: FAMILY, message_id: body.result.message_id };
    expect((await api('deleteMessage', at)).body.result).toBe(true);
    expect(await refused(api('deleteMessage', at))).toBe('400 Bad Request: message to delete not found');
    const bens = sim.say({ chat: 'Family', from: 'ben', text: 'mine' }).message_id;
    expect(await refused(api('deleteMessage', { ...at, message_id: bens }))).toBe(
      "400 Bad Request: message can't be deleted",
    );
    const jonas = sim.say({ chat: 'Work', from: 'jonas', text: 'mine' }).message_id;
    expect((await api('deleteMessage', { chat_id: WORK_CHAT_ID, message_id: jonas })).body.result).toBe(true);
    const old = (await api('sendMessage', { chat_id: FAMILY, text: 'old' })).body.result.message_id;
    clock.step(49 * 3_600_000);
    expect(await refused(api('deleteMessage', { ...at, message_id: old }))).toBe(
      "400 Bad Request: message can't be deleted for everyone",
    );
  });
});

describe('files', () => {
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );

  it('go both ways', async () => {
    const { sim, url, api } = await startSimulator();
    const grammy = new Api(TOKEN, { apiRoot: url });
    const photo = await grammy.sendPhoto(FAMILY, new InputFile(png, 'dot.png'), {
      caption: 'a *dot*',
      parse_mode: 'MarkdownV2',
    });
    expect(photo).toMatchObject({
      caption: 'a dot',
      photo: [{ width: 1, height: 1, file_size: png.length }],
    });
    const document = await grammy.sendDocument(FAMILY, new InputFile(Buffer.from('text'), 'note.txt'));
    const id = document.document.file_id;
    expect(document.document).toMatchObject({ file_name: 'note.txt', file_size: 4 });
    expect((await grammy.sendDocument(FAMILY, id)).document.file_id).toBe(id);
    const file = await grammy.getFile(id);
    const download = await fetch(`${url}/file/bot${TOKEN}/${file.file_path}`);
    expect(await download.text()).toBe('text');
    expect((await fetch(`${url}/file/bot1:no/${file.file_path}`)).status).toBe(401);
    const sent = sim.say({
      chat: 'Family',
      from: 'anna',
      caption: '@Nina look',
      file: { kind: 'photo', name: 'p.png', bytes: png },
    });
    expect(sent).toMatchObject({
      caption: '@Nina look',
      caption_entities: [{ type: 'mention', offset: 0, length: 5 }],
    });
    expect((await api('getFile', { file_id: sent.photo?.[0]?.file_id })).body.result.file_size).toBe(
      png.length,
    );
    for (const kind of ['Audio', 'Voice', 'Video'] as const) {
      const answer = await grammy[`send${kind}`](FAMILY, new InputFile(Buffer.from('x'), 'a.bin'));
      expect(answer).toHaveProperty(kind.toLowerCase());
    }
    expect(sim.ledger.at(-1)?.params).toMatchObject({ chat_id: String(FAMILY) });
  });

  it('are refused as Telegram does', async () => {
    const { sim, url, api } = await startSimulator();
    const grammy = new Api(TOKEN, { apiRoot: url });
    await expect(grammy.sendPhoto(FAMILY, new InputFile(Buffer.from('no picture'), 'a.png'))).rejects.toThrow(
      'IMAGE_PROCESS_FAILED',
    );
    await expect(grammy.sendDocument(FAMILY, new InputFile(Buffer.alloc(0), 'a'))).rejects.toThrow(
      'file must be non-empty',
    );
    await expect(
      grammy.sendDocument(FAMILY, new InputFile(png, 'a'), { caption: 'x'.repeat(1025) }),
    ).rejects.toThrow('message caption is too long');
    await expect(
      grammy.sendDocument(FAMILY, new InputFile(Buffer.alloc(51 * 1024 * 1024), 'a')),
    ).rejects.toThrow('Request Entity Too Large');
    expect(await refused(api('sendDocument', { chat_id: FAMILY, document: 'unknown' }))).toBe(
      '400 Bad Request: wrong file identifier/HTTP URL specified',
    );
    expect(await refused(api('getFile', { file_id: 'unknown' }))).toBe(
      '400 Bad Request: wrong file_id or the file is temporarily unavailable',
    );
    const big = sim.say({
      chat: 'Family',
      from: 'ben',
      file: { kind: 'document', name: 'big', bytes: Buffer.alloc(20 * 1024 * 1024 + 1) },
    });
    expect(await refused(api('getFile', { file_id: big.document?.file_id }))).toBe(
      '400 Bad Request: file is too big',
    );
  });
});

describe('the rest', () => {
  it('chats and members', async () => {
    const { api } = await startSimulator();
    expect((await api('getChat', { chat_id: WORK_CHAT_ID })).body.result).toMatchObject({
      type: 'supergroup',
      title: 'Work',
      is_forum: true,
    });
    expect((await api('getChat', { chat_id: MAIN_CHAT_ID })).body.result).toMatchObject({
      type: 'private',
      first_name: 'You',
    });
    const member = async (user_id: number) => (await api('getChatMember', { chat_id: FAMILY, user_id })).body;
    expect((await member(1001000001)).result.status).toBe('creator');
    expect((await member(1001000002)).result.status).toBe('member');
    expect((await member(1001000004)).result.status).toBe('left');
    expect((await member(4200000001)).result).toMatchObject({ status: 'member', user: { is_bot: true } });
    expect((await member(5)).description).toBe('Bad Request: PARTICIPANT_ID_INVALID');
    const admins = (await api('getChatAdministrators', { chat_id: WORK_CHAT_ID })).body.result;
    expect(admins.map((a: { user: { first_name: string } }) => a.user.first_name)).toEqual(['Mara', 'Nina']);
    expect(await refused(api('getChatAdministrators', { chat_id: MAIN_CHAT_ID }))).toMatch(
      'no administrators in the private chat',
    );
    expect((await api('getChatMemberCount', { chat_id: FAMILY })).body.result).toBe(4);
    expect(SEED_CHATS.map((c) => [c.name, c.isMain])).toEqual([
      ['Main', true],
      ['Family', false],
      ['Work', false],
    ]);
  });

  it('typing, drafts, reactions, commands', async () => {
    const { api, sim } = await startSimulator();
    const typing = sim.next('typing');
    expect((await api('sendChatAction', { chat_id: FAMILY, action: 'typing' })).body.result).toBe(true);
    expect(await typing).toMatchObject({ chatId: FAMILY, action: 'typing' });
    expect(await refused(api('sendChatAction', { chat_id: FAMILY, action: 'dancing' }))).toBe(
      '400 Bad Request: wrong parameter action in request',
    );
    const draft = { draft_id: 1, text: 'half' };
    expect((await api('sendMessageDraft', { chat_id: MAIN_CHAT_ID, ...draft })).body.result).toBe(true);
    expect((await api('sendMessageDraft', { chat_id: FAMILY, ...draft })).status).toBe(400);
    expect((await api('sendMessageDraft', { chat_id: MAIN_CHAT_ID, text: 'x' })).status).toBe(400);
    const { message_id } = sim.say({ chat: 'Family', from: 'ben', text: 'x' });
    const react = (emoji: string, id = message_id) =>
      api('setMessageReaction', { chat_id: FAMILY, message_id: id, reaction: [{ type: 'emoji', emoji }] });
    expect((await react('👍')).body.result).toBe(true);
    expect(sim.world.chat('Family').reactions.get(message_id)?.get(4200000001)).toEqual(['👍']);
    expect(await refused(react('🦖'))).toBe('400 Bad Request: REACTION_INVALID');
    expect(await refused(react('👍', 404))).toBe('400 Bad Request: message to react not found');
    const commands = [{ command: 'help', description: 'what I can do' }];
    await api('setMyCommands', { commands });
    expect((await api('getMyCommands')).body.result).toEqual(commands);
    expect((await api('getMyCommands', { scope: { type: 'all_group_chats' } })).body.result).toEqual([]);
    expect(await refused(api('setMyCommands', { commands: [{ command: 'Not OK', description: 'x' }] }))).toBe(
      '400 Bad Request: BOT_COMMAND_INVALID',
    );
  });

  it('buttons', async () => {
    const { api, sim } = await startSimulator();
    const reply_markup = { inline_keyboard: [[{ text: 'Yes', callback_data: 'y' }]] };
    const { body } = await api('sendMessage', { chat_id: FAMILY, text: 'Really?', reply_markup });
    const at = { chat: 'Family', messageId: body.result.message_id, from: 'anna' };
    expect(() => sim.pressButton({ ...at, data: 'n' })).toThrow('there is no such button');
    const id = sim.pressButton({ ...at, data: 'y' });
    const [update] = (await api('getUpdates')).body.result;
    expect(update.callback_query).toMatchObject({
      id,
      data: 'y',
      from: { first_name: 'Anna' },
      message: { text: 'Really?' },
    });
    const answered = sim.next('callback-answered');
    await api('answerCallbackQuery', { callback_query_id: id, text: 'Done' });
    expect(await answered).toEqual({ id, text: 'Done', showAlert: false });
    expect(await refused(api('answerCallbackQuery', { callback_query_id: id }))).toMatch('query is too old');
  });

  it('a press waits for its answer for a while only', async () => {
    const clock = new SteppedClock();
    const { api, sim } = await startSimulator({ clock });
    const reply_markup = { inline_keyboard: [[{ text: 'Yes', callback_data: 'y' }]] };
    const { body } = await api('sendMessage', { chat_id: FAMILY, text: 'Really?', reply_markup });
    const at = { chat: 'Family', messageId: body.result.message_id, from: 'anna', data: 'y' };
    const [early, late] = [sim.pressButton(at), sim.pressButton(at)];
    clock.step(60_000);
    expect((await api('answerCallbackQuery', { callback_query_id: early })).body.result).toBe(true);
    clock.step(1);
    expect(await refused(api('answerCallbackQuery', { callback_query_id: late }))).toBe(
      '400 Bad Request: query is too old and response timeout expired or query ID is invalid',
    );
  });

  it('command menus by scope: the narrowest that was set is offered', async () => {
    const { api, sim, url } = await startSimulator();
    const offered = async (chat: number, key: string) => {
      const state = (await (await fetch(`${url}/sim/api/state`)).json()) as {
        chats: { id: number; commands: Record<string, { command: string }[]> }[];
      };
      return state.chats.find(({ id }) => id === chat)?.commands[key]?.map(({ command }) => command);
    };
    const set = (command: string, scope?: object) =>
      api('setMyCommands', { commands: [{ command, description: 'x' }], ...(scope ? { scope } : {}) });
    await set('all');
    await set('private', { type: 'all_private_chats' });
    await set('groups', { type: 'all_group_chats' });
    await set('family', { type: 'chat', chat_id: String(FAMILY) });
    await set('owners', { type: 'chat_administrators', chat_id: FAMILY });
    expect([await offered(MAIN_CHAT_ID, 'you'), await offered(FAMILY, 'you')]).toEqual([
      ['private'],
      ['owners'],
    ]);
    expect([await offered(FAMILY, 'anna'), await offered(WORK_CHAT_ID, 'priya')]).toEqual([
      ['family'],
      ['groups'],
    ]);
    // A number and the same as text are one scope, and an empty list takes the menu away.
    await api('setMyCommands', { commands: [], scope: { type: 'chat', chat_id: FAMILY } });
    await api('deleteMyCommands', { scope: { type: 'all_group_chats' } });
    expect([await offered(FAMILY, 'anna'), await offered(WORK_CHAT_ID, 'priya')]).toEqual([['all'], ['all']]);
    expect((await api('getMyCommands', { scope: { type: 'chat', chat_id: FAMILY } })).body.result).toEqual(
      [],
    );
    expect(await refused(set('x', { type: 'chat', chat_id: -99 }))).toBe('400 Bad Request: chat not found');
    expect(await refused(set('x', { type: 'chat_administrators', chat_id: MAIN_CHAT_ID }))).toMatch(
      'private',
    );
    expect(await refused(set('x', { type: 'everybody' }))).toMatch('unsupported type');
    sim.removeBotFromChat('Family', 'you');
    expect(await refused(set('x', { type: 'chat', chat_id: FAMILY }))).toMatch(/^403 /);
    expect(await offered(FAMILY, 'anna')).toBeUndefined();
  });
});
