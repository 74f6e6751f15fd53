/** Fills a database by the hundred thousand, with SQL instead of the program's own single steps. */
import type { Db } from '../../src/db.ts';
import { ensureGroupFolders } from '../../src/mailbox/layout.ts';
import { type Folder, iso } from '../../src/types.ts';

export interface Seed {
  groups: number;
  messages?: number;
  tasks?: number;
  /** When a task is due first; undefined: some time the day after tomorrow. */
  due?: (task: number) => number | undefined;
}

const DAY_MS = 86_400_000;
/** Message ids from here on: what is said later in the simulator begins at 1. */
const SEEDED_IDS = 1_000_000;
const chatOf = (n: string): string => `CAST(-6000000000 - (${n}) AS TEXT)`;

/** Group 0 is main. Messages and tasks are dealt out evenly; every message is context that was settled long ago. */
export function seed(db: Db, home: string, { groups, messages = 0, tasks = 0, due }: Seed): void {
  const { sqlite } = db;
  const now = Date.now();
  // Nothing here must survive a power cut. The next to open the file sets it back to FULL.
  sqlite.pragma('synchronous = OFF');
  sqlite.pragma('cache_size = -262144');
  const numbers = 'WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)';
  db.transaction(() => {
    sqlite
      .prepare(
        `${numbers} INSERT INTO registered_groups
           (chat_jid, name, folder, "trigger", requires_trigger, is_main, added_at, shown_seq)
         SELECT ${chatOf('i')}, 'Group ' || i, 'g' || i, '@Nina', 1, i = 0, ?, ? FROM n`,
      )
      .run(groups, iso(now), messages);
    sqlite
      .prepare(
        `${numbers} INSERT INTO chats (chat_jid, name, type, first_seen, last_activity)
         SELECT ${chatOf('i')}, 'Group ' || i, 'group', ?, ? FROM n`,
      )
      .run(groups, iso(now), iso(now));
    if (messages > 0) {
      sqlite
        .prepare(
          `${numbers} INSERT INTO messages
             (chat_jid, message_id, sender, sender_name, content, timestamp, disposition, received_at)
           SELECT ${chatOf(`i % ${groups}`)}, i / ${groups} + ${SEEDED_IDS}, '1001000001', 'You',
             'message ' || i || ' of many, about as long as people write them in a group', t, 'not_for_nina', t
           FROM (SELECT i, strftime('%Y-%m-%dT%H:%M:%fZ', 1760000000 + i * 10, 'unixepoch') AS t FROM n)`,
        )
        .run(messages);
    }
    const insert = sqlite.prepare(
      `INSERT INTO scheduled_tasks (id, group_folder, chat_jid, prompt, schedule_type, schedule_value, timezone,
         context_mode, misfire, status, anchor, next_run, created_by, created_at)
       VALUES (?, ?, ?, 'ping', 'cron', ?, 'Europe/Berlin', 'isolated', 'run_once', 'active', ?, ?, 'bench', ?)`,
    );
    for (let task = 0; task < tasks; task += 1) {
      const group = task % groups;
      const first = due?.(task) ?? now + 2 * DAY_MS + Math.floor((task * DAY_MS) / tasks);
      insert.run(
        `task-${task}`,
        `g${group}`,
        String(-6_000_000_000 - group),
        `${task % 60} ${task % 24} * * *`,
        iso(now),
        iso(first),
        iso(now),
      );
    }
  });
  for (let group = 0; group < groups; group += 1) ensureGroupFolders(home, `g${group}` as Folder);
}
