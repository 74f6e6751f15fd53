/** What a message of a busy chat costs besides its own rows: counted as rows written, never timed. */
import { expect, it } from 'vitest';
import { chatJid } from '../../src/types.ts';
import { BOT, createWorld, FAMILY, messageUpdate, routerOf } from '../support/world.ts';

const jid = chatJid(FAMILY);

/** How often the row of a chat was written. */
function watchedChats() {
  const world = createWorld();
  world.register();
  const { db, clock } = world;
  db.sqlite.exec(`CREATE TEMP TABLE written (n INTEGER);
    CREATE TEMP TRIGGER chat_added AFTER INSERT ON main.chats BEGIN INSERT INTO written VALUES (1); END;
    CREATE TEMP TRIGGER chat_changed AFTER UPDATE ON main.chats BEGIN INSERT INTO written VALUES (1); END;`);
  const router = routerOf(world);
  let id = 0;
  const say = (count: number, title = 'Family') => {
    const updates = Array.from({ length: count }, () => {
      id += 1;
      return messageUpdate(id, { text: 'hello', more: { chat: { id: FAMILY, type: 'group', title } } });
    });
    router.accept(BOT, updates, id + 1);
  };
  const written = () => db.sqlite.prepare('SELECT count(*) FROM written').pluck().get();
  return { db, clock, say, written };
}

it('its row is written once a second, not for each message', async () => {
  const { db, clock, say, written } = watchedChats();
  say(100);
  say(100);
  expect(written()).toBe(1);
  await clock.advance(1000);
  say(100);
  expect(written()).toBe(2);
  expect(db.groups.chat(jid)?.lastActivity).toBe(new Date(clock.now()).toISOString());
});

it('a new name is written at once, and a clock that goes back takes nothing away', () => {
  const { db, clock, say, written } = watchedChats();
  say(1);
  say(1, 'The family');
  expect(written()).toBe(2);
  expect(db.groups.chat(jid)?.name).toBe('The family');
  const before = db.groups.chat(jid)?.lastActivity;
  clock.jump(-3_600_000);
  say(10, 'The family');
  expect(written()).toBe(2);
  say(1, 'All of us');
  expect(db.groups.chat(jid)).toMatchObject({ name: 'All of us', lastActivity: before });
});
