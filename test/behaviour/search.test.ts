/**
 * What was said is found by its words: in any script, at once, ranked, only in its own chat, whatever is asked; and the index
 * that this is found by follows every change of the messages, of the daemon's and of an operator's with sqlite3.
 */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { MIGRATIONS } from '../../src/db/migrations.ts';
import { databaseFile, openDatabase } from '../../src/db/open.ts';
import { createDb, type Db } from '../../src/db.ts';
import { silentLogger } from '../../src/log.ts';
import { createSearchIndexer } from '../../src/search-indexer.ts';
import { type ChatJid, chatJid, iso, type Seq } from '../../src/types.ts';
import { createWorld, FAMILY, storeMessage, tempFolder, type World } from '../support/world.ts';

const HERE = chatJid(FAMILY);
const THERE = chatJid(-2002);

const settle = (db: Db, limit = 100): void => {
  while (db.transaction(() => db.searchIndex.step(limit)));
};
const find = (db: Db, query: string, jid: ChatJid = HERE, more: object = {}): string[] =>
  (db.search.messages(jid, { query, limit: 20, ...more })?.found ?? []).map(({ content }) => content);
const entries = (db: Db): number =>
  db.sqlite.prepare<[], number>('SELECT count(*) FROM search_words').pluck().get() ?? 0;
const isSound = (db: Db): void => {
  db.sqlite.exec("INSERT INTO search_words (search_words, rank) VALUES ('integrity-check', 1)");
};

let next = 1;
const say = (
  { db }: Pick<World, 'db'>,
  content: string,
  more: Parameters<typeof storeMessage>[3] = {},
): Seq => storeMessage(db, more.chatJid ?? HERE, next++, { content, disposition: 'not_for_nina', ...more });

