/**
 * Snapshots in the mailboxes: what an agent can look at without asking. Written before each turn and after each
 * change; the database is the truth.
 */
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { localTime } from '../lib/local-time.ts';
import type { Logger } from '../log.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { writeSnapshot } from '../mailbox/write.ts';
import type { AvailableGroups, CurrentTasks } from '../protocol.ts';
import { taskRecord } from '../tasks.ts';
import { type ChatJid, type Group, type Iso, iso } from '../types.ts';

/** in/available_groups.json, main only: every chat the bot has seen, and whether it is registered. */
export function writeAvailableGroups(db: Db, home: string, group: Group, at: Iso): void {
  if (!group.isMain) return;
  const snapshot: AvailableGroups = {
    written_at: at,
    chats: db.groups.knownChats().map((c) => ({
      chat_jid: c.chatJid,
      name: c.name,
      type: c.type,
      registered: c.folder !== null,
      folder: c.folder,
      last_activity: c.lastActivity,
    })),
  };
  writeSnapshot(groupPaths(home, group.folder), 'available_groups', snapshot);
}

/** in/current_tasks.json: the group's own tasks that are not over; those of all groups for main. */
export function writeCurrentTasks(db: Db, home: string, group: Group, at: Iso): void {
  const tasks = group.isMain ? db.tasks.all() : db.tasks.ofGroup(group.folder);
  const snapshot: CurrentTasks = {
    written_at: at,
    tasks: tasks
      .filter((t) => t.status === 'active' || t.status === 'paused')
      .map((t) => ({
        ...taskRecord(t),
        next_run_local: t.nextRun === null ? null : localTime(Date.parse(t.nextRun), t.timezone),
      })),
  };
  writeSnapshot(groupPaths(home, group.folder), 'current_tasks', snapshot);
}

/** Changes of so long a time are one file: with thousands of tasks each is megabytes. */
const SOON_MS = 500;
/** Between two of many: a task that falls due meanwhile must not wait for all of them. */
const NEXT_MS = 20;

/**
 * Keeps current_tasks.json behind the changes: of the chat's own group and of main. `writeNow` before somebody is
 * answered who may look, `writeSoon` for the rest. A file that cannot be written is logged; the next turn writes it.
 */
export function createTaskSnapshots({
  db,
  home,
  clock,
  log,
}: {
  db: Db;
  home: string;
  clock: Clock;
  log: Logger;
}) {
  const dirty = new Set<ChatJid>();
  let timer: Timer | undefined;

  function write(chats: Iterable<ChatJid>): void {
    const groups = new Map(
      [db.groups.main(), ...[...chats].map((jid) => db.groups.byJid(jid))].map((g) => [g?.folder, g]),
    );
    for (const group of groups.values()) if (group) writeOne(group);
  }

  function writeOne(group: Group): void {
    try {
      writeCurrentTasks(db, home, group, iso(clock.now()));
    } catch (error) {
      log.warn({ event: 'snapshot_failed', group: group.folder }, messageOf(error));
    }
  }

  /** One group's file at a time, main's last: it holds the tasks of all. */
  function flush(): void {
    timer = undefined;
    if (!db.sqlite.open) return dirty.clear();
    const main = db.groups.main();
    const next = [...dirty].find((jid) => jid !== main?.chatJid);
    const group = next === undefined ? main : db.groups.byJid(next);
    if (group) writeOne(group);
    if (next === undefined) return dirty.clear();
    dirty.delete(next);
    timer = clock.after(NEXT_MS, flush);
  }

  return {
    writeNow: (jid: ChatJid) => write([jid]),
    writeSoon(jid: ChatJid): void {
      dirty.add(jid);
      timer ??= clock.after(SOON_MS, flush);
    },
    stop: () => timer?.cancel(),
  };
}
