/** Telegram updates as they came, and where the next poll begins. Both move in one transaction. */
import type { Iso } from '../types.ts';
import type { Sqlite } from './open.ts';

export function inboxRepository(db: Sqlite) {
  const insert = db.prepare(
    `INSERT INTO inbox (bot_id, update_id, kind, chat_jid, received_at, payload) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (bot_id, update_id) DO NOTHING`,
  );
  const fail = db.prepare('UPDATE inbox SET error = ? WHERE bot_id = ? AND update_id = ?');
  const getMeta = db.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck();
  const setMeta = db.prepare(
    'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
  );

  return {
    /** False when this update was stored before. */
    insert(u: {
      botId: number;
      updateId: number;
      kind: string;
      chatJid: string | null;
      at: Iso;
      payload: string | null;
    }): boolean {
      return insert.run(u.botId, u.updateId, u.kind, u.chatJid, u.at, u.payload).changes === 1;
    },
    fail(botId: number, updateId: number, error: string): void {
      fail.run(error, botId, updateId);
    },
    /** The offset for the next getUpdates of this bot; 0 before the first batch. */
    offset: (botId: number): number => Number(getMeta.get(`offset:${botId}`) ?? 0),
    setOffset(botId: number, offset: number): void {
      setMeta.run(`offset:${botId}`, String(offset));
    },
    meta: (key: string): string | null => getMeta.get(key) ?? null,
    setMeta(key: string, value: string): void {
      setMeta.run(key, value);
    },
  };
}
