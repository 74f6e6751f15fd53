import fc from 'fast-check';
import type { Update } from 'grammy/types';
import { describe, expect, it } from 'vitest';
import { type Incoming, parseUpdate } from './update.ts';

const parse = (message: Record<string, unknown>): Extract<Incoming, { kind: 'message' }>['message'] => {
  const incoming = parseUpdate({
    update_id: 1,
    message: { message_id: 7, date: 1_793_606_400, chat: { id: -5, type: 'group', title: 'T' }, ...message },
  } as unknown as Update);
  if (incoming.kind !== 'message') throw new Error(`parsed as ${incoming.kind}`);
  return incoming.message;
};

describe('an update', () => {
  it('of any shape is parsed without throwing', () => {
    const message = fc.dictionary(
      fc.constantFrom(
        ...['chat', 'from', 'sender_chat', 'date', 'edit_date', 'text', 'caption', 'entities', 'message_id'],
        ...['caption_entities', 'reply_to_message', 'quote', 'photo', 'sticker', 'voice', 'poll', 'contact'],
        ...['new_chat_members', 'left_chat_member', 'migrate_to_chat_id', 'forum_topic_created', 'dice'],
        ...['message_thread_id', 'is_topic_message', 'document', 'audio', 'location', 'new_chat_member'],
      ),
      fc.oneof(fc.jsonValue(), fc.record({ id: fc.jsonValue(), toString: fc.jsonValue() })),
    );
    const update = fc.record(
      {
        update_id: fc.nat(),
        message: fc.oneof(message, fc.jsonValue()),
        edited_message: fc.oneof(message, fc.jsonValue()),
        my_chat_member: fc.oneof(message, fc.jsonValue()),
        callback_query: fc.jsonValue(),
        __proto__: fc.jsonValue(),
      },
      { requiredKeys: ['update_id'] },
    );
    fc.assert(
      fc.property(update, (junk) => {
        const incoming = parseUpdate(JSON.parse(JSON.stringify(junk)) as Update);
        expect(['message', 'edited_message', 'my_chat_member', 'other', 'unreadable']).toContain(
          incoming.kind,
        );
      }),
      { numRuns: 500 },
    );
  });

  it('keeps the place of entities behind the word for an attachment', () => {
    const entities = [{ type: 'mention', offset: 0, length: 5 }];
    const message = parse({ caption: '@Nina look', caption_entities: entities, photo: [{}] });
    expect(message.text).toBe('[photo] @Nina look');
    expect(message.entities).toEqual([{ type: 'mention', offset: 8, length: 5 }]);
  });

  it('has a topic only where the message is one of a topic', () => {
    expect(parse({ text: 'x', message_thread_id: 9 }).threadId).toBeNull();
    expect(parse({ text: 'x', message_thread_id: 9, is_topic_message: true }).threadId).toBe(9);
    const opened = { message_id: 9, forum_topic_created: { name: 'T', icon_color: 1 } };
    expect(parse({ text: 'x', reply_to_message: opened }).replyTo).toBeNull();
  });

  it('has no topic in General, which is number 1', () => {
    const chat = { id: -1, type: 'supergroup', title: 'T' };
    expect(parse({ chat, text: 'x', message_thread_id: 1, is_topic_message: true }).threadId).toBeNull();
  });

  const ben = { id: 7, is_bot: false, first_name: 'Ben', last_name: 'Li' };
  it.each([
    [{ type: 'user', sender_user: ben }, 'Ben Li'],
    [{ type: 'hidden_user', sender_user_name: 'Somebody Hidden' }, 'Somebody Hidden'],
    [{ type: 'chat', sender_chat: { id: -5, type: 'group', title: 'Choir' } }, 'Choir'],
    [
      { type: 'chat', sender_chat: { id: -5, type: 'group', title: 'Choir' }, author_signature: 'Cantor' },
      'Choir (Cantor)',
    ],
    [
      {
        type: 'channel',
        chat: { id: -6, type: 'channel', title: 'News' },
        message_id: 3,
        author_signature: 'Ed',
      },
      'News (Ed)',
    ],
    [{ type: 'of a later year' }, 'somebody'],
  ])('is passed on from %j', (origin, name) => {
    expect(parse({ text: 'x', forward_origin: { date: 0, ...origin } }).forwardedFrom).toBe(name);
  });

  it('replies to a part of a message, where one was picked out', () => {
    const reply_to_message = { message_id: 3, from: ben, date: 0, chat: { id: -1 }, text: 'eggs and milk' };
    const quote = { text: 'milk', position: 9 };
    expect(parse({ text: 'x', reply_to_message }).replyTo).toMatchObject({
      text: 'eggs and milk',
      isQuote: false,
    });
    expect(parse({ text: 'x', reply_to_message, quote }).replyTo).toMatchObject({
      messageId: 3,
      name: 'Ben Li',
      text: 'milk',
      isQuote: true,
      chat: null,
    });
  });

  it('replies to a message of another chat, which is none of ours, or of another topic of this one', () => {
    const origin = { type: 'user', sender_user: ben, date: 0 };
    const here = { id: -1, type: 'supergroup', title: 'T' };
    const elsewhere = { id: -9, type: 'supergroup', title: 'Elsewhere' };
    const reply = (external_reply: object, quote?: object) =>
      parse({
        chat: here,
        text: 'x',
        external_reply: { origin, ...external_reply },
        ...(quote ? { quote } : {}),
      }).replyTo;
    expect(reply({ chat: elsewhere, message_id: 3 }, { text: 'milk', position: 0 })).toMatchObject({
      messageId: null,
      name: 'Ben Li',
      text: 'milk',
      chat: 'Elsewhere',
      senderId: '',
    });
    expect(reply({ photo: [{ file_id: 'f', width: 1, height: 1 }] })).toMatchObject({
      messageId: null,
      text: '[photo]',
      chat: 'another chat',
    });
    expect(reply({ chat: here, message_id: 3 })).toMatchObject({ messageId: 3, chat: null, senderId: '7' });
  });

  it('has entities only where they lie in its text', () => {
    const entity = (offset: unknown, length: unknown) => ({ type: 'code', offset, length });
    const given = [
      entity(0, 3),
      entity(1, 2e9),
      entity(0, -5),
      entity(-1, 2),
      entity(0.5, 1),
      entity('0', 1),
      {},
    ];
    expect(parse({ text: 'abc', entities: given }).entities).toEqual([entity(0, 3)]);
    expect(parse({ photo: [], caption: 'abc', caption_entities: [entity(0, 3)] }).entities).toEqual([
      entity('[photo] '.length, 3),
    ]);
  });

  it('may have the message id 0 and no sender', () => {
    expect(parse({ message_id: 0, text: 'x' })).toMatchObject({ messageId: 0, sender: '0', text: 'x' });
  });

  it.each([
    [{ sticker: { emoji: '😀' } }, '[sticker 😀]'],
    [{ sticker: {} }, '[sticker]'],
    [{ voice: { duration: 4 } }, '[voice message, 4 s]'],
    [{ document: { file_name: 'a.pdf' }, caption: 'see' }, '[file a.pdf] see'],
    [{ location: { latitude: 1, longitude: 2 } }, '[location 1, 2]'],
  ])('%j becomes %s', (content, text) => {
    expect(parse(content)).toMatchObject({ text, service: false });
  });

  it.each([
    [{ new_chat_title: 'New' }, '[new title: New]'],
    [{ left_chat_member: { first_name: 'Cy' } }, '[left: Cy]'],
    [{ video_chat_started: {} }, '[service message]'],
  ])('%j is a service message', (content, text) => {
    expect(parse(content)).toMatchObject({ text, service: true });
  });
});
