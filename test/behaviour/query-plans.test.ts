/**
 * Asks SQLite how it would run every statement that the repositories prepare, the real text of each: they are built
 * on a connection that writes down what it is asked to prepare. A new repository or statement is looked at by itself.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Sqlite } from '../../src/db/open.ts';

const DB_FOLDER = path.resolve(import.meta.dirname, '../../src/db');

/** Partial indexes that hold only what is open at this moment: to walk one is cheap however old the database is. */
const SMALL_INDEXES = [
  ...['turns_open', 'outbox_open', 'containers_live', 'messages_open'],
  ...['attachments_pending', 'task_runs_open', 'task_runs_waiting', 'scheduled_tasks_due', 'problems_open'],
  ...['agent_questions_open', 'agent_questions_waits', 'agent_questions_owed'],
];
/** As many rows as people registered groups, or asked for tasks, or presses wait at this moment; and ten rows a day. */
const SMALL_TABLES = [
  ...['registered_groups', 'scheduled_tasks', 'callback_answers', 'message_counts', 'allowances'],
  // One for each turn that runs just now.
  'progress_messages',
  // What was edited while a turn had it, until that is told.
  'corrections',
  // What has changed within half a minute; one row; one row a group.
  ...['search_due', 'd', 'search_state', 'search_chats', 'forgettings'],
];

/** The statements that walk all groups or all tasks because they list or count them, or move a group: never per message or turn. */
const LISTS_ALL = [
  /^SELECT chat_jid, name, folder, .* FROM registered_groups ORDER BY is_main DESC/,
  /^SELECT count\(\*\) FROM registered_groups$/,
  /^SELECT registered_groups\.chat_jid AS chatJid, /,
  /^SELECT chat_jid AS chatJid, .* FROM registered_groups WHERE paused IS NOT NULL/,
  /^SELECT id, group_folder, .* FROM scheduled_tasks ORDER BY group_folder, created_at$/,
  /^UPDATE (?:task_runs|scheduled_tasks) SET chat_jid = \? WHERE (?:task_id IN .*)?/,
];

interface PlanRow {
  detail: string;
}

const statements: { module: string; sql: string }[] = [];
const plans = new Map<string, string[]>();

beforeAll(async () => {
  const db = openDatabase(':memory:');
  for (const name of readdirSync(DB_FOLDER).filter((f) => f.endsWith('.ts') && !f.endsWith('.test.ts'))) {
    const module = (await import(path.join(DB_FOLDER, name))) as Record<string, unknown>;
    for (const [key, create] of Object.entries(module)) {
      if (!/(Repository|Query)$/.test(key) || typeof create !== 'function') continue;
      create(recording(db, (sql) => statements.push({ module: name, sql: sql.replace(/\s+/g, ' ').trim() })));
    }
  }
  for (const { sql } of statements) {
    const names = [...sql.matchAll(/@(\w+)/g)].map(([, name]) => [name, null] as const);
    const parameters: unknown[] =
      names.length > 0
        ? [Object.fromEntries(names)]
        : Array.from({ length: sql.split('?').length - 1 }, () => null);
    const rows = db.prepare<unknown[], PlanRow>(`EXPLAIN QUERY PLAN ${sql}`).all(...parameters);
    plans.set(
      sql,
      rows.map((row) => row.detail),
    );
  }
});

/** The same connection, telling what it is asked to prepare. */
function recording(db: Sqlite, note: (sql: string) => void): Sqlite {
  return new Proxy(db, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]) => {
        if (key === 'prepare') note(String(given[0]));
        return Reflect.apply(value, target, given);
      };
    },
  });
}

/** Steps that walk a table or index that grows with the months. In an index's own order a LIMIT ends the walk. */
const walks = (sql: string, steps: readonly string[]): string[] =>
  steps.filter((step) => {
    if (!step.startsWith('SCAN') || step === 'SCAN CONSTANT ROW') return false;
    // By words or by number, not all of it.
    if (/^SCAN search_words VIRTUAL TABLE INDEX \d+:.*[M=]/.test(step)) return false;
    if (/ LIMIT /.test(sql) && / USING INDEX /.test(step) && !steps.some((s) => s.includes('TEMP B-TREE')))
      return false;
    return (
      !SMALL_INDEXES.some((index) => step.endsWith(` ${index}`)) &&
      !SMALL_TABLES.some((table) => step === `SCAN ${table}` || step.startsWith(`SCAN ${table} USING`))
    );
  });
/** Sorting what is open now, or a person's list of groups, is nothing. */
const sorts = (sql: string, steps: readonly string[]): string[] =>
  steps.some((step) => step.startsWith('SCAN')) && walks(sql, steps).length === 0
    ? []
    : steps.filter((step) => step.includes('TEMP B-TREE'));

describe('every statement of the repositories', () => {
  it('is found', () => {
    expect([...new Set(statements.map(({ module }) => module))]).toEqual(
      expect.arrayContaining(['agents.ts', 'groups.ts', 'inbox.ts', 'messages.ts', 'outbox.ts', 'turns.ts']),
    );
    expect(statements.length).toBeGreaterThan(50);
  });

  it('searches by an index; none walks a table that grows', () => {
    expect([...plans].filter(([sql, steps]) => walks(sql, steps).length > 0)).toEqual([]);
  });

  it('walks the tasks or the groups only to list them all, or for a group that moves', () => {
    const walking = [...plans]
      .filter(([, steps]) => steps.some((step) => /^SCAN (?:scheduled_tasks|registered_groups)\b/.test(step)))
      .map(([sql]) => sql);
    expect(walking.length).toBeGreaterThan(0);
    expect(walking.filter((sql) => !LISTS_ALL.some((known) => known.test(sql)))).toEqual([]);
  });

  it('comes in its order from an index; none sorts', () => {
    expect([...plans].filter(([sql, steps]) => sorts(sql, steps).length > 0)).toEqual([]);
  });
});

describe('the query that DESIGN.md promises to operators', () => {
  it('is an index search in its order', () => {
    const db = openDatabase(':memory:');
    const plan = db
      .prepare<[], PlanRow>(
        "EXPLAIN QUERY PLAN SELECT timestamp, sender_name, content FROM messages WHERE chat_jid = '123456789' ORDER BY timestamp DESC LIMIT 10",
      )
      .all();
    expect(plan.map((row) => row.detail)).toEqual([
      'SEARCH messages USING INDEX messages_by_time (chat_jid=?)',
    ]);
    db.close();
  });
});
