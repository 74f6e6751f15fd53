/** DESIGN.md promises this query to operators: at any time, from another process, also read-only. */
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { databaseFile } from '../../src/db/open.ts';
import { chatJid } from '../../src/types.ts';
import { createWorld, storeMessage } from '../support/world.ts';

const QUERY =
  "SELECT timestamp, sender_name, content FROM messages WHERE chat_jid = '123456789' ORDER BY timestamp DESC LIMIT 10;";
const JID = chatJid('123456789');

const PUBLIC: Record<string, string> = {
  messages:
    'seq, chat_jid, message_id, thread_id, sender, sender_name, content, timestamp, is_bot_message, turn_id, disposition',
  registered_groups: 'chat_jid, name, folder, trigger, requires_trigger, is_main, added_at',
  turns:
    'id, chat_jid, kind, state, attempt, container_id, queued_at, started_at, finished_at, error, input_tokens, output_tokens, cost_usd',
  outbox: 'id, chat_jid, turn_id, text, state, attempts, not_before, sent_message_id, created_at, sent_at',
  ipc_commands: 'id, group_folder, type, outcome, reason, created_at',
  chats: 'chat_jid',
  sessions: 'group_folder, session_id',
  audit_log: 'id',
};

describe('the operator', () => {
  it.each([false, true])('reads messages while the daemon writes (read-only: %s)', (readonly) => {
    const { home, db } = createWorld();
    for (let id = 1; id <= 12; id += 1) storeMessage(db, JID, id);
    const other = new Database(databaseFile(home), { readonly });
    const newest = (rows: unknown[]) => (rows[0] as { content: string } | undefined)?.content;
    db.transaction(() => {
      storeMessage(db, JID, 13);
      // In the middle of a transaction: what is committed is there, without waiting.
      const rows = other.prepare(QUERY).all();
      expect(rows).toHaveLength(10);
      expect(newest(rows)).toBe('message 12');
      expect(rows[0]).toEqual({
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        sender_name: 'Anna',
        content: 'message 12',
      });
    });
    expect(newest(other.prepare(QUERY).all())).toBe('message 13');
    other.close();
  });

  it('does not hold up the daemon with a long read', () => {
    const { home, db } = createWorld();
    for (let id = 1; id <= 3; id += 1) storeMessage(db, JID, id);
    const other = new Database(databaseFile(home), { readonly: true });
    const cursor = other.prepare(QUERY).iterate();
    cursor.next();
    storeMessage(db, JID, 4);
    expect(db.messages.byMessageId(JID, 4)).not.toBeNull();
    cursor.return?.();
    other.close();
  });

  it('finds the file readable after the daemon stopped', () => {
    const { home, db } = createWorld();
    storeMessage(db, JID, 1);
    db.close();
    const other = new Database(databaseFile(home), { readonly: true });
    expect(other.prepare(QUERY).all()).toHaveLength(1);
    other.close();
  });

  it.each(Object.entries(PUBLIC))('finds the public columns of %s', (table, columns) => {
    const { db } = createWorld();
    expect(() => db.sqlite.prepare(`SELECT ${columns} FROM ${table}`).all()).not.toThrow();
  });
});