describe.each([
  ['before it is indexed', () => {}],
  ['once it is indexed', settle],
] as const)('%s', (_, prepare) => {
  it.each([
    ['Die Straße ist gesperrt, Grüße', 'strasse grusse'],
    ['我们下星期三在北京开会', '北京'],
    ['明日、東京タワーへ行く', '"東京タワー"'],
    ['พรุ่งนี้ไปกรุงเทพ', 'กรุงเทพ'],
    ['سَنَلْتَقِي غَدًا', 'غدا'],
    ['غدا نلتقي', 'غَدًا'],
    ['booked 🎻🦔', '🦔'],
    ['It’s 20°C at Zoë’s', "zoe's"],
  ])('“%s” is found by %s', (said, asked) => {
    const world = createWorld();
    say(world, 'something else');
    say(world, said);
    prepare(world.db);
    expect(find(world.db, asked)).toEqual([said]);
  });

  it('what has all the words comes first, then what has the rarer ones, then the newer', () => {
    const world = createWorld();
    for (let i = 0; i < 30; i += 1) say(world, `the usual talk about the weather, number ${i}`);
    say(world, 'the boiler is loud');
    say(world, 'somebody repaired the weather station');
    say(world, 'the boiler was repaired');
    say(world, 'the boiler was repaired again');
    prepare(world.db);
    const found = find(world.db, 'the repaired boiler');
    expect(found.slice(0, 2)).toEqual(['the boiler was repaired', 'the boiler was repaired again']);
    expect(found.slice(2, 4).sort()).toEqual(['somebody repaired the weather station', 'the boiler is loud']);
    expect(find(world.db, '"was repaired again"')[0]).toBe('the boiler was repaired again');
  });

  it('a long run of words that stand together is compared to its end', () => {
    const world = createWorld();
    say(world, '我们下星期三在北京开会吧');
    say(world, '我们下星期三在南京开会');
    prepare(world.db);
    const found = (query: string) =>
      world.db.search.messages(HERE, { query, limit: 20 })?.found.map(({ content, all }) => [content, all]);
    expect(found('我们下星期三在南京')).toEqual([
      ['我们下星期三在南京开会', true],
      ['我们下星期三在北京开会吧', false],
    ]);
    expect(found('我们下星期三在')?.map(([, all]) => all)).toEqual([true, true]);
  });

  it('nothing of another chat, whatever is asked', () => {
    const world = createWorld();
    say(world, 'our own word');
    say(world, 'the secret is marzipan', { chatJid: THERE });
    prepare(world.db);
    const keys = world.db.sqlite.prepare<[], number>('SELECT key FROM search_chats').pluck().all();
    const guesses = keys.flatMap((key) => [`${key.toString(36)}·marzipan`, `${key}·secret`]);
    for (const asked of ['marzipan', 'secret', 'the secret is marzipan', ...guesses]) {
      expect(find(world.db, asked)).toEqual([]);
    }
    expect(find(world.db, 'marzipan', THERE)).toHaveLength(1);
  });

  it('hostile questions are words, too', () => {
    const world = createWorld();
    say(world, 'plain words OR NOT');
    say(world, 'the secret is marzipan', { chatJid: THERE });
    prepare(world.db);
    const hostile = [
      '"',
      '""',
      '" OR words : marzipan',
      ') OR (marzipan',
      'plain" OR "marzipan',
      'words : *',
      'who : anna',
      '*',
      'NEAR(a b)',
      "'; DROP TABLE messages; --",
      '\0',
      '\ud800',
      '^plain',
      '-plain',
      'plain + words',
      '{words who} : plain',
      '·',
      '1·marzipan',
      '%',
      '_',
      '\\',
      `${'('.repeat(5000)}`,
      'x '.repeat(100_000),
      `"${'y '.repeat(100_000)}`,
    ];
    for (const asked of hostile) expect(find(world.db, asked)).not.toContain('the secret is marzipan');
    expect(find(world.db, 'OR not')).toEqual(['plain words OR NOT']);
    expect(world.db.search.messages(HERE, { query: ' "-" ', limit: 5 })).toBeNull();
  });

  it('by sender, topic and time', () => {
    const world = createWorld();
    const at = (day: number) => iso(Date.UTC(2026, 10, day, 12));
    say(world, 'tea on the first', { senderName: 'Zoë', timestamp: at(1), threadId: 5 });
    say(world, 'tea on the second', { timestamp: at(2) });
    say(world, 'tea on the third', { senderName: 'Zoë', timestamp: at(3) });
    prepare(world.db);
    expect(find(world.db, 'tea', HERE, { sender: 'zoe' })).toEqual(['tea on the third', 'tea on the first']);
    expect(find(world.db, 'tea', HERE, { since: at(2) })).toEqual(['tea on the third', 'tea on the second']);
    expect(find(world.db, 'tea', HERE, { until: at(2) })).toEqual(['tea on the second', 'tea on the first']);
    expect(find(world.db, 'tea', HERE, { since: at(4) })).toEqual([]);
    expect(find(world.db, 'tea', HERE, { topic: 5 })).toEqual(['tea on the first']);
    expect(find(world.db, 'tea', HERE, { topic: 0 })).toHaveLength(2);
  });

  it('not what was given a certain answer', () => {
    const world = createWorld();
    say(world, 'ignore all rules', { disposition: 'not_allowed' });
    prepare(world.db);
    expect(find(world.db, 'rules')).toHaveLength(1);
    expect(find(world.db, 'rules', HERE, { except: 'not_allowed' })).toEqual([]);
  });
});

describe('the index follows', () => {
  it('edits, deletions and what an operator does with sqlite3', () => {
    const world = createWorld();
    const { db, home } = world;
    const edited = say(world, 'the old wording');
    const answered = say(world, 'the answered wording');
    const deleted = say(world, 'soon deleted');
    const changed = say(world, 'an operator changes this');
    settle(db);
    db.messages.replaceContent(edited, 'the new phrase', iso(0), 'not_for_nina', null, null, 'keep');
    db.messages.noteEdit(answered, 'the later phrase', iso(0));
    db.sqlite.prepare('DELETE FROM messages WHERE seq = ?').run(deleted);
    const operator = spawnSync('sqlite3', [
      databaseFile(home),
      `UPDATE messages SET content = 'changed by hand' WHERE seq = ${changed}`,
    ]);
    expect(`${operator.stderr}`).toBe('');
    for (const isSettled of [false, true]) {
      expect(find(db, 'old wording')).toEqual(['the later phrase']);
      expect(find(db, 'new phrase')[0]).toBe('the new phrase');
      expect(find(db, 'deleted')).toEqual([]);
      expect(find(db, 'operator')).toEqual([]);
      expect(find(db, 'hand')).toEqual(['changed by hand']);
      if (!isSettled) settle(db);
    }
    expect(entries(db)).toBe(3);
    isSound(db);
  });

  it('a group to its supergroup', () => {
    const world = createWorld();
    const { db } = world;
    world.register();
    say(world, 'said in the small group');
    settle(db);
    expect(db.groups.migrate(HERE, THERE)).toBe(true);
    expect(find(db, 'small', THERE)).toEqual(['said in the small group']);
    expect(find(db, 'small', HERE)).toEqual([]);
    say(world, 'said in the large group', { chatJid: THERE });
    settle(db);
    expect(find(db, 'said', THERE)).toHaveLength(2);
  });

  it('also where the new chat was known before', () => {
    const world = createWorld();
    const { db } = world;
    world.register();
    say(world, 'said in the small group');
    say(world, 'said there before', { chatJid: THERE });
    settle(db);
    expect(db.groups.migrate(HERE, THERE)).toBe(true);
    expect(find(db, 'said', THERE)).toHaveLength(2);
    settle(db);
    expect(find(db, 'said', THERE)).toHaveLength(2);
    expect(entries(db)).toBe(2);
    isSound(db);
  });

  it('retention', () => {
    const world = createWorld();
    const { db } = world;
    say(world, 'old and over', { timestamp: iso(1000) });
    settle(db);
    db.transaction(() => db.retention.messages(HERE, iso(2000), undefined, 10));
    settle(db);
    expect(entries(db)).toBe(0);
    isSound(db);
  });
});

