/**
 * Removes what is over and old, a few rows at a time. Each sweep looks at the oldest rows behind a cursor, at most `limit`
 * of them, and removes those that nothing unsettled needs. In the caller's transaction.
 * Never removed, however old: a message without a disposition, a turn that is queued or running, a reply that is neither
 * sent nor failed, a task run that is not finished, a task that is active or paused; and what these refer to.
 */
import type { ChatJid, Folder, Iso } from '../types.ts';
import type { Sqlite } from './open.ts';

/** Behind which row to go on: its age, and its key among those of one age. */
export type Cursor = readonly [age: string, key: number | string];
const START: Cursor = ['', -1];

export interface Swept {
  removed: number;
  /** Null: no old row is left behind this one. */
  next: Cursor | null;
}

export type Sweep = (before: Iso, from: Cursor | undefined, limit: number) => Swept;

interface Old {
  age: string;
  key: number | string;
}

const OPEN_REPLY = "state IN ('pending', 'sending', 'uncertain')";
const OPEN_TURN = "state IN ('queued', 'running')";

export function retentionRepository(db: Sqlite) {
  /** The old rows of a table, in the order of an index over their age that holds nothing else. */
  function sweep(
    from: { table: string; index: string; where: string; age: string; key: string },
    remove: (key: number | string, before: Iso) => number,
  ): Sweep {
    const { table, index, where, age, key } = from;
    const find = db.prepare<[string, string, string, number | string, number], Old>(
      `SELECT ${age} AS age, ${key} AS key FROM ${table} INDEXED BY ${index} WHERE ${where}
         AND ${age} < ? AND ${age} >= ? AND (${age} > ? OR ${key} > ?) ORDER BY ${age}, ${key} LIMIT ?`,
    );
    return (before, [fromAge, fromKey] = START, limit) =>
      take(find.all(before, fromAge, fromAge, fromKey, limit), limit, (row) => remove(row, before));
  }

  const freeTurn = db
    .prepare<[number | string, string], string>(
      `SELECT id FROM turns t WHERE seq = ? AND NOT ${OPEN_TURN}
         AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.turn_id = t.id AND (o.${OPEN_REPLY} OR o.sent_at >= ?))
         -- A later attempt asks what the earlier ones have done.
         AND NOT EXISTS (SELECT 1 FROM turns c WHERE c.chain = t.chain AND c.${OPEN_TURN})
         AND NOT EXISTS (SELECT 1 FROM turns c JOIN task_runs r ON r.turn_id = c.id
           WHERE c.chain = t.chain AND r.state <> 'finished')
         AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.turn_id = t.id AND m.disposition IS NULL)
         AND NOT EXISTS (SELECT 1 FROM messages m INDEXED BY messages_open WHERE m.chat_jid = t.chat_jid
           AND m.disposition IS NULL AND m.seq > t.from_seq AND m.seq <= t.to_seq)`,
    )
    .pluck();
  const ofTurn = [
    db.prepare<[string]>('DELETE FROM outbox WHERE turn_id = ?'),
    db.prepare<[string]>('DELETE FROM task_runs WHERE turn_id = ?'),
    db.prepare<[string]>('DELETE FROM turns WHERE id = ?'),
  ];
  const reply = db.prepare<[number | string]>('DELETE FROM outbox WHERE id = ?');
  const run = db.prepare<[number | string]>('DELETE FROM task_runs WHERE id = ?');
  const task = db.prepare<[number | string, string]>(
    `DELETE FROM scheduled_tasks WHERE id = ? AND coalesce(last_run, created_at) < ?
       AND NOT EXISTS (SELECT 1 FROM task_runs r WHERE r.task_id = scheduled_tasks.id)`,
  );
  const container = db.prepare<[number | string]>(
    `DELETE FROM containers WHERE name = ? AND NOT EXISTS (SELECT 1 FROM turns t INDEXED BY turns_open
       WHERE t.${OPEN_TURN} AND t.container_id = containers.name)`,
  );
  const chat = db.prepare<[number | string]>(
    `DELETE FROM chats WHERE chat_jid = ?
       AND NOT EXISTS (SELECT 1 FROM registered_groups g WHERE g.chat_jid = chats.chat_jid)`,
  );
  const update = db.prepare<[string, number]>(
    `DELETE FROM inbox WHERE (bot_id, update_id) IN
       (SELECT bot_id, update_id FROM inbox WHERE received_at < ? AND error IS NULL ORDER BY received_at LIMIT ?)`,
  );
  const failedUpdate = db.prepare<[string, number]>(
    `DELETE FROM inbox WHERE (bot_id, update_id) IN
       (SELECT bot_id, update_id FROM inbox WHERE received_at < ? ORDER BY received_at LIMIT ?)`,
  );
  const command = db.prepare<[string, string, number]>(
    `DELETE FROM ipc_commands WHERE (group_folder, id) IN (SELECT group_folder, id FROM ipc_commands
       WHERE group_folder = ? AND created_at < ?
         AND NOT EXISTS (SELECT 1 FROM turns t WHERE t.id = ipc_commands.turn_id) ORDER BY created_at LIMIT ?)`,
  );
  const nextCommander = db
    .prepare<[string], string | null>('SELECT min(group_folder) FROM ipc_commands WHERE group_folder > ?')
    .pluck();
  const oldMessages = db.prepare<[string, string, string, string, number | string, number], Old>(
    `SELECT timestamp AS age, seq AS key FROM messages WHERE chat_jid = ? AND timestamp < ? AND timestamp >= ?
       AND (timestamp > ? OR seq > ?) ORDER BY timestamp, seq LIMIT ?`,
  );
  const message = db.prepare<[number | string]>(
    `DELETE FROM messages WHERE seq = ? AND disposition IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM turns t WHERE t.id = messages.turn_id AND t.${OPEN_TURN})
       AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.turn_id = messages.turn_id AND o.${OPEN_REPLY})`,
  );
  // One that lies in a folder goes with its file, in its own time.
  const ofMessage = db.prepare<[number | string]>(
    "DELETE FROM attachments WHERE message_seq = ? AND state <> 'stored'",
  );
  const nextChat = db
    .prepare<[string], string | null>('SELECT min(chat_jid) FROM messages WHERE chat_jid > ?')
    .pluck();
  const copy = db
    .prepare<[string], number>(
      `SELECT 1 FROM outbox INDEXED BY outbox_files WHERE file_path = ? AND file_path IS NOT NULL AND state <> 'sent'`,
    )
    .pluck();

  return {
    /** With its replies and its task run, which make one story. */
    turns: sweep(
      {
        table: 'turns',
        index: 'turns_ended',
        where: 'finished_at IS NOT NULL',
        age: 'finished_at',
        key: 'seq',
      },
      (seq, before) => {
        const id = freeTurn.get(seq, before);
        return id === undefined ? 0 : ofTurn.reduce((sum, part) => sum + part.run(id).changes, 0);
      },
    ),
    /** Those that belong to no turn: answers of the daemon itself. */
    replies: sweep(
      {
        table: 'outbox',
        index: 'outbox_settled',
        where: "turn_id IS NULL AND state IN ('sent', 'failed')",
        age: 'created_at',
        key: 'id',
      },
      (id) => reply.run(id).changes,
    ),
    /** Those that never became a turn. */
    taskRuns: sweep(
      {
        table: 'task_runs',
        index: 'task_runs_over',
        where: "turn_id IS NULL AND state = 'finished'",
        age: 'finished_at',
        key: 'id',
      },
      (id) => run.run(id).changes,
    ),
    /** Those that are over, once no run of theirs is left. */
    tasks: sweep(
      {
        table: 'scheduled_tasks',
        index: 'scheduled_tasks_over',
        where: "status IN ('done', 'cancelled')",
        age: 'created_at',
        key: 'id',
      },
      (id, before) => task.run(id, before).changes,
    ),
    containers: sweep(
      {
        table: 'containers',
        index: 'containers_ended',
        where: 'ended_at IS NOT NULL',
        age: 'ended_at',
        key: 'name',
      },
      (name) => container.run(name).changes,
    ),
    /** Chats that are not registered and where nothing has happened since. */
    chats: sweep(
      { table: 'chats', index: 'chats_by_activity', where: 'true', age: 'last_activity', key: 'chat_jid' },
      (jid) => chat.run(jid).changes,
    ),
    /** Updates that were applied. */
    updates: (before: Iso, limit: number): number => update.run(before, limit).changes,
    /** All updates, also those that could not be applied. */
    failedUpdates: (before: Iso, limit: number): number => failedUpdate.run(before, limit).changes,
    /**
     * Those whose turn is gone, too. Only after the folder's mailbox was emptied: a file that lies there may be a command
     * that is noted here.
     */
    commands: (folder: Folder, before: Iso, limit: number): number =>
      command.run(folder, before, limit).changes,
    /** The next folder in order that has notes of commands; '' for the first. */
    nextCommander: (after: string): Folder | null => (nextCommander.get(after) ?? null) as Folder | null,
    /** The chat's messages that are settled. */
    messages: (jid: ChatJid, before: Iso, from: Cursor | undefined, limit: number): Swept => {
      const [age, key] = from ?? START;
      const found = oldMessages.all(jid, before, age, age, key, limit);
      return take(found, limit, (seq) => {
        const { changes } = message.run(seq);
        if (changes > 0) ofMessage.run(seq);
        return changes;
      });
    },
    /** The next chat in order that has messages; '' for the first. */
    nextChat: (after: string): ChatJid | null => (nextChat.get(after) ?? null) as ChatJid | null,
    /** The copy is still to be sent, or could not be. */
    needsCopy: (file: string): boolean => copy.get(file) === 1,
  };
}

function take(found: readonly Old[], limit: number, remove: (key: number | string) => number): Swept {
  let removed = 0;
  for (const row of found) removed += remove(row.key);
  const last = found.at(-1);
  return { removed, next: last && found.length === limit ? [last.age, last.key] : null };
}
