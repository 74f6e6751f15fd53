/** A disk that is full for a while: what Telegram sent is stored completely or asked for again, never in part. */
import { describe, expect, it } from 'vitest';
import {
  BOT,
  createTestLog,
  createWorld,
  FAMILY,
  messageRows,
  messageUpdate,
  routerOf,
} from '../support/world.ts';

/** Lets the database grow by so many pages, no further: SQLite itself then says SQLITE_FULL. */
function leaveRoom(sqlite: ReturnType<typeof createWorld>['db']['sqlite'], pages: number | null): void {
  const used = Number(sqlite.pragma('page_count', { simple: true }));
  sqlite.pragma(`max_page_count = ${pages === null ? 1_073_741_823 : used + pages}`);
}

describe('a batch that does not fit onto the disk', () => {
  it.each([0, 1, 2, 3, 5, 8, 13, 21])('is not stored in part (%i pages of room)', (room) => {
    const world = createWorld();
    const { db } = world;
    world.register();
    const { log, events } = createTestLog();
    const woken: string[] = [];
    const router = routerOf(world, { log, wakeQueue: (jid) => void woken.push(jid) });
    const batch = Array.from({ length: 40 }, (_, i) =>
      messageUpdate(i + 1, { text: `@Nina ${'x'.repeat(3000)}` }),
    );
    leaveRoom(db.sqlite, room);
    expect(() => router.accept(BOT, batch, 41)).toThrow(/full/);
    expect(db.inbox.offset(BOT.id)).toBe(0);
    expect(db.sqlite.prepare('SELECT count(*) FROM inbox').pluck().get()).toBe(0);
    expect(messageRows(db, String(FAMILY))).toEqual([]);
    expect(woken).toEqual([]);

    leaveRoom(db.sqlite, null);
    router.accept(BOT, batch, 41);
    expect(messageRows(db, String(FAMILY))).toHaveLength(40);
    expect(db.inbox.offset(BOT.id)).toBe(41);
    expect(events('update_failed')).toEqual([]);
  });
});