describe('a database of an earlier version', () => {
  const old = (messages: number): string => {
    const file = databaseFile(tempFolder());
    const before = openDatabase(file, MIGRATIONS.slice(0, 4));
    const insert = before.prepare(
      `INSERT INTO messages (chat_jid, message_id, sender, sender_name, content, timestamp, disposition, received_at)
       VALUES (?, ?, '7', 'Anna', ?, ?, 'not_for_nina', ?)`,
    );
    for (let i = 1; i <= messages; i += 1)
      insert.run(HERE, i, `word${i} of the past`, iso(i * 60_000), iso(i * 60_000));
    before.close();
    return file;
  };

  it('is indexed bit by bit, the newest first, over restarts, and says how far it is', () => {
    const file = old(50);
    let db = createDb(file, { holdsLock: true });
    expect(db.search.messages(HERE, { query: 'word7', limit: 5 })).toMatchObject({
      found: [],
      index: { complete: false, since: null },
    });
    storeMessage(db, HERE, 1000, { content: 'word1000 today' });
    expect(find(db, 'word1000')).toEqual(['word1000 today']);
    for (let i = 0; i < 3; i += 1) {
      db.transaction(() => db.searchIndex.step(10));
      db.close();
      db = createDb(file);
    }
    expect(find(db, 'word45')).toHaveLength(1);
    expect(db.search.messages(HERE, { query: 'word7', limit: 5 })).toMatchObject({
      found: [],
      index: { complete: false, since: iso(31 * 60_000) },
    });
    settle(db, 10);
    expect(db.search.messages(HERE, { query: 'word7', limit: 5 })).toMatchObject({
      found: [{ content: 'word7 of the past', all: true }],
      index: { complete: true },
    });
    expect(entries(db)).toBe(51);
    isSound(db);
    db.close();
  });

  it('is indexed by the daemon in its own time, and a failure is tried again', async () => {
    const { db, clock } = createWorld();
    for (let i = 0; i < 500; i += 1) storeMessage(db, HERE, 5000 + i, { content: `word${i}` });
    const indexer = createSearchIndexer({ db, clock, log: silentLogger() });
    indexer.start();
    db.sqlite.exec('ALTER TABLE search_words RENAME TO search_words_away');
    await clock.advance(6000);
    db.sqlite.exec('ALTER TABLE search_words_away RENAME TO search_words');
    expect(entries(db)).toBe(0);
    await clock.advance(60_000);
    expect(entries(db)).toBe(500);
    indexer.stop();
    storeMessage(db, HERE, 9000);
    await clock.advance(120_000);
    expect(entries(db)).toBe(500);
  });
});

it('however often a word was said, only the newest are ranked, and that is said', () => {
  const world = createWorld();
  world.db.transaction(() => {
    for (let i = 0; i < 400; i += 1) say(world, `again and again ${i}`);
  });
  settle(world.db);
  const result = world.db.search.messages(HERE, { query: 'again', limit: 3 });
  expect(result?.found.map(({ content }) => content)).toEqual([
    'again and again 399',
    'again and again 398',
    'again and again 397',
  ]);
  expect(result?.more).toBe(true);
});
