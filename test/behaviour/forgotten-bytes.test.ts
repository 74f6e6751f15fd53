/**
 * What was forgotten, or removed by retention, is in no byte of the database's files: after days of use in which pages were split,
 * merged, filled and freed, one who looks with `strings` finds all that stays and nothing that went.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openDatabase } from '../../src/db/open.ts';
import { createForgetter } from '../../src/forgetting.ts';
import { silentLogger } from '../../src/log.ts';
import { type ChatJid, chatJid, iso, type Seq } from '../../src/types.ts';
import { createWorld, FAMILY, storeMessage, type World } from '../support/world.ts';

const HERE = chatJid(FAMILY);
const OTHER = chatJid(-2002);

/** All bytes of the database, its WAL included. */
function bytes({ home }: World): Buffer {
  const data = path.join(home, 'data');
  const files = readdirSync(data).filter((name) => name.startsWith('nanoclaw.db'));
  return Buffer.concat(files.map((name) => readFileSync(path.join(data, name))));
}
const holds = (all: Buffer, word: string): boolean => all.includes(Buffer.from(word));
const settle = ({ db }: World): void => {
  while (db.transaction(() => db.searchIndex.step(50)));
};
const forgetter = ({ db, home, clock }: World) =>
  createForgetter({ db, home, clock, log: silentLogger(), wakeDelivery: () => {} });

function say({ db }: World, chat: ChatJid, id: number, sender: string, word: string, padding: number): void {
  const content = `${'some other words '.repeat(padding)}${word} at the end`;
  const at = iso(Date.now());
  db.transaction(() => {
    db.inbox.insert({
      botId: 1,
      updateId: id,
      kind: 'message',
      chatJid: chat,
      at,
      payload: JSON.stringify({ content }),
    });
    storeMessage(db, chat, id, {
      content,
      sender,
      senderName: `name of ${sender}`,
      disposition: 'not_for_nina',
      receivedAt: at,
    });
  });
}

it('whatever was said before and after, in which order it was indexed, edited and forgotten', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          sender: fc.constantFrom('1001', '1002', '1003'),
          padding: fc.oneof(fc.nat(3), fc.nat(200)),
          edited: fc.boolean(),
          settled: fc.boolean(),
        }),
        { minLength: 30, maxLength: 120 },
      ),
      async (messages) => {
        const world = createWorld();
        world.register();
        const words = messages.map((_, i) => `kanarienwort${String(i).padStart(4, '0')}x`);
        for (const [i, { sender, padding, edited, settled }] of messages.entries()) {
          const chat = i % 5 === 0 ? OTHER : HERE;
          say(world, chat, i + 1, sender, words[i] ?? '', padding);
          if (edited) {
            const seq = world.db.messages.byMessageId(chat, i + 1)?.seq ?? (0 as Seq);
            world.db.messages.noteEdit(seq, `edited ${words[i]}`, iso(0));
          }
          if (settled) settle(world);
        }
        const scope = { chatJid: HERE, sender: '1002', since: '' as const, fromSeq: 1 as Seq };
        const by = { askedBy: 'test', toldJid: HERE, threadId: null, at: iso(0) };
        world.db.forgettings.add({ ...scope, toSeq: world.db.forgettings.lastSeq() }, by);
        forgetter(world).start();
        while (await world.clock.next());
        const all = bytes(world);
        const isGone = (i: number) => messages[i]?.sender === '1002' && i % 5 !== 0;
        expect(words.filter((word, i) => isGone(i) && holds(all, word))).toEqual([]);
        expect(
          words.filter(
            (word, i) =>
              !isGone(i) &&
              world.db.sqlite.prepare('SELECT 1 FROM messages WHERE instr(content, ?)').get(word),
          ),
        ).toEqual(words.filter((_, i) => !isGone(i)));
        world.db.sqlite.exec("INSERT INTO search_words (search_words, rank) VALUES ('integrity-check', 1)");
        world.db.close();
      },
    ),
    { numRuns: 12, endOnFailure: true },
  );
}, 120_000);

it('once nobody reads an old state any more', async () => {
  const world = createWorld();
  world.register();
  say(world, HERE, 1, '1001', 'kanarienwort', 1);
  settle(world);
  const reader = openDatabase(world.db.sqlite.name, undefined, { readonly: true });
  reader.exec('BEGIN; SELECT * FROM messages');
  world.db.forgettings.add(
    { chatJid: HERE, sender: null, since: '', fromSeq: 1 as Seq, toSeq: 1 as Seq },
    { askedBy: 'test', toldJid: null, threadId: null, at: iso(0) },
  );
  forgetter(world).start();
  await world.clock.advance(20_000);
  expect(world.db.messages.byMessageId(HERE, 1)).toBeNull();
  expect(holds(bytes(world), 'kanarienwort')).toBe(true);
  reader.exec('COMMIT');
  reader.close();
  await world.clock.advance(60_000);
  expect(holds(bytes(world), 'kanarienwort')).toBe(false);
});

it('also what retention has removed', async () => {
  const world = createWorld();
  for (let i = 1; i <= 50; i += 1) say(world, HERE, i, '1001', `kanarienwort${i}x`, i);
  settle(world);
  world.db.transaction(() => world.db.retention.messages(HERE, iso(Date.now() + 1e9), undefined, 1000));
  world.db.transaction(() => world.db.retention.updates(iso(Date.now() + 1e9), 1000));
  settle(world);
  world.db.sqlite.pragma('wal_checkpoint(TRUNCATE)');
  expect(holds(bytes(world), 'kanarienwort')).toBe(false);
});
