/**
 * When a group becomes a supergroup, nothing that is its own stays under the old id. Asked of the schema itself: a row with
 * the old id goes into every table that can hold one, the group moves, and what still names the old id must be listed here.
 */
import { expect, it } from 'vitest';
import type { Sqlite } from '../../src/db/open.ts';
import { chatJid, iso } from '../../src/types.ts';
import { createWorld, FAMILY } from '../support/world.ts';

/** `table.column`, and for replies their state: why what is there may stay. */
const STAYS: Record<string, string> = {
  'audit_log.detail': 'append only: what was done then, in the words of then',
  'chats.chat_jid': 'Telegram knows both chats, and so do we; the new one has its own row',
  'inbox.chat_jid': 'the updates as they came',
  'outbox.chat_jid sent': 'what arrived, arrived there, and its message id counts there',
  'outbox.chat_jid failed': 'as what was sent',
  'progress_messages.chat_jid': 'where the message was sent, and would have to be deleted',
  'registered_groups.former_jid': 'this is the other name of the group',
};

/** Where the schema allows only some values. */
const ALLOWED: Record<string, string> = {
  'turns.state': 'retried',
  'scheduled_tasks.schedule_type': 'once',
  'scheduled_tasks.context_mode': 'group',
  'scheduled_tasks.status': 'active',
  'task_runs.state': 'due',
};
const REPLY_STATES = ['pending', 'sending', 'uncertain', 'sent', 'failed'];

interface Column {
  name: string;
  type: string;
}

const tablesOf = (db: Sqlite): { table: string; columns: Column[] }[] =>
  db
    .prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .pluck()
    .all()
    .map((table) => ({ table, columns: db.pragma(`table_info(${table})`) as Column[] }));

/** A row whose chat is this one; everything else in it is made up. */
function fill(db: Sqlite, table: string, columns: readonly Column[], chat: string, state?: string): void {
  const values = columns.map(({ name, type }) => {
    if (name === 'chat_jid') return chat;
    if (name === 'state' && state !== undefined) return state;
    const key = `${table}.${name}`;
    if (key in ALLOWED) return ALLOWED[key];
    // So that runs belong to the task, and no two replies are one.
    if (type === 'INTEGER') return name === 'edit_of' ? null : 7 + REPLY_STATES.indexOf(state ?? '');
    if (type === 'REAL') return 0.5;
    return name === 'task_id' ? 'scheduled_tasks id' : `${table} ${name}`;
  });
  const names = columns.map(({ name }) => `"${name}"`).join();
  db.prepare(`INSERT INTO ${table} (${names}) VALUES (${columns.map(() => '?').join()})`).run(...values);
}

it('every table that names a chat is moved with its group, or says why not', () => {
  const { db, register } = createWorld();
  const { sqlite } = db;
  const [from, to] = [chatJid(FAMILY), chatJid(-1_009_999)];
  register();
  const own = ({ table }: { table: string }) => table !== 'registered_groups';
  const tables = tablesOf(sqlite).filter(({ columns }) => columns.some(({ name }) => name === 'chat_jid'));
  for (const { table, columns } of tables.filter(own))
    for (const state of table === 'outbox' ? REPLY_STATES : [undefined])
      fill(sqlite, table, columns, from, state);
  // Those that hold a chat's id under another name.
  db.inbox.setMeta(`turn_limit_until:${from}`, iso(0));
  db.problems.add('chat_told', from, 'wait', iso(0));
  expect(tables.length).toBeGreaterThan(9);

  expect(db.groups.migrate(from, to)).toBe(true);

  const left = new Set<string>();
  const moved = new Set<string>();
  for (const { table, columns } of tablesOf(sqlite))
    for (const { name } of columns) {
      const state = table === 'outbox' ? "' ' || state" : "''";
      const places = sqlite.prepare<[string, string], string>(
        `SELECT DISTINCT ${state} FROM ${table} WHERE "${name}" = ? OR "${name}" LIKE ?`,
      );
      for (const more of places.pluck().all(from, `%:${from}`)) left.add(`${table}.${name}${more}`);
      for (const more of places.pluck().all(to, `%:${to}`)) moved.add(`${table}.${name}${more}`);
    }
  expect([...left].sort()).toEqual(Object.keys(STAYS).sort());
  expect([...moved].sort()).toEqual([
    'agent_questions.chat_jid',
    'chat_admins.chat_jid',
    'chats.chat_jid',
    'corrections.chat_jid',
    'forgettings.chat_jid',
    'heard_reactions.chat_jid',
    'messages.chat_jid',
    'meta.key',
    'outbox.chat_jid pending',
    'outbox.chat_jid sending',
    'outbox.chat_jid uncertain',
    'problems.subject',
    'questions.chat_jid',
    'registered_groups.chat_jid',
    'scheduled_tasks.chat_jid',
    'search_chats.chat_jid',
    'task_runs.chat_jid',
    'topics.chat_jid',
    'turns.chat_jid',
  ]);
});
