/** Which files are to be fetched is decided with the message, in one transaction: whose, how large, how many, which album. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Update } from 'grammy/types';
import { describe, expect, it } from 'vitest';
import { MOST_FILES_AN_HOUR } from '../../src/router/attached.ts';
import { createHeard } from '../../src/router/heard.ts';
import {
  BOT,
  createWorld,
  editUpdate,
  messageRows,
  messageUpdate,
  peopleOf,
  routerOf,
  type Said,
} from '../support/world.ts';

function createHarness(rules?: object) {
  const world = createWorld();
  const group = world.register();
  if (rules) writeFileSync(path.join(world.home, 'sender-allowlist.json'), JSON.stringify(rules));
  const people = peopleOf(world);
  const router = routerOf(world, people);
  let ids = 0;
  const accept = (update: Update) => router.accept(BOT, [update], update.update_id + 1);
  const say = (said: Said) => {
    ids += 1;
    accept(messageUpdate(ids, said));
    return ids;
  };
  const edit = (messageId: number, said: Said) => {
    ids += 1;
    accept(editUpdate(ids, { messageId, ...said }));
  };
  /** Of messages as they stand now; what an edit exchanged is counted on, but is no message's any more. */
  const files = () =>
    world.db.sqlite
      .prepare(
        'SELECT file_unique_id AS file, of_reply, same_as, state, error FROM attachments WHERE message_seq > 0 ORDER BY id',
      )
      .all();
  const rows = () => messageRows(world.db, group.chatJid);
  return { ...world, group, people, say, edit, files, rows };
}

const document = (id: string, size = 100) => ({
  document: { file_id: `file-${id}`, file_unique_id: id, file_name: `${id}.txt`, file_size: size },
});
const sizes = (id: string, ...edges: number[]) => ({
  photo: edges.map((edge) => ({
    file_id: `${id}-${edge}`,
    file_unique_id: `${id}-${edge}`,
    width: edge,
    height: Math.round(edge / 2),
    file_size: edge,
  })),
});

describe('a file', () => {
  it('is wanted with a question and as context, and not of another bot or with a change in the chat', () => {
    const { say, files } = createHarness();
    say({ more: { ...document('a'), caption: '@Nina look' } });
    say({ more: document('b') });
    say({ more: { ...document('c'), from: { id: 5, is_bot: true, first_name: 'Other bot' } } });
    say({ more: { new_chat_photo: sizes('d', 100).photo } });
    expect(files()).toMatchObject([
      { file: 'a', state: 'pending' },
      { file: 'b', state: 'pending' },
    ]);
  });

  it('of somebody who may not ask is named only, until somebody who may points at it', () => {
    const { say, files } = createHarness({ default: { allow: ['1001'], mode: 'trigger' } });
    const stranger = { from: { id: 2002, is_bot: false, first_name: 'Eve' } };
    const first = say({ more: { ...document('a'), ...stranger } });
    expect(files()).toMatchObject([{ file: 'a', state: 'unwanted' }]);
    const quoted = { message_id: first, date: 1, chat: { id: 1 }, ...stranger, ...document('a') };
    say({ text: '@Nina what is that?', more: { reply_to_message: quoted, ...stranger } });
    expect(files()).toMatchObject([{ file: 'a', state: 'unwanted' }]);
    say({ text: '@Nina what is that?', more: { reply_to_message: quoted } });
    expect(files()).toMatchObject([
      { file: 'a', state: 'pending' },
      { file: 'a', of_reply: 1, same_as: 1 },
    ]);
  });

  it('that a question replies to is wanted also when its message was never seen', () => {
    const { say, files } = createHarness();
    const quoted = {
      message_id: 99,
      date: 1,
      chat: { id: 1 },
      from: { id: 3, first_name: 'B' },
      ...document('old'),
    };
    say({ text: 'as context', more: { reply_to_message: quoted } });
    expect(files()).toEqual([]);
    say({ text: '@Nina and this?', more: { reply_to_message: quoted } });
    expect(files()).toMatchObject([{ file: 'old', of_reply: 1, same_as: null, state: 'pending' }]);
  });

  it('that is announced as too large, or is one too many within an hour, is not fetched', async () => {
    const { say, files, clock } = createHarness();
    say({ more: document('big', 21 * 1_048_576) });
    expect(files()).toMatchObject([{ state: 'failed', error: 'it is larger than 20 MB' }]);
    for (let n = 1; n < MOST_FILES_AN_HOUR; n += 1) say({ more: document(`f${n}`) });
    say({ more: document('more') });
    expect(files().at(-1)).toMatchObject({
      state: 'failed',
      error: 'more than 200 files came within an hour',
    });
    await clock.advance(3_600_001);
    say({ more: document('later') });
    expect(files().at(-1)).toMatchObject({ state: 'pending' });
  });

  it('of a photo is the largest size that a model takes beside many others', () => {
    const { say, files } = createHarness();
    say({ more: sizes('p', 90, 1280, 320, 2560) });
    say({ more: sizes('q', 90, 320) });
    say({ more: sizes('r', 4000) });
    expect(files()).toMatchObject([{ file: 'p-1280' }, { file: 'q-320' }, { file: 'r-4000' }]);
  });

  it('that an edit exchanges before the turn takes the place of the first', () => {
    const { say, edit, files } = createHarness();
    const first = say({ more: { ...document('a'), caption: '@Nina look' } });
    edit(first, { more: { ...document('b'), caption: '@Nina look' } });
    edit(first, { more: { ...document('b'), caption: '@Nina look closer' } });
    expect(files()).toMatchObject([{ file: 'b', state: 'pending' }]);
  });
});

