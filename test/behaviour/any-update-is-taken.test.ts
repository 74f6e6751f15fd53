/**
 * Whatever kind of update comes, documented, of a newer Bot API or broken, it is stored, and neither stops the poller nor
 * keeps what stands behind it waiting. The kinds and the fields of messages are those of grammY's types.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Update } from 'grammy/types';
import { describe, expect, it } from 'vitest';
import type { ChatJid } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { telegramMessage } from '../support/world.ts';

const TYPES = path.dirname(
  createRequire(import.meta.resolve('grammy')).resolve('@grammyjs/types/package.json'),
);
const typesOf = (file: string) => readFileSync(path.join(TYPES, file), 'utf8');
const fieldsOf = (text: string) => [
  ...new Set([...text.matchAll(/^ +([a-z_]+)\??:/gm)].map(([, name = '']) => name)),
];
const body = /export interface Update \{([\s\S]*?)\n\}/.exec(typesOf('update.d.ts'))?.[1] ?? '';
const KINDS = fieldsOf(body).filter((name) => name !== 'update_id');
const FIELDS = fieldsOf(typesOf('message.d.ts')).filter((name) => name !== 'chat');

const ODD = -1002;
/** As in a chat that is registered; a kind is told by its name alone. */
const chat = { id: ODD, type: 'supergroup', title: 'Odd' };
const anna = { id: 1001, is_bot: false, first_name: 'Anna' };
const member = (status: string) => ({ status, user: anna });
const documented = {
  message_id: 17,
  id: '17',
  date: 1_793_606_400,
  edit_date: 1_793_606_460,
  chat,
  from: anna,
  user: anna,
  text: 'hello',
  data: 'nothing',
  old_chat_member: member('member'),
  new_chat_member: member('member'),
};
const deep = Array.from({ length: 500 }).reduce<unknown>((inner) => ({ chat: { message: [inner] } }), null);
const BROKEN: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  1e300,
  '',
  'word',
  'x'.repeat(5000),
  '\ud800\0',
  [],
  [null],
  {},
  deep,
];

/** Offers all of it in one batch with a question behind it, and returns the ids that are not stored as they should be. */
async function offer(contents: readonly Record<string, unknown>[]) {
  const daemon = new InnerDaemon();
  daemon.register('main', { isMain: true, chatJid: '-1003' });
  const odd = daemon.register('odd', { chatJid: String(ODD) });
  const family = daemon.register('family', { chatJid: '-1001' });
  daemon.agent.answer = () => ({ text: 'here I am' });
  await daemon.start();
  const updates = contents.map((content, index) => ({ update_id: 1000 + index, ...content }));
  const question = {
    update_id: 900_000,
    message: telegramMessage({ text: '@Nina are you there?', messageId: 900 }),
  };
  await daemon.offer([...updates, question] as unknown as Update[]);
  await daemon.until(() => daemon.told(family).length > 0);
  expect(daemon.told(family)).toEqual(['here I am']);
  expect(daemon.db.inbox.offset(4242)).toBe(900_001);
  const rows = daemon.db.sqlite
    .prepare('SELECT update_id, kind, error FROM inbox ORDER BY update_id')
    .all() as { update_id: number; kind: string; error: string | null }[];
  expect(rows).toHaveLength(updates.length + 1);
  return { daemon, odd, rows };
}

describe('an update', () => {
  it('of each documented kind is stored under its name; nothing of it is an error', async () => {
    expect(KINDS.length).toBeGreaterThan(25);
    const { rows } = await offer(KINDS.map((kind) => ({ [kind]: documented })));
    expect(rows.slice(0, -1).map(({ kind }) => kind)).toEqual(KINDS);
    expect(rows.filter(({ error }) => error !== null)).toEqual([]);
  });

  it('with a message of each documented field is stored, also where the bot knows nothing of that field', async () => {
    expect(FIELDS.length).toBeGreaterThan(100);
    const { rows } = await offer(
      FIELDS.map((field, index) => ({
        message: { message_id: index + 1, date: 1_793_606_400, chat, from: anna, [field]: {} },
      })),
    );
    expect(rows.filter(({ kind }) => kind !== 'message' && kind !== 'unreadable')).toEqual([]);
  });

  it('of a kind that nobody knows yet is stored, and so is one without anything in it', async () => {
    const name = 'x'.repeat(50_000);
    const { rows } = await offer([
      { hologram: { ...documented } },
      {},
      { [name]: {} },
      { constructor: 1 },
      { message: null },
    ]);
    expect(rows.slice(0, 5).map(({ kind, error }) => [kind, error])).toEqual([
      ['hologram', null],
      ['empty', null],
      ['x'.repeat(64), null],
      ['constructor', null],
      ['message', null],
    ]);
  });

  it('with something else in the place of what is documented is stored, whatever it is', async () => {
    const contents = [
      ...KINDS.flatMap((kind) => BROKEN.map((broken) => ({ [kind]: broken }))),
      ...KINDS.flatMap((kind) =>
        Object.keys(documented).flatMap((key) =>
          [null, {}, 'word', [null]].map((broken) => ({ [kind]: { ...documented, [key]: broken } })),
        ),
      ),
      ...FIELDS.flatMap((field, index) =>
        BROKEN.map((broken, each) => ({
          message: {
            message_id: 100_000 + 100 * index + each,
            date: 1_793_606_400,
            chat,
            from: anna,
            text: 'hi',
            [field]: broken,
          },
        })),
      ),
      { message: { ...documented, chat: { ...chat, id: 'word' } } },
      { message: { ...documented, chat: { ...chat, id: deep } } },
      { message: { ...documented, from: { ...anna, first_name: { a: 1 }, language_code: 7 } } },
    ];
    const { daemon, odd } = await offer(contents);
    // Where the group became another chat "by" such an update, it would be lost to its people.
    const jids = daemon.db.groups.all().map(({ chatJid }) => chatJid);
    expect(jids.every((jid) => /^-?\d+$/.test(jid))).toBe(true);
    expect(daemon.db.groups.byFolder(odd.folder)).not.toBeNull();
  }, 120_000);
});

describe('a batch', () => {
  it('with what is no update at all is taken all the same, and what has no id is left out', async () => {
    const daemon = new InnerDaemon();
    const family = daemon.register('family', { chatJid: '-1001' });
    daemon.agent.answer = () => ({ text: 'here I am' });
    await daemon.start();
    const question = { update_id: 7, message: telegramMessage({ text: '@Nina hi' }) };
    await daemon.offer([
      null,
      undefined,
      7,
      'word',
      [],
      {},
      { update_id: 'x' },
      { update_id: 1.5 },
      question,
    ] as unknown as Update[]);
    await daemon.until(() => daemon.told(family).length > 0);
    expect(daemon.db.inbox.offset(4242)).toBe(8);
    expect(daemon.db.groups.byJid('-1001' as ChatJid)).not.toBeNull();
  });
});