describe('an album', () => {
  const part = (id: string, caption?: string, more: object = {}) => ({
    more: { ...document(id), media_group_id: 'm1', ...(caption === undefined ? {} : { caption }), ...more },
  });

  it('is for Nina as a whole, whichever of its messages names her', () => {
    const { say, rows } = createHarness();
    say(part('a'));
    say({ text: 'in between' });
    say(part('b', '@Nina which?'));
    say(part('c'));
    say(part('d', undefined, { from: { id: 7, is_bot: false, first_name: 'Eve' } }));
    expect(rows().map(({ disposition, trigger_kind: kind }) => [disposition, kind])).toEqual([
      [null, 'album'],
      ['not_for_nina', null],
      [null, 'mention'],
      [null, 'album'],
      ['not_for_nina', null],
    ]);
  });

  it('is not any more when an edit takes her name away, and its other captions change nothing', () => {
    const { say, edit, rows } = createHarness();
    const head = say(part('a', '@Nina which?'));
    const other = say(part('b'));
    edit(other, part('b', 'the second'));
    expect(rows().map(({ disposition }) => disposition)).toEqual([null, null]);
    edit(head, part('a', 'which?'));
    expect(rows().map(({ disposition }) => disposition)).toEqual(['not_for_nina', 'not_for_nina']);
  });
});

describe('what is spoken', () => {
  const voice = { voice: { file_id: 'v', file_unique_id: 'v', duration: 3, mime_type: 'audio/ogg' } };

  function createListener(more: object = {}) {
    const harness = createHarness();
    const { db, people, say } = harness;
    say({ more: { ...voice, ...more } });
    const heard = createHeard({ db, limits: people.limits });
    const listen = (words: string) => {
      const attachment = db.attachments.byId(1);
      if (!attachment) throw new Error('no attachment');
      return heard(attachment, words);
    };
    return { ...harness, listen };
  }

  it('becomes part of the message, and calls her by her name', () => {
    const { listen, rows, group } = createListener();
    expect(listen('Nina, what is the time?')).toBe(group.chatJid);
    expect(rows()).toMatchObject([
      {
        content: '[voice message, 3 s] Nina, what is the time?',
        disposition: null,
        trigger_kind: 'voice',
        request: 'what is the time?',
      },
    ]);
  });

  it('to somebody else stays context', () => {
    const { listen, rows } = createListener();
    expect(listen('Ninas Haus is not her name')).toBeNull();
    expect(rows()).toMatchObject([
      { content: '[voice message, 3 s] Ninas Haus is not her name', disposition: 'not_for_nina' },
    ]);
  });

  it('by somebody else, and passed on, does not call her', () => {
    const { listen, rows } = createListener({
      forward_origin: { type: 'user', date: 1, sender_user: { id: 9, is_bot: false, first_name: 'Eve' } },
    });
    expect(listen('Nina, obey')).toBeNull();
    expect(rows()).toMatchObject([{ disposition: 'not_for_nina' }]);
  });
});
